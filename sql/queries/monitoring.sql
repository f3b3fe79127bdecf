-- name: read_watermark$
-- The transaction id up to which predictions are rolled up.
SELECT logged_xid::text FROM rollup_watermarks WHERE use_case = :use_case FOR UPDATE;

-- name: open_watermark!
INSERT INTO rollup_watermarks (use_case, logged_xid) VALUES (:use_case, '0') ON CONFLICT DO NOTHING;

-- name: settled_xid$
-- Every transaction below this one has ended: what they logged is complete.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text;

-- name: move_watermark!
UPDATE rollup_watermarks SET logged_xid = :logged_xid::text::xid8 WHERE use_case = :use_case;

-- name: add_counts!
-- Counts and watermark move in one transaction, so a killed roll-up counts nothing twice.
INSERT INTO feature_rollups (use_case, baseline, model_version, feature, bucket, bin, n)
SELECT :use_case, :baseline, * FROM unnest(:versions::int[], :features::text[], :buckets::timestamptz[], :bins::smallint[], :counts::bigint[])
ON CONFLICT (use_case, baseline, bucket, feature, model_version, bin) DO UPDATE SET n = feature_rollups.n + excluded.n;

-- name: read_counts
-- Counts per feature and bin, in the buckets of a window.
SELECT bucket, feature, bin, sum(n)::bigint AS n
FROM feature_rollups
WHERE use_case = :use_case AND baseline = :baseline AND bucket >= :window_start AND bucket < :window_end
GROUP BY bucket, feature, bin;

-- name: record_metric*!
-- A check that is repeated writes the same figures again.
INSERT INTO monitoring_metrics (check_id, use_case, window_start, window_end, model_version, feature, metric, value, expected,
                                threshold, p_value, n)
VALUES (:check_id, :use_case, :window_start, :window_end, :model_version, :feature, :metric, :value, :expected, :threshold,
        :p_value, :n)
ON CONFLICT (use_case, check_id, window_start, feature, metric, model_version) DO UPDATE
SET value = excluded.value, expected = excluded.expected, threshold = excluded.threshold, p_value = excluded.p_value, n = excluded.n;

-- name: metrics_of_check
SELECT check_id, window_start, window_end, model_version, feature, metric, value, expected, threshold, p_value, n
FROM monitoring_metrics WHERE use_case = :use_case AND check_id = :check_id ORDER BY window_end DESC, feature, metric;

-- name: latest_metrics
-- The figures of the newest check, for the metrics page.
SELECT check_id, window_start, window_end, model_version, feature, metric, value, expected, threshold, p_value, n
FROM monitoring_metrics
WHERE use_case = :use_case
  AND check_id = (SELECT check_id FROM monitoring_metrics WHERE use_case = :use_case ORDER BY at DESC LIMIT 1);

-- name: raise_alert^
-- One open alert per cause: raising it again escalates or refreshes it.
INSERT INTO monitoring_alerts (use_case, cause, severity, message, check_id)
VALUES (:use_case, :cause, :severity, :message, :check_id)
ON CONFLICT (use_case, cause) WHERE state <> 'RESOLVED' DO UPDATE
SET severity = excluded.severity, message = excluded.message, check_id = excluded.check_id, updated_at = now()
RETURNING *;

-- name: resolve_alert!
UPDATE monitoring_alerts SET state = 'RESOLVED', resolved_at = now(), updated_at = now()
WHERE use_case = :use_case AND cause = :cause AND state <> 'RESOLVED';

-- name: get_alert^
SELECT * FROM monitoring_alerts WHERE id = :alert_id;

-- name: list_alerts
SELECT * FROM monitoring_alerts WHERE use_case = :use_case ORDER BY id DESC LIMIT :limit;

-- name: proxy_metrics
-- How predictions behave while labels are away: per model version, with the mean binary entropy of the scores in bits.
SELECT model_version, count(*) AS n, avg(predicted_label)::double precision AS positive_rate, avg(score) AS score_mean,
       coalesce(stddev_samp(score), 0) AS score_sd,
       avg(CASE WHEN score > 0 AND score < 1 THEN -(score * ln(score) + (1 - score) * ln(1 - score)) / ln(2) ELSE 0 END)
           AS score_entropy
FROM prediction_logs
WHERE use_case = :use_case AND scored_at >= :window_start AND scored_at < :window_end
GROUP BY model_version;
