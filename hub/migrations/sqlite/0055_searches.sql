-- Searches for issues that people keep: for themselves or for everyone, pinned, or made lately.

CREATE TABLE saved_searches (
    id              INTEGER PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name            TEXT   NOT NULL,
    query           TEXT   NOT NULL,
    sort            TEXT   NOT NULL,
    is_shared       BOOLEAN NOT NULL,                -- with the organization
    created_at      BIGINT NOT NULL
);
CREATE INDEX saved_searches_by_organization ON saved_searches (organization_id, name);

-- What someone's list of issues begins with.
CREATE TABLE pinned_searches (
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    query           TEXT   NOT NULL,
    sort            TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);

CREATE TABLE recent_searches (
    id              INTEGER PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    query           TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    last_seen_at    BIGINT NOT NULL,
    UNIQUE (organization_id, user_id, query)
);
