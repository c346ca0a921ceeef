-- Deletions of many issues, from the time somebody asks for one until it is done.

CREATE TABLE deletions (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         BIGINT REFERENCES users (id) ON DELETE SET NULL,  -- who asked
    discards        BIGINT NOT NULL,             -- whether what comes of the issues is dropped
    state           BIGINT NOT NULL DEFAULT 0,   -- gathered 0, waits 1, goes on 2, is taken back 3
    issues          BIGINT NOT NULL DEFAULT 0,
    done            BIGINT NOT NULL DEFAULT 0,   -- issues that are gone
    asked_at        BIGINT NOT NULL,
    due_at          BIGINT NOT NULL              -- until then it can be taken back
);

-- What is left of them.
CREATE TABLE deletion_issues (
    issue_id    INTEGER PRIMARY KEY REFERENCES issues (id) ON DELETE CASCADE,
    deletion_id BIGINT NOT NULL REFERENCES deletions (id) ON DELETE CASCADE
);
CREATE INDEX deletion_issues_by_deletion ON deletion_issues (deletion_id);
