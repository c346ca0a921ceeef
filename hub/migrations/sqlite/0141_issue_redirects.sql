-- Where an issue that was merged has gone: addresses of it are in tickets and letters.
CREATE TABLE issue_redirects (
    old_id     BIGINT NOT NULL PRIMARY KEY,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    short_id   BIGINT NOT NULL,
    issue_id   BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE
);
CREATE INDEX issue_redirects_by_short_id ON issue_redirects (project_id, short_id);
CREATE INDEX issue_redirects_by_issue ON issue_redirects (issue_id);

-- The last id that an issue was given: that of one that is gone never becomes another's.
CREATE TABLE issue_ids (last BIGINT NOT NULL);
INSERT INTO issue_ids (last) SELECT coalesce(max(id), 0) FROM issues;
