-- Issues that leave may be merged into another as well as deleted.
--
-- Those have states of their own, merge waits 4 and merge goes on 5: a program that knows of no such
-- merges leaves them alone, instead of deleting what is to be merged.
ALTER TABLE deletions ADD COLUMN into_issue BIGINT;
