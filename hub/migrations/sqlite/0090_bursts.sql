-- How many items a key may send at once, beside the limit of its window.
ALTER TABLE project_keys ADD COLUMN rate_limit_burst BIGINT;
