-- What the hub itself removed for an erasure, and how far it has looked for more.

ALTER TABLE erasures ADD COLUMN read_pack   BIGINT NOT NULL DEFAULT 0;
ALTER TABLE erasures ADD COLUMN read_offset BIGINT NOT NULL DEFAULT 0;
ALTER TABLE erasures ADD COLUMN events_here BIGINT NOT NULL DEFAULT 0;
ALTER TABLE erasures ADD COLUMN items_here  BIGINT NOT NULL DEFAULT 0;
ALTER TABLE erasures ADD COLUMN done_here   BIGINT;       -- when nothing was left the last time

-- Packs that still hold bodies of what was removed; they are emptied, then dropped.
CREATE TABLE erased_packs (
    pack       BIGINT PRIMARY KEY,
    erasure_id BIGINT NOT NULL REFERENCES erasures (id) ON DELETE CASCADE
);

-- Events of which bodies were found, so that what comes later of them is found too.
CREATE TABLE erased_events (
    erasure_id BIGINT NOT NULL REFERENCES erasures (id) ON DELETE CASCADE,
    event_id   BLOB   NOT NULL,
    PRIMARY KEY (erasure_id, event_id)
);
