-- Who looks after what of a project: its own rules and its CODEOWNERS file, as text.

CREATE TABLE project_ownership (
    project_id      BIGINT  NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    raw             TEXT    NOT NULL DEFAULT '',
    codeowners      TEXT    NOT NULL DEFAULT '',
    falls_through   BOOLEAN NOT NULL DEFAULT TRUE,   -- its teams look after what no rule fits
    assigns         BOOLEAN NOT NULL DEFAULT TRUE,   -- issues are given to their owners
    syncs           BOOLEAN NOT NULL DEFAULT TRUE,
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL
);

-- When rules were last asked who looks after an issue; the largest number is never again: it was
-- given to someone, or a person decided.
ALTER TABLE issues ADD COLUMN owner_asked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE issues ADD COLUMN suggested_owner TEXT;  -- user:1, team:1

UPDATE issues SET owner_asked_at = 9223372036854775807
WHERE assignee IS NOT NULL
   OR id IN (SELECT issue_id FROM issue_activity WHERE kind IN (11, 12));
