-- When a person set an issue's priority; it is not changed by itself any more.
ALTER TABLE issues ADD COLUMN priority_locked_at BIGINT;
