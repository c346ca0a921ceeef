-- The newest of these files that a program must know to work with the tables. One that an older
-- program cannot work with (it takes away or renames what that reads, or wants what that does not
-- write) sets this to its own number; one that only adds leaves it, and an upgrade can be undone.
CREATE TABLE tables_need (version BIGINT NOT NULL);
INSERT INTO tables_need (version) VALUES (86);
