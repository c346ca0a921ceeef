-- How many releases are new in an hour is asked with every release that is.
CREATE INDEX releases_by_time ON releases (organization_id, created_at);
