-- What is too large for one record comes in parts, each a body of its own. They come before what they
-- are parts of, and stay without it for a while if it never comes.

CREATE TABLE item_parts (
    relay_id    BLOB   NOT NULL,
    whole       BLOB   NOT NULL,                     -- what the parts of one item have in common
    nth         INTEGER NOT NULL,                    -- from 0 on, without holes
    project_id  BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    item_id     BIGINT REFERENCES items (id) ON DELETE CASCADE,
    event_id    BLOB   NOT NULL,                     -- what its body is kept under
    chain       BLOB   NOT NULL,                     -- digest of this part and of all before
    size        BIGINT NOT NULL,                     -- bytes
    digested_at BIGINT NOT NULL,
    pack        BIGINT NOT NULL,
    pack_offset BIGINT NOT NULL,
    pack_item   INTEGER NOT NULL,
    PRIMARY KEY (relay_id, whole, nth)
);
CREATE INDEX item_parts_by_item ON item_parts (item_id, nth);
CREATE INDEX item_parts_by_event ON item_parts (project_id, event_id);
CREATE INDEX item_parts_by_pack ON item_parts (pack);
CREATE INDEX item_parts_alone ON item_parts (digested_at) WHERE item_id IS NULL;
