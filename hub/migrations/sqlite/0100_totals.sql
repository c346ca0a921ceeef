-- What totals of transactions and spans are made of: how long each took, whether it failed, and what
-- share of those like it relays kept, so that it counts for as many as it stands for.
ALTER TABLE items ADD COLUMN sample_rate BIGINT NOT NULL DEFAULT 1000000; -- millionths
ALTER TABLE items ADD COLUMN duration_ms DOUBLE PRECISION;                -- where it says so
ALTER TABLE items ADD COLUMN failed      BOOLEAN;                         -- NULL for other kinds

UPDATE items SET
    duration_ms = json_extract(facts, '$.duration_ms'),
    failed = coalesce(json_extract(facts, '$.status'), 'ok') NOT IN ('ok', 'cancelled', 'unknown')
WHERE kind IN ('transaction', 'span') AND json_extract(facts, '$.count') IS NULL;

CREATE INDEX items_measured ON items
    (project_id, kind, timestamp, name, duration_ms, failed, sample_rate)
    WHERE failed IS NOT NULL;
