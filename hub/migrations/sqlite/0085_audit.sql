-- Who changed what. Entries outlive what they tell of, so they refer to nothing.
CREATE TABLE audit_log (
    id              INTEGER PRIMARY KEY,
    at              BIGINT NOT NULL,
    organization_id BIGINT,
    actor_id        BIGINT,
    actor_name      TEXT   NOT NULL,
    token_id        BIGINT,
    token_name      TEXT   NOT NULL,
    address         TEXT   NOT NULL,
    action          TEXT   NOT NULL,
    target_kind     TEXT   NOT NULL,
    target_id       TEXT   NOT NULL,
    target_name     TEXT   NOT NULL,
    data            TEXT   NOT NULL,
    -- Over all of the above and the hash of the entry before.
    hash            BLOB   NOT NULL
);
CREATE INDEX audit_log_by_organization ON audit_log (organization_id, id);
CREATE INDEX audit_log_by_actor ON audit_log (actor_id, id);
CREATE INDEX audit_log_by_time ON audit_log (at);

-- The last entry that was too old; the chain goes on from its hash.
CREATE TABLE audit_anchor (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    id       BIGINT NOT NULL,
    hash     BLOB   NOT NULL
);
INSERT INTO audit_anchor (only_one, id, hash) VALUES (1, 0, zeroblob(32));

CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are not changed');
END;

CREATE TRIGGER audit_log_is_appended_to BEFORE INSERT ON audit_log
WHEN NEW.id IS NOT 1 + MAX(
    (SELECT id FROM audit_anchor), COALESCE((SELECT MAX(id) FROM audit_log), 0)
)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are appended');
END;

CREATE TRIGGER audit_log_is_kept BEFORE DELETE ON audit_log
WHEN OLD.id > (SELECT id FROM audit_anchor)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are kept until they are too old');
END;

CREATE TRIGGER audit_anchor_moves_along_the_log BEFORE UPDATE ON audit_anchor
WHEN NEW.id <= OLD.id OR NEW.hash IS NOT (SELECT hash FROM audit_log WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the anchor of the audit log moves to one of its entries');
END;

CREATE TRIGGER audit_anchor_stays BEFORE DELETE ON audit_anchor
BEGIN
    SELECT RAISE(ABORT, 'the anchor of the audit log stays');
END;
