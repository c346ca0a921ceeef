-- The users of issues that are archived until so many come within a window; kept from the time of
-- the archival on, by the first 8 bytes of SHA-256 of the user's key.

CREATE TABLE issue_recent_users (
    issue_id  BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    user_hash BLOB   NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (issue_id, user_hash)
);
