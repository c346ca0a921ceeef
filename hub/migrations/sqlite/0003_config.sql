-- Rosters as they were published, so that a hub that starts again goes on where it was.

CREATE TABLE config_bundles (
    version   BIGINT PRIMARY KEY,
    state     TEXT   NOT NULL,              -- stable, tried, failed, past
    bytes     BLOB   NOT NULL,              -- as they were signed
    issued_at BIGINT NOT NULL,
    reason    TEXT   NOT NULL DEFAULT ''    -- why it failed
);

-- How much of the link single relays may take.
CREATE TABLE relay_links (
    relay_id BLOB PRIMARY KEY REFERENCES relays (id) ON DELETE CASCADE,
    settings TEXT NOT NULL                  -- JSON
);
