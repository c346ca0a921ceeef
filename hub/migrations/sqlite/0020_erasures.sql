-- What relays were asked to remove from what they still keep, and what became of it. Nobody is
-- named: people are digests.

CREATE TABLE erasures (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    subjects   TEXT   NOT NULL,              -- JSON: digests in hex
    events     TEXT   NOT NULL,              -- JSON: event ids
    created_at BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL               -- relays are asked until then
);

CREATE TABLE erasure_receipts (
    erasure_id BIGINT NOT NULL REFERENCES erasures (id) ON DELETE CASCADE,
    relay_id   BLOB   NOT NULL REFERENCES relays (id) ON DELETE CASCADE,
    records    BIGINT NOT NULL,
    items      BIGINT NOT NULL,
    left_over  BIGINT NOT NULL,              -- files that may still hold some
    at         BIGINT NOT NULL,
    PRIMARY KEY (erasure_id, relay_id)
);
