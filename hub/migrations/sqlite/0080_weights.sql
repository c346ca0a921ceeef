-- How many events a stored one counts as: itself, and those that were told with it.
ALTER TABLE events ADD COLUMN weight BIGINT NOT NULL DEFAULT 1;
CREATE INDEX events_of_several ON events (issue_id, weight) WHERE weight > 1;
