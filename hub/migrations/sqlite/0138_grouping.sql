-- What was grouped the third way is found by it for 90 days, where a project has set nothing.
INSERT INTO project_grouping (project_id, version, previous, previous_until, updated_at)
SELECT id, 4, 3, (CAST(strftime('%s', 'now') AS BIGINT) + 90 * 86400) * 1000,
       CAST(strftime('%s', 'now') AS BIGINT) * 1000
FROM projects WHERE id NOT IN (SELECT project_id FROM project_grouping);
