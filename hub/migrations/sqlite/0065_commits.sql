-- Releases as people make them, the commits they are made of, and where they are deployed.
ALTER TABLE releases ADD COLUMN started_at BIGINT;
ALTER TABLE releases ADD COLUMN released_at BIGINT;
ALTER TABLE releases ADD COLUMN url TEXT;
ALTER TABLE releases ADD COLUMN ref TEXT;
ALTER TABLE releases ADD COLUMN is_archived BOOLEAN NOT NULL DEFAULT FALSE;

-- Whether events of the project name the release; otherwise somebody said that it is the project's.
ALTER TABLE release_projects ADD COLUMN has_events BOOLEAN NOT NULL DEFAULT TRUE;
CREATE INDEX release_projects_by_project ON release_projects (project_id, first_seen_at);

CREATE TABLE repositories (
    id              INTEGER PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name            TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    UNIQUE (organization_id, name)
);

CREATE TABLE commits (
    id            INTEGER PRIMARY KEY,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    sha           TEXT   NOT NULL,
    message       TEXT   NOT NULL,
    author_name   TEXT   NOT NULL,
    author_email  TEXT   NOT NULL,
    committed_at  BIGINT NOT NULL,
    UNIQUE (repository_id, sha)
);
CREATE INDEX commits_by_sha ON commits (sha);

-- kind: A added, M modified, D deleted.
CREATE TABLE commit_files (
    commit_id BIGINT NOT NULL REFERENCES commits (id) ON DELETE CASCADE,
    path      TEXT   NOT NULL,
    kind      TEXT   NOT NULL,
    PRIMARY KEY (commit_id, path)
) WITHOUT ROWID;

-- The latest commit of a release has place 0.
CREATE TABLE release_commits (
    release_id BIGINT  NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    place      INTEGER NOT NULL,
    commit_id  BIGINT  NOT NULL REFERENCES commits (id) ON DELETE CASCADE,
    PRIMARY KEY (release_id, place)
) WITHOUT ROWID;
CREATE INDEX release_commits_by_commit ON release_commits (commit_id);

CREATE TABLE deploys (
    id          INTEGER PRIMARY KEY,
    release_id  BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    environment TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    url         TEXT,
    started_at  BIGINT,
    finished_at BIGINT NOT NULL
);
CREATE INDEX deploys_by_release ON deploys (release_id, finished_at);

-- Issues that wait for the release of the commit they were resolved in.
CREATE INDEX issues_in_commit ON issues (json_extract(status_details, '$.inCommit.commit'))
    WHERE json_extract(status_details, '$.inCommit.commit') IS NOT NULL;

-- How many issues are new in a release.
CREATE INDEX issues_by_first_release ON issues (project_id, first_release)
    WHERE first_release IS NOT NULL;
