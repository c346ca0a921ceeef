-- What lists of issues can be ordered by beside times and counts.

-- Since when an issue waits for somebody to look at it: since it was first seen, came back or
-- escalated.
ALTER TABLE issues ADD COLUMN waiting_since BIGINT NOT NULL DEFAULT 0;
UPDATE issues SET waiting_since = COALESCE(
    (SELECT MAX(a.created_at) FROM issue_activity a
     WHERE a.issue_id = issues.id AND a.kind IN (2, 6, 25)), first_seen);
-- The same while it does, else 0.
ALTER TABLE issues ADD COLUMN waiting BIGINT GENERATED ALWAYS AS
    (CASE WHEN substatus IN (2, 6, 7) AND status = 0 THEN waiting_since ELSE 0 END) VIRTUAL;

-- Events of a day in percent of what is usual, as it was measured last.
ALTER TABLE issues ADD COLUMN trend BIGINT NOT NULL DEFAULT 0;

-- What is worth a look first: the last event's time, later by six hours for each digit of the
-- count of events, twelve for each of the count of users, twelve for each step of priority, and a
-- day while it is new, came back or escalates.
ALTER TABLE issues ADD COLUMN recommended BIGINT GENERATED ALWAYS AS
    (last_seen + 21600000 * (length(CAST(times_seen AS TEXT)) + 2 * length(CAST(users_seen AS TEXT))
        + 2 * (priority / 25) + CASE WHEN substatus IN (2, 6, 7) THEN 4 ELSE 0 END)) VIRTUAL;

CREATE INDEX issues_by_waiting ON issues (project_id, status, waiting);
CREATE INDEX issues_by_trend ON issues (project_id, status, trend);
CREATE INDEX issues_by_recommended ON issues (project_id, status, recommended);
