-- Whether issues are given first of all to whose commit may have brought them, and when commits
-- were told last: issues that are still nobody's are asked about again then.

ALTER TABLE project_ownership ADD COLUMN assigns_suspects BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE project_ownership ADD COLUMN commits_told_at BIGINT NOT NULL DEFAULT 0;
