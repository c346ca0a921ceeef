-- What a session can be recognised by: the browser that it began in, and from where.
ALTER TABLE sessions ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN address    TEXT NOT NULL DEFAULT '';
