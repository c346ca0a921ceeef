-- What brought a hash to its issue: people who take an issue apart know events, not hashes.
-- Hashes that were bound before have neither.
ALTER TABLE issue_hashes ADD COLUMN title TEXT;
ALTER TABLE issue_hashes ADD COLUMN event_id BLOB;
