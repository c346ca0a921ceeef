-- What projects set about grouping. A project without a row groups the latest way and has no
-- rules; a migration that brings a new way gives every project without a row the one before.

CREATE TABLE project_grouping (
    project_id     BIGINT NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    previous       BIGINT,                           -- the way before, while it still finds issues
    previous_until BIGINT,                           -- unix milliseconds
    enhancements   TEXT   NOT NULL DEFAULT '',       -- rules about frames
    fingerprints   TEXT   NOT NULL DEFAULT '',       -- rules about fingerprints
    updated_at     BIGINT NOT NULL
);

-- The projects there are have issues by the first way: those are found by it for 90 days.
INSERT INTO project_grouping (project_id, version, previous, previous_until, updated_at)
SELECT id, 2, 1, (CAST(strftime('%s', 'now') AS BIGINT) + 90 * 86400) * 1000,
       CAST(strftime('%s', 'now') AS BIGINT) * 1000
FROM projects;

-- Hashes whose events are told apart by a tag as well.
CREATE TABLE issue_splits (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    hash       BLOB   NOT NULL,
    tag        TEXT   NOT NULL,
    PRIMARY KEY (project_id, hash)
);

-- What an issue's first event has in common with others: calls, types, words.
CREATE TABLE issue_features (
    project_id BIGINT NOT NULL,
    feature    BIGINT NOT NULL,
    issue_id   BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, feature, issue_id)
) WITHOUT ROWID;
CREATE INDEX issue_features_by_issue ON issue_features (issue_id);

-- Issues whose events were moved, and have to be indexed again.
CREATE TABLE issue_moves (
    issue_id  BIGINT NOT NULL PRIMARY KEY REFERENCES issues (id) ON DELETE CASCADE,
    after_row BIGINT NOT NULL DEFAULT 0
);
