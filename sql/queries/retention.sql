-- name: logged_use_cases
-- The use cases with predictions in the log. Each is found by one look at an index of each partition,
-- whatever the number of rows.
WITH RECURSIVE logged AS (
    SELECT min(use_case) AS use_case FROM prediction_logs
    UNION ALL
    SELECT (SELECT min(p.use_case) FROM prediction_logs AS p WHERE p.use_case > l.use_case)
    FROM logged AS l WHERE l.use_case IS NOT NULL
)
SELECT use_case FROM logged WHERE use_case IS NOT NULL;

-- name: explained_use_cases
-- The use cases with explanations, also when none of their predictions is in the log any more.
WITH RECURSIVE explained AS (
    SELECT min(use_case) AS use_case FROM explanations
    UNION ALL
    SELECT (SELECT min(e.use_case) FROM explanations AS e WHERE e.use_case > x.use_case)
    FROM explained AS x WHERE x.use_case IS NOT NULL
)
SELECT use_case FROM explained WHERE use_case IS NOT NULL;

-- name: measured_use_cases
-- The use cases whose predictions were counted at least once: only these have metrics and counts.
SELECT use_case FROM rollup_watermarks UNION SELECT use_case FROM explanation_watermarks;

-- name: importing_use_cases
-- The use cases into which history or labels were imported.
SELECT use_case FROM ingest_watermarks UNION SELECT use_case FROM ingested_files;

-- name: drop_partitions$
-- Drops the days before a date, of all use cases; returns how many. Refuses today and later.
SELECT drop_partitions(:before);

-- name: delete_predictions$
-- Deletes predictions of one use case before a date, at most so many; returns how many.
SELECT delete_predictions(:use_case, :before, :most);

-- name: delete_explanations!
-- Deletes explanations of predictions of one use case before a date, at most so many.
DELETE FROM explanations
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM explanations WHERE use_case = :use_case AND scored_at < :before LIMIT :most
));

-- name: delete_ingested_rows!
-- Deletes imported history of one use case that was imported or changed last before a date, at most
-- so many rows.
DELETE FROM ingested_rows
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ingested_rows WHERE use_case = :use_case AND imported_at < :before LIMIT :most
));

-- name: delete_ingested_labels!
-- Deletes notes of labels of one use case that were imported before a date, at most so many. The
-- labels themselves stay.
DELETE FROM ingested_labels
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ingested_labels WHERE use_case = :use_case AND imported_at < :before LIMIT :most
));

-- name: delete_metrics!
-- Deletes metrics of drift checks of one use case before a date.
DELETE FROM monitoring_metrics WHERE use_case = :use_case AND at < :before;

-- name: delete_feature_counts!
-- Deletes the counts of one use case's predictions by feature and bin before a date.
DELETE FROM feature_rollups WHERE use_case = :use_case AND bucket < :before;

-- name: delete_score_counts!
-- Deletes the counts of one use case's predictions by score and label before a date.
DELETE FROM score_rollups WHERE use_case = :use_case AND bucket < :before;

-- name: delete_quality_counts!
-- Deletes the counts of one use case's refused, treated and repeated values before a date.
DELETE FROM quality_counts WHERE use_case = :use_case AND hour < :before;

-- name: delete_attributions!
-- Deletes the sums over one use case's explanations before a date.
DELETE FROM attribution_rollups WHERE use_case = :use_case AND bucket < :before;

-- name: thin_metrics$
-- Of metrics before a date, keeps the last drift check of each window and those that raised alerts;
-- returns how many rows were deleted.
SELECT thin_metrics(:before);
