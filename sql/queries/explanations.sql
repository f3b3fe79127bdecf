-- name: plan_explanations!
-- Predictions that lack an explanation become PENDING, oldest first: flagged ones, and by the digits of their id a share of the rest.
INSERT INTO explanations (use_case, prediction_id, scored_at, model_version)
SELECT p.use_case, p.prediction_id, p.scored_at, p.model_version
FROM prediction_logs AS p
WHERE p.use_case = :use_case AND p.scored_at >= :since
  AND (:select = 'all' OR (:select = 'flagged'
       AND (p.predicted_label = 1 OR mod(abs(hashtextextended(p.prediction_id::text, 0)), 10000) < :sample * 10000)))
  AND NOT EXISTS (SELECT FROM explanations AS e WHERE e.use_case = p.use_case AND e.prediction_id = p.prediction_id)
ORDER BY p.scored_at LIMIT :limit
ON CONFLICT DO NOTHING;

-- name: request_explanation^
-- Somebody asked for one prediction; one that FAILED is tried again.
INSERT INTO explanations (use_case, prediction_id, scored_at, model_version)
VALUES (:use_case, :prediction_id, :scored_at, :model_version)
ON CONFLICT (use_case, prediction_id) DO UPDATE
SET status = CASE explanations.status WHEN 'FAILED' THEN 'PENDING' ELSE explanations.status END,
    attempts = CASE explanations.status WHEN 'FAILED' THEN 0 ELSE explanations.attempts END
RETURNING prediction_id, model_version, status, contributions, base_value, attempts, error;

-- name: assign_chunks
-- Every PENDING row gets a chunk of one model version; the chunk is the unit of work and of retry.
WITH numbered AS (
    SELECT prediction_id, model_version, (row_number() OVER (PARTITION BY model_version ORDER BY scored_at) - 1) / :size AS number
    FROM explanations WHERE use_case = :use_case AND status = 'PENDING'
), assigned AS (
    UPDATE explanations AS e SET chunk = :run_id || '/' || n.model_version || '/' || n.number
    FROM numbered AS n WHERE e.use_case = :use_case AND e.prediction_id = n.prediction_id
    RETURNING e.chunk, e.model_version
)
SELECT chunk, model_version, count(*)::int AS n FROM assigned GROUP BY chunk, model_version ORDER BY chunk;

-- name: pending_of_chunk
SELECT e.prediction_id, e.model_version, p.features, p.score
FROM explanations AS e JOIN prediction_logs AS p ON p.scored_at = e.scored_at AND p.prediction_id = e.prediction_id
WHERE e.use_case = :use_case AND e.chunk = :chunk AND e.status = 'PENDING'
ORDER BY e.prediction_id;

-- name: complete!
UPDATE explanations AS e SET status = 'COMPLETED', contributions = c.contributions, base_value = :base_value, error = NULL,
    completed_at = now(), attempts = e.attempts + 1
FROM unnest(:prediction_ids::uuid[], :contributions::jsonb[]) AS c (prediction_id, contributions)
WHERE e.use_case = :use_case AND e.prediction_id = c.prediction_id AND e.status = 'PENDING';

-- name: fail!
-- A row that can't be explained is tried again until its attempts are used up, then says why.
UPDATE explanations SET attempts = attempts + 1, error = :error,
    status = CASE WHEN attempts + 1 >= :attempts THEN 'FAILED' ELSE 'PENDING' END
WHERE use_case = :use_case AND prediction_id = ANY(:prediction_ids::uuid[]) AND status = 'PENDING';

-- name: get_explanation^
SELECT prediction_id, model_version, status, contributions, base_value, attempts, error
FROM explanations WHERE use_case = :use_case AND prediction_id = :prediction_id;

-- name: count_by_status
SELECT status, count(*)::int AS n FROM explanations WHERE use_case = :use_case GROUP BY status;

-- name: mean_absolute
-- Global importance: how much each feature moves scores, by model version, over what a run explained.
SELECT e.model_version, c.key AS feature, avg(abs(c.value::double precision)) AS importance, count(*)::int AS n
FROM explanations AS e CROSS JOIN jsonb_each_text(e.contributions) AS c
WHERE e.use_case = :use_case AND starts_with(e.chunk, :run_id || '/') AND e.status = 'COMPLETED'
GROUP BY e.model_version, c.key ORDER BY e.model_version, importance DESC;
