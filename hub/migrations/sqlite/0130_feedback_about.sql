-- Which event each feedback is about that is an event itself.
CREATE TABLE feedback_about (
    row        INTEGER PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    project_id BIGINT NOT NULL,
    event_id   BLOB   NOT NULL                       -- may be of an event that is not there
);
CREATE INDEX feedback_by_event ON feedback_about (project_id, event_id);
