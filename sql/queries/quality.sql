-- name: add_counts!
-- Counts are added to those of their hour.
INSERT INTO quality_counts (use_case, hour, field, treatment, n)
SELECT :use_case, date_trunc('hour', :at::timestamptz, 'UTC'), *
FROM unnest(:fields::text[], :treatments::text[], :counts::bigint[])
ON CONFLICT (use_case, hour, field, treatment) DO UPDATE SET n = quality_counts.n + excluded.n;

-- name: read_counts
-- The counts of a window by field and treatment.
SELECT field, treatment, sum(n)::bigint AS n FROM quality_counts
WHERE use_case = :use_case AND hour >= :window_start AND hour < :window_end
GROUP BY field, treatment;

-- name: count_repeated
-- Of new predictions, at most so many, those whose transaction was predicted before, since a time,
-- by the hour of the prediction. The hash of the prediction id picks them: every new prediction is
-- as likely as another, and a retry picks the same ones. Below 100 percent, they are picked from a
-- random part of the log's pages, as reading all of a large log takes long.
-- The search is a lateral one with a limit, so that no plan reads the whole log for it.
WITH fresh AS MATERIALIZED (
    SELECT transaction_id, scored_at, prediction_id FROM (
        SELECT use_case, logged_xid, transaction_id, scored_at, prediction_id
        FROM prediction_logs
        WHERE :percent = 100
        UNION ALL
        SELECT use_case, logged_xid, transaction_id, scored_at, prediction_id
        FROM prediction_logs TABLESAMPLE SYSTEM (:percent) REPEATABLE (0)
        WHERE :percent < 100
    ) AS log
    WHERE use_case = :use_case AND logged_xid >= :begin::text::xid8 AND logged_xid < :end::text::xid8
      AND scored_at >= :since AND scored_at <= :until
    ORDER BY uuid_hash(prediction_id) LIMIT :most
)
SELECT date_trunc('hour', f.scored_at, 'UTC') AS hour, count(*) AS compared, count(e.found) AS repeated
FROM fresh AS f LEFT JOIN LATERAL (
    SELECT true AS found FROM prediction_logs AS p
    WHERE p.use_case = :use_case AND p.transaction_id = f.transaction_id
      AND p.scored_at >= :since AND p.scored_at <= :until
      AND (p.scored_at, p.prediction_id) < (f.scored_at, f.prediction_id)
    LIMIT 1
) AS e ON true
GROUP BY 1;

-- name: future_times$
-- Predictions of a window whose event time is after a time.
SELECT count(*) FROM prediction_logs
WHERE use_case = :use_case AND event_time > :after AND scored_at >= :window_start AND scored_at < :window_end;

-- name: all_future_times$
-- Predictions in the log whose event time is after a time: their labels do not mature.
SELECT count(*) FROM prediction_logs WHERE use_case = :use_case AND event_time > :after;

-- name: unmatched_labels^
-- Of the newest labels of a window, at most so many, those without a prediction, with some of their
-- transaction ids, the newest first. Recent predictions are searched first; the rest of the log is
-- searched for the others only.
WITH newest AS MATERIALIZED (
    SELECT transaction_id, id FROM label_store
    WHERE use_case = :use_case AND received_at >= :window_start AND received_at < :window_end
    ORDER BY received_at DESC LIMIT :most
), labels AS MATERIALIZED (
    SELECT transaction_id, max(id) AS id FROM newest GROUP BY transaction_id
), compared AS MATERIALIZED (
    SELECT l.transaction_id, l.id, r.found IS NULL AND o.found IS NULL AS unmatched
    FROM labels AS l
    LEFT JOIN LATERAL (
        SELECT true AS found FROM prediction_logs AS p
        WHERE p.use_case = :use_case AND p.transaction_id = l.transaction_id AND p.scored_at >= :recent
        LIMIT 1
    ) AS r ON true
    LEFT JOIN LATERAL (
        SELECT true AS found FROM prediction_logs AS p
        WHERE r.found IS NULL
          AND p.use_case = :use_case AND p.transaction_id = l.transaction_id AND p.scored_at < :recent
        LIMIT 1
    ) AS o ON true
)
SELECT count(*) AS labels, count(*) FILTER (WHERE unmatched) AS unmatched,
       ARRAY(SELECT transaction_id FROM compared WHERE unmatched ORDER BY id DESC LIMIT 5) AS examples
FROM compared;

-- name: logged_ids
-- Which of some transaction ids have a prediction.
SELECT i.id FROM unnest(:ids::text[]) AS i (id) CROSS JOIN LATERAL (
    SELECT FROM prediction_logs AS p WHERE p.use_case = :use_case AND p.transaction_id = i.id LIMIT 1
) AS found;
