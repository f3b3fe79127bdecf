-- Labels are followed by transaction id as predictions are, because they too become visible out of order.
ALTER TABLE label_store ADD COLUMN logged_xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX label_store_by_xid ON label_store (use_case, logged_xid);

-- What is counted into the bins of another baseline is counted anew, from the log.
DROP TABLE rollup_watermarks;
DELETE FROM feature_rollups;
CREATE TABLE rollup_watermarks (
    use_case   text PRIMARY KEY,
    baseline   text NOT NULL,
    step       interval NOT NULL,
    logged_xid xid8 NOT NULL,
    ahead      bigint NOT NULL DEFAULT 0 -- answers of the last roll-up that say they come from the future
);

-- Answers by score, per time bucket of the drift step: label −1 counts all of them, 0 and 1 those whose truth is known.
-- `score` and `square` are sums, from which means, spreads, Brier scores and expected errors follow.
CREATE TABLE score_rollups (
    use_case        text NOT NULL,
    bucket          timestamptz NOT NULL,
    model_version   integer NOT NULL,
    label           smallint NOT NULL CHECK (label IN (-1, 0, 1)),
    predicted_label smallint NOT NULL,
    bin             smallint NOT NULL,
    n               bigint NOT NULL,
    score           double precision NOT NULL,
    square          double precision NOT NULL,
    PRIMARY KEY (use_case, bucket, model_version, label, predicted_label, bin)
);

ALTER TABLE model_metadata ADD COLUMN profile jsonb;

ALTER TABLE monitoring_metrics ADD COLUMN low double precision, ADD COLUMN high double precision;
CREATE INDEX monitoring_metrics_over_time ON monitoring_metrics (use_case, metric, window_end);

-- A person acknowledges an alert; it wakes a retraining; it has a report; and what was told of it to whom, so that only news is told.
ALTER TABLE monitoring_alerts
    ADD COLUMN acknowledged_at timestamptz,
    ADD COLUMN acknowledged_severity text,
    ADD COLUMN comment         text,
    ADD COLUMN woke_at         timestamptz,
    ADD COLUMN woke_run        text,
    ADD COLUMN report          text,
    ADD COLUMN told            jsonb NOT NULL DEFAULT '{}';

-- Performance by the day on which predictions were made, as of the last drift check; estimated_f1 is what the scores promise,
-- realised figures are of those whose label is known.
DROP VIEW daily_performance;
CREATE VIEW daily_performance AS
WITH daily AS (
    SELECT use_case, (bucket AT TIME ZONE 'UTC')::date AS day, model_version, label, predicted_label,
           sum(n) AS n, sum(score) AS score, sum(square) AS square
    FROM score_rollups GROUP BY 1, 2, 3, 4, 5
), counted AS (
    SELECT use_case, day, model_version,
           coalesce(sum(n) FILTER (WHERE label = -1), 0) AS predictions,
           coalesce(sum(n) FILTER (WHERE label = -1 AND predicted_label = 1), 0) AS flagged,
           coalesce(sum(n) FILTER (WHERE label >= 0), 0) AS labelled,
           coalesce(sum(n) FILTER (WHERE label = 1 AND predicted_label = 1), 0) AS true_positives,
           coalesce(sum(n) FILTER (WHERE label = 0 AND predicted_label = 1), 0) AS false_positives,
           coalesce(sum(n) FILTER (WHERE label = 1 AND predicted_label = 0), 0) AS false_negatives,
           coalesce(sum(n) FILTER (WHERE label = 0 AND predicted_label = 0), 0) AS true_negatives,
           coalesce(sum(score) FILTER (WHERE label = -1), 0) AS positives_expected,
           coalesce(sum(score) FILTER (WHERE label = -1 AND predicted_label = 1), 0) AS true_positives_expected,
           sum(CASE label WHEN 1 THEN n - 2 * score + square WHEN 0 THEN square END) AS squared_errors
    FROM daily GROUP BY 1, 2, 3
)
SELECT use_case, day, model_version, predictions, flagged, labelled, true_positives, false_positives, false_negatives,
       true_negatives,
       true_positives / nullif(true_positives + false_positives, 0) AS precision,
       true_positives / nullif(true_positives + false_negatives, 0) AS recall,
       2 * true_positives / nullif(2 * true_positives + false_positives + false_negatives, 0) AS f1,
       squared_errors / nullif(labelled, 0) AS brier,
       2 * true_positives_expected / nullif(flagged + positives_expected, 0) AS estimated_f1
FROM counted;

-- Checks come every few minutes and look at windows that end with the same bucket: of old ones the last of each window is kept,
-- and those that an alert names.
CREATE FUNCTION thin_metrics(before date) RETURNS bigint LANGUAGE sql AS $$
    WITH checks AS (
        SELECT use_case, check_id, max(window_end) AS window_end, max(at) AS at
        FROM monitoring_metrics WHERE at < before GROUP BY use_case, check_id
    ), repeated AS (
        SELECT use_case, check_id FROM (
            SELECT *, row_number() OVER (PARTITION BY use_case, window_end ORDER BY at DESC) AS place FROM checks
        ) AS c
        WHERE place > 1 AND NOT EXISTS (
            SELECT FROM monitoring_alerts AS a WHERE a.use_case = c.use_case AND a.check_id = c.check_id
        )
    ), thinned AS (
        DELETE FROM monitoring_metrics AS m USING repeated AS r
        WHERE m.use_case = r.use_case AND m.check_id = r.check_id RETURNING 1
    )
    SELECT count(*) FROM thinned
$$;
