-- What privacy rules removed from events, by the day they arrived.
CREATE TABLE removals (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    day        BIGINT NOT NULL,                 -- days since 1970
    rule       TEXT   NOT NULL,
    field      TEXT   NOT NULL,
    quantity   BIGINT NOT NULL,
    PRIMARY KEY (project_id, day, rule, field)
) WITHOUT ROWID;
