-- When more came of a project than its limit against spikes lets through, and how much was refused.

CREATE TABLE spikes (
    id         INTEGER PRIMARY KEY,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    began_at   BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,                      -- when something was refused last
    ended_at   BIGINT,                               -- null: it goes on
    refused    BIGINT NOT NULL,
    counted    BIGINT NOT NULL                       -- all that was ever refused of the project
);
CREATE INDEX spikes_by_project ON spikes (project_id, id);

-- What was refused before anybody looked is one spike that is over.
INSERT INTO spikes (project_id, began_at, seen_at, ended_at, refused, counted)
SELECT l.project_id, MIN(l.hour) * 3600000, (MAX(l.hour) + 1) * 3600000,
       (MAX(l.hour) + 1) * 3600000, SUM(l.quantity), SUM(l.quantity)
FROM ledger l JOIN projects p ON p.id = l.project_id
WHERE l.reason = 'spike_protection' AND l.term = 2
GROUP BY l.project_id;
