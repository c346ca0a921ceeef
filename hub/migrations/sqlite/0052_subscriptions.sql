-- Why someone is told of an issue: mentioned, assigned, commented, bookmarked, changed_status,
-- team_mentioned, or unknown for a wish of their own; unsubscribed where they wish not to be.
ALTER TABLE issue_people ADD COLUMN reason TEXT;
UPDATE issue_people SET reason = 'unknown' WHERE is_subscribed;
