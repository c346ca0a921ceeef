-- Teams have members of two roles, environments can be hidden, and people are invited.

ALTER TABLE team_members ADD COLUMN role TEXT NOT NULL DEFAULT 'contributor'; -- or admin
CREATE INDEX team_members_by_user ON team_members (user_id);

ALTER TABLE environments ADD COLUMN is_hidden BOOLEAN NOT NULL DEFAULT FALSE;

-- Whoever has the token sets the account's first password.
CREATE TABLE invitations (
    user_id    BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    token_hash BLOB   NOT NULL UNIQUE,               -- SHA-256 of the token
    expires_at BIGINT NOT NULL
);

-- Who leaves is taken off what they were to look at.
CREATE INDEX issues_by_assignee ON issues (assignee) WHERE assignee IS NOT NULL;
