-- Issues that were discarded: what they were, and the hashes whose events are dropped.

CREATE TABLE tombstones (
    id         INTEGER PRIMARY KEY,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    kind       TEXT   NOT NULL,
    title      TEXT   NOT NULL,
    culprit    TEXT   NOT NULL,
    metadata   TEXT   NOT NULL,                      -- JSON, as the issue had it
    level      TEXT   NOT NULL,
    user_id    BIGINT,                               -- who discarded it
    created_at BIGINT NOT NULL
);
CREATE INDEX tombstones_by_project ON tombstones (project_id, id);

CREATE TABLE tombstone_hashes (
    project_id   BIGINT NOT NULL,
    hash         BLOB   NOT NULL,
    tombstone_id BIGINT NOT NULL REFERENCES tombstones (id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, hash)
);
CREATE INDEX tombstone_hashes_by_tombstone ON tombstone_hashes (tombstone_id);
