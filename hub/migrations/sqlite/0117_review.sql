-- Since when somebody is to look at an issue that came back from the archive or was marked for it;
-- 0 is not. For a week it is for review, whatever its substatus.

ALTER TABLE issues ADD COLUMN review_since BIGINT NOT NULL DEFAULT 0;
