-- Times are unix milliseconds, ids of sixteen bytes are BLOB, JSON is TEXT.
-- The subset of SQL is the one that PostgreSQL shares.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- People ------------------------------------------------------------------------------------

CREATE TABLE organizations (
    id         INTEGER PRIMARY KEY,
    slug       TEXT   NOT NULL UNIQUE,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id            INTEGER PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,           -- lower case
    name          TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,                  -- argon2id, PHC string
    is_active     BOOLEAN NOT NULL DEFAULT TRUE,
    created_at    BIGINT  NOT NULL,
    last_login_at BIGINT
);

CREATE TABLE members (
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role            TEXT   NOT NULL,                 -- owner, manager, admin, member
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);

CREATE TABLE teams (
    id              INTEGER PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    slug            TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    UNIQUE (organization_id, slug)
);

CREATE TABLE team_members (
    team_id BIGINT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (team_id, user_id)
);

CREATE TABLE sessions (
    id_hash      BLOB   PRIMARY KEY,                 -- SHA-256 of the cookie's value
    user_id      BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    csrf_token   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE api_tokens (
    id           INTEGER PRIMARY KEY,
    token_hash   BLOB   NOT NULL UNIQUE,             -- SHA-256 of the whole token
    last_four    TEXT   NOT NULL,
    user_id      BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT   NOT NULL,
    scopes       TEXT   NOT NULL,                    -- JSON array of names
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at   BIGINT
);

-- Projects ----------------------------------------------------------------------------------

CREATE TABLE projects (
    id              INTEGER PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    slug            TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    platform        TEXT   NOT NULL DEFAULT 'other',
    options         TEXT   NOT NULL DEFAULT '{}',    -- JSON: privacy settings, allowed origins
    next_short_id   BIGINT NOT NULL DEFAULT 1,
    created_at      BIGINT NOT NULL,
    first_event_at  BIGINT,
    UNIQUE (organization_id, slug)
);

CREATE TABLE project_teams (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    team_id    BIGINT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, team_id)
);

CREATE TABLE project_keys (
    public_key          TEXT    PRIMARY KEY,         -- 32 hexadecimal digits
    secret_key          TEXT    NOT NULL,
    project_id          BIGINT  NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    label               TEXT    NOT NULL,
    is_active           BOOLEAN NOT NULL DEFAULT TRUE,
    rate_limit_count    BIGINT,
    rate_limit_window_s BIGINT,
    created_at          BIGINT  NOT NULL
);
CREATE INDEX project_keys_by_project ON project_keys (project_id);

CREATE TABLE environments (
    project_id    BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name          TEXT   NOT NULL,                   -- '' is "no environment"
    first_seen_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, name)
);

CREATE TABLE releases (
    id              INTEGER PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    version         TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    UNIQUE (organization_id, version)
);

CREATE TABLE release_projects (
    release_id    BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    project_id    BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    PRIMARY KEY (release_id, project_id)
);

-- Issues ------------------------------------------------------------------------------------

CREATE TABLE issues (
    id              INTEGER PRIMARY KEY,
    project_id      BIGINT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    short_id        BIGINT   NOT NULL,               -- counts within the project
    kind            TEXT     NOT NULL,               -- error, default, csp, …
    title           TEXT     NOT NULL,
    culprit         TEXT     NOT NULL,
    metadata        TEXT     NOT NULL,               -- JSON: type, value, filename, function
    level           TEXT     NOT NULL,
    platform        TEXT     NOT NULL,
    logger          TEXT,
    is_unhandled    BOOLEAN  NOT NULL,
    status          SMALLINT NOT NULL,               -- 0 unresolved, 1 resolved, 2 ignored
    substatus       SMALLINT,
    status_details  TEXT     NOT NULL DEFAULT '{}',  -- JSON: how resolved or archived
    priority        SMALLINT NOT NULL,               -- 25, 50, 75
    assignee        TEXT,                            -- user:1, team:1
    first_seen      BIGINT   NOT NULL,
    last_seen       BIGINT   NOT NULL,
    times_seen      BIGINT   NOT NULL,
    users_seen      BIGINT   NOT NULL,
    first_release   TEXT,
    last_release    TEXT,
    resolved_at     BIGINT,
    latest_event    BLOB     NOT NULL,
    grouping        TEXT     NOT NULL,               -- JSON: how the first event was grouped
    UNIQUE (project_id, short_id)
);
CREATE INDEX issues_by_last_seen ON issues (project_id, status, last_seen);
CREATE INDEX issues_by_first_seen ON issues (project_id, status, first_seen);
CREATE INDEX issues_by_times_seen ON issues (project_id, status, times_seen);
CREATE INDEX issues_by_users_seen ON issues (project_id, status, users_seen);

CREATE TABLE issue_hashes (
    project_id BIGINT NOT NULL,
    hash       BLOB   NOT NULL,
    issue_id   BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, hash)
);
CREATE INDEX issue_hashes_by_issue ON issue_hashes (issue_id);

CREATE TABLE issue_users (
    issue_id  BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    user_hash BLOB   NOT NULL,                       -- first 8 bytes of SHA-256 of the user's key
    PRIMARY KEY (issue_id, user_hash)
);

CREATE TABLE issue_tags (
    issue_id   BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    key        TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    times_seen BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    PRIMARY KEY (issue_id, key, value)
);

CREATE TABLE issue_hours (
    issue_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    hour     BIGINT NOT NULL,                        -- hours since 1970
    n        BIGINT NOT NULL,
    PRIMARY KEY (issue_id, hour)
);

