-- Issues that whoever has the link may see.
CREATE TABLE issue_shares (
    issue_id   BIGINT PRIMARY KEY REFERENCES issues (id) ON DELETE CASCADE,
    share_id   TEXT   NOT NULL UNIQUE,
    user_id    BIGINT REFERENCES users (id) ON DELETE SET NULL,
    created_at BIGINT NOT NULL
);
