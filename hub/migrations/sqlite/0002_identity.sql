-- Join tokens are bound to an address range and end when they were guessed at.
ALTER TABLE join_tokens ADD COLUMN address_range TEXT;             -- 10.20.0.0/16; any address when null
ALTER TABLE join_tokens ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;

-- Certificates end and are renewed: `certificate` is the key that was last used, `next_certificate`
-- the one that was granted and not used yet.
ALTER TABLE relays ADD COLUMN certificate_ends_at BIGINT;
ALTER TABLE relays ADD COLUMN next_certificate BLOB;
ALTER TABLE relays ADD COLUMN next_certificate_ends_at BIGINT;
ALTER TABLE relays ADD COLUMN recoveries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE relays ADD COLUMN authority BLOB;                      -- key hash of who signed the used certificate

-- Which start of the relay was welcomed last, so that a copy of its state is told apart.
ALTER TABLE relays ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE relays ADD COLUMN instance BIGINT;
ALTER TABLE relays ADD COLUMN cloned_at BIGINT;
ALTER TABLE relays ADD COLUMN cloned_addresses TEXT;               -- JSON: [served, fenced]
