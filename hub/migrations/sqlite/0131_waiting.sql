-- Since when an issue waits for somebody to look at it, while it does, else 0: also since it was
-- marked for review.
ALTER TABLE issues ADD COLUMN waits BIGINT GENERATED ALWAYS AS
    (CASE WHEN status <> 0 THEN 0 WHEN substatus IN (2, 6, 7) THEN waiting_since
          ELSE review_since END) VIRTUAL;
DROP INDEX issues_by_waiting;
CREATE INDEX issues_by_waiting ON issues (project_id, status, waits);
