-- name: open_watermark!
-- The use case's roll-up watermark is created at transaction 0, unless it exists.
INSERT INTO rollup_watermarks (use_case, baseline, step, logged_xid) VALUES (:use_case, :baseline, :step, '0')
ON CONFLICT DO NOTHING;

-- name: lock_watermark^
-- The baseline that defines the bins, the length of a bucket, and the transaction id up to which
-- the log is counted. The lock admits one roll-up at a time.
SELECT baseline, step, logged_xid::text AS logged_xid, now() AS now FROM rollup_watermarks WHERE use_case = :use_case FOR UPDATE;

-- name: settled_xid$
-- Every transaction below this id has ended, so what it logged is complete.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text;

-- name: forget_features!
-- Feature counts of a use case are deleted, to be counted again under another baseline or bucket.
DELETE FROM feature_rollups WHERE use_case = :use_case;

-- name: forget_scores!
-- Score counts of a use case are deleted, to be counted again with another bucket.
DELETE FROM score_rollups WHERE use_case = :use_case;

-- name: move_watermark!
-- `ahead` stays as it is when no prediction was counted.
UPDATE rollup_watermarks
SET baseline = :baseline, step = :step, logged_xid = :logged_xid::text::xid8, ahead = coalesce(:ahead, ahead)
WHERE use_case = :use_case;

-- name: add_features!
-- Counts and watermark change in one transaction, so an interrupted roll-up counts nothing twice.
INSERT INTO feature_rollups (use_case, baseline, bucket, model_version, feature, bin, n)
SELECT :use_case, :baseline, *
FROM unnest(:buckets::timestamptz[], :versions::int[], :features::text[], :bins::smallint[], :counts::bigint[])
ON CONFLICT (use_case, baseline, bucket, feature, model_version, bin) DO UPDATE SET n = feature_rollups.n + excluded.n;

-- name: add_scores!
-- Counts of predictions by score are added to those of their buckets; label -1 means all predictions.
INSERT INTO score_rollups (use_case, bucket, model_version, label, predicted_label, bin, n, score, square)
SELECT :use_case, bucket, version, -1, flag, bin, n, score, square
FROM unnest(:buckets::timestamptz[], :versions::int[], :flags::smallint[], :bins::smallint[], :counts::bigint[],
            :scores::double precision[], :squares::double precision[]) AS s (bucket, version, flag, bin, n, score, square)
ON CONFLICT (use_case, bucket, model_version, label, predicted_label, bin) DO UPDATE
SET n = score_rollups.n + excluded.n, score = score_rollups.score + excluded.score,
    square = score_rollups.square + excluded.square;

-- name: add_outcomes!
-- What new labels and new predictions change. A transaction counts once, with its first prediction
-- and its newest label. A new or corrected label moves a prediction that is counted already. A new
-- prediction is counted with the label that its transaction has by now; it replaces one that was
-- made later and logged earlier.
-- Predictions made before `since` are not looked at: each day is a partition, and a label would
-- search all of them.
WITH touched AS (
    SELECT transaction_id FROM label_store
    WHERE use_case = :use_case AND logged_xid >= :begin::text::xid8 AND logged_xid < :end::text::xid8
    UNION
    SELECT p.transaction_id FROM prediction_logs AS p JOIN label_store AS s USING (use_case, transaction_id)
    WHERE p.use_case = :use_case AND p.logged_xid >= :begin::text::xid8 AND p.logged_xid < :end::text::xid8
), turned AS (
    SELECT transaction_id,
           (SELECT s.label FROM label_store AS s
            WHERE s.use_case = :use_case AND s.transaction_id = t.transaction_id AND s.logged_xid < :begin::text::xid8
            ORDER BY s.id DESC LIMIT 1) AS before,
           (SELECT s.label FROM label_store AS s
            WHERE s.use_case = :use_case AND s.transaction_id = t.transaction_id AND s.logged_xid < :end::text::xid8
            ORDER BY s.id DESC LIMIT 1) AS after
    FROM touched AS t
), placed AS (
    SELECT p.scored_at, p.model_version, p.predicted_label, p.score, t.before, t.after,
           p.logged_xid < :begin::text::xid8
               AND 1 = row_number() OVER (PARTITION BY p.transaction_id, p.logged_xid < :begin::text::xid8
                                          ORDER BY p.scored_at, p.prediction_id) AS counted,
           1 = row_number() OVER (PARTITION BY p.transaction_id ORDER BY p.scored_at, p.prediction_id) AS counts
    FROM turned AS t JOIN prediction_logs AS p ON p.use_case = :use_case AND p.transaction_id = t.transaction_id
    WHERE p.logged_xid < :end::text::xid8 AND p.scored_at >= :since
), changes AS (
    SELECT scored_at, model_version, predicted_label, score, before AS label, -1 AS times
    FROM placed WHERE counted AND before IS NOT NULL AND NOT (counts AND before IS NOT DISTINCT FROM after)
    UNION ALL
    SELECT scored_at, model_version, predicted_label, score, after, 1
    FROM placed WHERE counts AND after IS NOT NULL AND NOT (counted AND before IS NOT DISTINCT FROM after)
)
INSERT INTO score_rollups (use_case, bucket, model_version, label, predicted_label, bin, n, score, square)
SELECT :use_case, date_bin(make_interval(secs => :step), scored_at, 'epoch'), model_version, label, predicted_label,
       width_bucket(score, :edges::double precision[]), sum(times), sum(times * score), sum(times * score * score)
