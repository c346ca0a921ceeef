-- How often the issues of a project are seen in an hour: what a new one is measured against.
CREATE TABLE project_velocity (
    project_id  BIGINT NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    threshold   DOUBLE PRECISION,                    -- events an hour; null: too few issues to tell
    computed_at BIGINT,
    error       TEXT,                                -- why it could not be computed last
    failed_at   BIGINT
);
