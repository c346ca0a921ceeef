-- What privacy rules removed from other items than events, by the day they arrived.
CREATE TABLE item_removals (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    day        BIGINT NOT NULL,                 -- days since 1970
    kind       TEXT   NOT NULL,                 -- 'log', 'transaction', 'attachment'
    rule       TEXT   NOT NULL,
    field      TEXT   NOT NULL,
    quantity   BIGINT NOT NULL,
    PRIMARY KEY (project_id, day, kind, rule, field)
) WITHOUT ROWID;

CREATE VIEW all_removals AS
    SELECT project_id, day, 'event' AS kind, rule, field, quantity FROM removals
    UNION ALL
    SELECT project_id, day, kind, rule, field, quantity FROM item_removals;
