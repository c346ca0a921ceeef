-- Issues that are archived until a time or a count: what comes back by itself is looked for often.
CREATE INDEX issues_until_condition ON issues (id) WHERE status = 2 AND substatus = 4;