-- What someone did with an issue, beside its state.
CREATE TABLE issue_people (
    issue_id      BIGINT  NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    user_id       BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    seen_at       BIGINT,
    is_bookmarked BOOLEAN NOT NULL DEFAULT FALSE,
    is_subscribed BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (issue_id, user_id)
);

CREATE TABLE issue_activity (
    id         INTEGER  PRIMARY KEY,
    issue_id   BIGINT   NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    kind       SMALLINT NOT NULL,                    -- Sentry's activity types
    user_id    BIGINT,
    data       TEXT     NOT NULL DEFAULT '{}',
    created_at BIGINT   NOT NULL
);
CREATE INDEX issue_activity_by_issue ON issue_activity (issue_id, created_at);

-- Events: where each body lies. The body itself is in a pack. -----------------------------------

CREATE TABLE events (
    id          INTEGER PRIMARY KEY,                 -- rises in the order of digestion
    project_id  BIGINT NOT NULL,
    event_id    BLOB   NOT NULL,
    issue_id    BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    timestamp   BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    digested_at BIGINT NOT NULL,
    pack        BIGINT NOT NULL,
    pack_offset BIGINT NOT NULL,
    pack_item   INTEGER NOT NULL,                    -- place within the chunk at that offset
    UNIQUE (project_id, event_id)
);
CREATE INDEX events_by_issue ON events (issue_id, timestamp, id);
CREATE INDEX events_by_pack ON events (pack);
CREATE INDEX events_by_time ON events (timestamp);

CREATE TABLE poison (
    id          INTEGER PRIMARY KEY,
    relay_id    BLOB    NOT NULL,
    epoch       BIGINT  NOT NULL,
    lane        SMALLINT NOT NULL,
    seq         BIGINT  NOT NULL,
    project_id  BIGINT,
    reason      TEXT    NOT NULL,
    record      BLOB    NOT NULL,
    created_at  BIGINT  NOT NULL,
    replayed_at BIGINT
);

-- Fleet -------------------------------------------------------------------------------------

CREATE TABLE relays (
    id           BLOB   PRIMARY KEY,
    name         TEXT   NOT NULL,
    labels       TEXT   NOT NULL DEFAULT '{}',
    state        TEXT   NOT NULL DEFAULT 'active',   -- active, drained, revoked
    version      TEXT   NOT NULL DEFAULT '',
    certificate  BLOB   NOT NULL,                    -- SHA-256 of the public key
    joined_at    BIGINT NOT NULL,
    last_seen_at BIGINT,
    address      TEXT,
    clock_offset_ms BIGINT,
    report       TEXT   NOT NULL DEFAULT '{}'        -- JSON: what it last said of itself
);

CREATE TABLE relay_cursors (
    relay_id     BLOB     NOT NULL REFERENCES relays (id) ON DELETE CASCADE,
    epoch        BIGINT   NOT NULL,
    lane         SMALLINT NOT NULL,
    applied_upto BIGINT   NOT NULL,
    updated_at   BIGINT   NOT NULL,
    PRIMARY KEY (relay_id, epoch, lane)
);

CREATE TABLE join_tokens (
    id          TEXT   PRIMARY KEY,
    secret_hash BLOB   NOT NULL,
    labels      TEXT   NOT NULL DEFAULT '{}',
    uses_left   BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);

-- The ledger: items by hour. Relay 0 (sixteen zero bytes) is the hub itself.
CREATE TABLE ledger (
    relay_id   BLOB     NOT NULL,
    project_id BIGINT   NOT NULL,                    -- 0 where none is known
    category   SMALLINT NOT NULL,
    term       SMALLINT NOT NULL,
    reason     TEXT     NOT NULL,
    hour       BIGINT   NOT NULL,
    quantity   BIGINT   NOT NULL,
    PRIMARY KEY (relay_id, project_id, category, term, reason, hour)
);
CREATE INDEX ledger_by_hour ON ledger (hour);

-- Alerts ------------------------------------------------------------------------------------

CREATE TABLE alert_rules (
    id                INTEGER PRIMARY KEY,
    project_id        BIGINT  NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name              TEXT    NOT NULL,
    triggers          TEXT    NOT NULL,              -- JSON array: new_issue, regression
    actions           TEXT    NOT NULL,              -- JSON array of webhook and email actions
    environment       TEXT,
    frequency_minutes BIGINT  NOT NULL DEFAULT 30,
    is_enabled        BOOLEAN NOT NULL DEFAULT TRUE,
    created_at        BIGINT  NOT NULL,
    last_triggered_at BIGINT
);
CREATE INDEX alert_rules_by_project ON alert_rules (project_id);

-- Written by the digest in the transaction of the change itself; read and removed by the alerts.
CREATE TABLE issue_changes (
    id         INTEGER PRIMARY KEY,
    project_id BIGINT NOT NULL,
    issue_id   BIGINT NOT NULL,
    event_id   BLOB   NOT NULL,
    kind       TEXT   NOT NULL,                      -- new_issue, regression
    created_at BIGINT NOT NULL
);

CREATE TABLE notifications (
    id              INTEGER PRIMARY KEY,
    rule_id         BIGINT NOT NULL,
    issue_id        BIGINT NOT NULL,
    change_kind     TEXT   NOT NULL,
    action          TEXT   NOT NULL,                 -- JSON: where to
    payload         TEXT   NOT NULL,                 -- JSON: what
    state           TEXT   NOT NULL,                 -- pending, sent, failed
    attempts        BIGINT NOT NULL DEFAULT 0,
    next_attempt_at BIGINT NOT NULL,
    last_error      TEXT,
    created_at      BIGINT NOT NULL,
    sent_at         BIGINT
);
CREATE INDEX notifications_by_state ON notifications (state, next_attempt_at);
