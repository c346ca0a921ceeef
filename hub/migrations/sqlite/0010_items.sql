-- Items that are no events: attachments, reports of people, traces, logs, metrics, sessions,
-- check-ins, profiles, replays. Their bodies lie in the archive, as those of events do.

CREATE TABLE items (
    id          INTEGER PRIMARY KEY,                 -- rises in the order of digestion
    project_id  BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    kind        TEXT   NOT NULL,                     -- the wire name
    event_id    BLOB,                                -- what it belongs to, or is
    name        TEXT   NOT NULL,                     -- file, monitor, transaction, session, replay
    identity    BLOB,                                -- the same twice is a duplicate
    facts       TEXT   NOT NULL,                     -- JSON: what lists show without the body
    size        BIGINT NOT NULL,                     -- bytes of the body
    timestamp   BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    digested_at BIGINT NOT NULL,
    pack        BIGINT NOT NULL,
    pack_offset BIGINT NOT NULL,
    pack_item   INTEGER NOT NULL,
    UNIQUE (project_id, kind, identity)
);
CREATE INDEX items_by_kind ON items (project_id, kind, id);
CREATE INDEX items_by_event ON items (project_id, event_id);
CREATE INDEX items_by_pack ON items (pack);
CREATE INDEX items_by_time ON items (timestamp);

-- The traces that an item has a part of: a container may hold several.
CREATE TABLE item_traces (
    trace_id BLOB   NOT NULL,
    item_id  BIGINT NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    PRIMARY KEY (trace_id, item_id)
);
CREATE INDEX item_traces_by_item ON item_traces (item_id);
