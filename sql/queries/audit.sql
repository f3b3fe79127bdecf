-- name: first_day$
-- The oldest day of which there is anything to export; NULL when there is nothing.
SELECT (least(
    (SELECT min(scored_at) FROM prediction_logs),
    (SELECT received_at FROM label_store ORDER BY id LIMIT 1),
    (SELECT min(decided_at) FROM decision_records),
    (SELECT min(at) FROM promotions)
) AT TIME ZONE 'UTC')::date;

-- name: settled_xid$
-- Every transaction below this id has ended, so what it wrote is complete.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text;