FROM changes
GROUP BY 1, 2, 3, 4, 5, 6
ON CONFLICT (use_case, bucket, model_version, label, predicted_label, bin) DO UPDATE
SET n = score_rollups.n + excluded.n, score = score_rollups.score + excluded.score,
    square = score_rollups.square + excluded.square;

-- name: read_features
-- Counts of each bucket, feature and model version in a window.
SELECT bucket, feature, model_version, array_agg(bin) AS bins, array_agg(n) AS counts
FROM feature_rollups
WHERE use_case = :use_case AND baseline = :baseline AND bucket >= :window_start AND bucket < :window_end
GROUP BY bucket, feature, model_version;

-- name: read_scores
-- Score counts of a window by model version, label, predicted label and bin. In a fixed order, so
-- that the same counts always have the same sums, to the last digit.
SELECT model_version, label, predicted_label, bin, sum(n)::bigint AS n,
       sum(score ORDER BY bucket) AS score, sum(square ORDER BY bucket) AS square
FROM score_rollups
WHERE use_case = :use_case AND bucket >= :window_start AND bucket < :window_end
GROUP BY model_version, label, predicted_label, bin;

-- name: ahead$
-- Predictions of the last roll-up whose time was in the future: a clock is wrong.
SELECT ahead FROM rollup_watermarks WHERE use_case = :use_case;

-- name: forget_check!
-- Metrics of a drift check are deleted before it is written again.
DELETE FROM monitoring_metrics WHERE use_case = :use_case AND check_id = :check_id;

-- name: newest_check^
-- The check whose window ends last; of several, the one made for the latest time. A check whose
-- clock was more than a bucket ahead measured a window in the future, so it is left out.
SELECT check_id, window_end, at FROM monitoring_metrics
WHERE use_case = :use_case AND metric = 'drift_share' AND window_end <= at + 2 * coalesce(
    (SELECT step FROM rollup_watermarks WHERE use_case = :use_case), interval '1 hour')
ORDER BY window_end DESC, at DESC, check_id DESC LIMIT 1;

-- name: is_ahead$
-- Whether a time is more than one bucket ahead of the database's clock.
SELECT :as_of::timestamptz > now() + :step::interval;

-- name: record_metric*!
-- `at` is the time that the check was made for, so that a repeated check keeps its place in the
-- order.
INSERT INTO monitoring_metrics (check_id, use_case, window_start, window_end, model_version, feature, metric, value, expected,
                                threshold, p_value, low, high, n, at)
VALUES (:check_id, :use_case, :window_start, :window_end, :model_version, :feature, :metric, :value, :expected, :threshold,
        :p_value, :low, :high, :n, least(:as_of::timestamptz, now()));

-- name: metrics_of_check
-- All metrics of one drift check.
SELECT check_id, window_start, window_end, model_version, feature, metric, value, expected, threshold, p_value, low, high, n
FROM monitoring_metrics WHERE use_case = :use_case AND check_id = :check_id ORDER BY window_end DESC, feature, metric;

-- name: excess_history
-- A drift statistic as alerts used it: against the champion's training data where it is known and `training`
-- is set, else against the baseline.
SELECT DISTINCT ON (window_end, feature) window_end, feature, value - expected AS excess
FROM monitoring_metrics
WHERE use_case = :use_case AND metric = :metric AND window_end > now() - interval '7 days' AND value IS NOT NULL
  AND (:training OR model_version = 0)
  AND window_end <= at + 2 * coalesce((SELECT step FROM rollup_watermarks WHERE use_case = :use_case), interval '1 hour')
ORDER BY window_end, feature, at DESC, check_id DESC, model_version DESC;

-- name: daily_f1
-- Realised and estimated F1 by day, over the last 30 days.
SELECT day, 2 * sum(true_positives) / nullif(sum(2 * true_positives + false_positives + false_negatives), 0) AS f1,
       sum(estimated_f1 * predictions) / nullif(sum(predictions) FILTER (WHERE estimated_f1 IS NOT NULL), 0) AS estimated_f1
FROM daily_performance WHERE use_case = :use_case AND day > CURRENT_DATE - 30 GROUP BY day ORDER BY day;
