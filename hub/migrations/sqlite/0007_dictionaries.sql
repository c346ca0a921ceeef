-- Dictionaries that relays compress with. Those that were replaced stay for as long as a relay may
-- have blocks that need them.

CREATE TABLE dictionaries (
    id           BIGINT  PRIMARY KEY,       -- made from the content, as blocks name it
    kind         TEXT    NOT NULL,          -- errors, logs, traces; empty: given back by a relay
    version      BIGINT  NOT NULL,          -- rises by kind
    bytes        BLOB    NOT NULL,
    sha256       BLOB    NOT NULL,
    trained_at   BIGINT  NOT NULL,
    samples      BIGINT  NOT NULL,          -- records it was trained on
    bytes_before BIGINT  NOT NULL,          -- of held-out records, each alone, as they were before
    bytes_with   BIGINT  NOT NULL,          -- and with this dictionary
    retired_at   BIGINT                     -- since when relays use another; null: in force
);
CREATE UNIQUE INDEX dictionaries_in_force ON dictionaries (kind) WHERE retired_at IS NULL;
