-- Reviews and supersessions of a day, but for those that were exported before.
SELECT id, decision_id, event, actor, approved, comment, superseded_by, at
FROM decision_events
WHERE at >= {day_start}::timestamptz AND at < {day_end}::timestamptz AND id <> ALL ({exported}::bigint[])
ORDER BY id
