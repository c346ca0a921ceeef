-- Items of a kind in the order in which they happened, and the issues that people's feedback made.
CREATE INDEX items_in_time ON items (project_id, kind, timestamp, id);
CREATE INDEX issues_of_feedback ON issues (project_id, id) WHERE kind = 'feedback';
