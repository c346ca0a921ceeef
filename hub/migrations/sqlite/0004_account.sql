-- What was booked of each lane in one number, carried on with the cursor; NULL where it is not
-- known from the first record on.
ALTER TABLE relay_cursors ADD COLUMN digest BIGINT;

-- Items booked of each lane, in the transaction that moves its cursor.
CREATE TABLE relay_books (
    relay_id   BLOB     NOT NULL,
    epoch      BIGINT   NOT NULL,
    lane       SMALLINT NOT NULL,
    project_id BIGINT   NOT NULL,
    category   SMALLINT NOT NULL,
    term       SMALLINT NOT NULL,                    -- applied, invalid, rejected
    quantity   BIGINT   NOT NULL,
    PRIMARY KEY (relay_id, epoch, lane, project_id, category, term)
);

-- How each relay was, every five minutes.
CREATE TABLE relay_history (
    relay_id        BLOB    NOT NULL,
    bucket          BIGINT  NOT NULL,                -- five minutes since 1970
    backlog_records BIGINT  NOT NULL,
    backlog_bytes   BIGINT  NOT NULL,
    delivered       BIGINT  NOT NULL,                -- items since the spool was made
    dropped         BIGINT  NOT NULL,                -- items since the spool was made
    rtt_ms          BIGINT  NOT NULL,
    loss_ppm        BIGINT,
    sent_per_second BIGINT  NOT NULL,                -- bytes
    PRIMARY KEY (relay_id, bucket)
);
CREATE INDEX relay_history_by_bucket ON relay_history (bucket);

-- What is wrong with relays now, and since when.
CREATE TABLE relay_conditions (
    relay_id BLOB   NOT NULL REFERENCES relays (id) ON DELETE CASCADE,
    kind     TEXT   NOT NULL,                        -- dark, behind, unbalanced, failing_disk, cloned
    detail   TEXT   NOT NULL,
    since    BIGINT NOT NULL,
    PRIMARY KEY (relay_id, kind)
);
