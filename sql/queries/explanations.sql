-- name: open_watermark!
-- The use case's explanation watermark is created at transaction 0, unless it exists.
INSERT INTO explanation_watermarks (use_case, logged_xid) VALUES (:use_case, '0') ON CONFLICT DO NOTHING;

-- name: lock_watermark^
-- The transaction ids [begin, end) whose predictions are new and complete. The lock admits one plan
-- at a time.
SELECT logged_xid::text AS begin, pg_snapshot_xmin(pg_current_snapshot())::text AS end
FROM explanation_watermarks WHERE use_case = :use_case FOR UPDATE;

-- name: move_watermark!
-- Predictions logged before this transaction have been planned.
UPDATE explanation_watermarks SET logged_xid = :logged_xid::text::xid8 WHERE use_case = :use_case;

-- name: bucket_of$
-- The bucket of a prediction, a digest of its id. Stored shares depend on it, so this expression
-- never changes, here and in the two queries below. pipelines/rules/explanation/selection.py says
-- which buckets are selected.
SELECT abs(mod(hashtextextended(:prediction_id::uuid::text, 0), :buckets));

-- name: plan_explanations!
-- Selects predictions that were logged between two transactions by the policy, as PENDING.
INSERT INTO explanations (use_case, prediction_id, scored_at, model_version, share)
SELECT use_case, prediction_id, scored_at, model_version, selected / :buckets::double precision
FROM (
    SELECT use_case, prediction_id, scored_at, model_version,
           CASE predicted_label WHEN 1 THEN :flagged ELSE :others END AS selected
    FROM prediction_logs
    WHERE use_case = :use_case AND scored_at >= :since
      AND logged_xid >= :begin::text::xid8 AND logged_xid < :end::text::xid8
) AS logged
WHERE abs(mod(hashtextextended(prediction_id::text, 0), :buckets)) < selected
ON CONFLICT (use_case, prediction_id) DO UPDATE SET share = excluded.share
WHERE explanations.share IS NULL AND explanations.status <> 'COMPLETED';

-- name: plan_extra!
-- Selects predictions that were logged before a transaction, whether or not a plan selected them
-- then. They have no share: they are explained, and left out of the sums, because another selection
-- picked them with another probability. FAILED ones become PENDING again.
INSERT INTO explanations (use_case, prediction_id, scored_at, model_version)
SELECT use_case, prediction_id, scored_at, model_version
FROM prediction_logs
WHERE use_case = :use_case AND scored_at >= :since AND logged_xid < :end::text::xid8
  AND abs(mod(hashtextextended(prediction_id::text, 0), :buckets))
      < CASE predicted_label WHEN 1 THEN :flagged ELSE :others END
ON CONFLICT (use_case, prediction_id) DO UPDATE SET status = 'PENDING', attempts = 0, error = NULL
WHERE explanations.status = 'FAILED';

-- name: is_unplanned$
-- Whether no plan has seen a prediction yet.
SELECT p.logged_xid >= coalesce(w.logged_xid, '0')
FROM prediction_logs AS p LEFT JOIN explanation_watermarks AS w USING (use_case)
WHERE p.use_case = :use_case AND p.scored_at = :scored_at AND p.prediction_id = :prediction_id;

-- name: request_explanation^
-- A request for one prediction; a FAILED one becomes PENDING again. The share is set at once if the
-- policy selects the prediction too, because it may be explained before the next plan.
INSERT INTO explanations (use_case, prediction_id, scored_at, model_version, share, requested_at)
VALUES (:use_case, :prediction_id, :scored_at, :model_version, :share, now())
ON CONFLICT (use_case, prediction_id) DO UPDATE
SET status = CASE explanations.status WHEN 'FAILED' THEN 'PENDING' ELSE explanations.status END,
    attempts = CASE explanations.status WHEN 'FAILED' THEN 0 ELSE explanations.attempts END,
    requested_at = coalesce(explanations.requested_at, now())
RETURNING prediction_id, model_version, status, contributions, base_value, attempts, error;

-- name: assign_chunks
-- Puts PENDING rows into chunks of one model version, the unit of work and of retry. Requested rows
-- come first, in chunks that hold no others, then the oldest rows.
WITH waiting AS (
    SELECT prediction_id, model_version, scored_at, requested_at IS NULL AS picked
    FROM explanations WHERE use_case = :use_case AND status = 'PENDING'
    ORDER BY requested_at IS NULL, scored_at LIMIT :limit
), numbered AS (
    SELECT prediction_id, CASE WHEN picked THEN 'picked' ELSE 'asked' END AS kind,
           (row_number() OVER (PARTITION BY picked, model_version ORDER BY scored_at) - 1) / :size AS number
    FROM waiting
), assigned AS (
    UPDATE explanations AS e SET chunk = concat_ws('/', :run_id::text, kind, e.model_version, number)
    FROM numbered AS n WHERE e.use_case = :use_case AND e.prediction_id = n.prediction_id
    RETURNING e.chunk, e.model_version, kind, number
)
SELECT chunk, model_version, count(*)::int AS n FROM assigned GROUP BY chunk, model_version, kind, number
ORDER BY kind, model_version, number;

-- name: count_waiting$
-- Number of explanations that are PENDING.
SELECT count(*) FROM explanations WHERE use_case = :use_case AND status = 'PENDING';

-- name: give_up!
-- Rows whose attempts are used up without a reported result.
UPDATE explanations SET status = 'FAILED', error = coalesce(error, :error)
WHERE use_case = :use_case AND status = 'PENDING' AND attempts >= :attempts;

-- name: version_of_chunk$
-- The model version of a chunk with PENDING rows.
SELECT model_version FROM explanations WHERE use_case = :use_case AND chunk = :chunk AND status = 'PENDING' LIMIT 1;

-- name: claim
-- An attempt counts when it begins, so that an attempt that ends the process counts too. Rows with
-- the fewest attempts come first, and a claim holds only rows with equally many attempts.
WITH least AS (
    SELECT min(attempts) AS attempts FROM explanations
    WHERE use_case = :use_case AND chunk = :chunk AND status = 'PENDING' AND attempts < :attempts
      AND prediction_id <> ALL (:tried::uuid[])
), taken AS (
    SELECT e.prediction_id FROM explanations AS e, least
    WHERE e.use_case = :use_case AND e.chunk = :chunk AND e.status = 'PENDING' AND e.attempts = least.attempts
      AND e.prediction_id <> ALL (:tried::uuid[])
    ORDER BY e.prediction_id
    LIMIT (SELECT CASE WHEN attempts = 0 THEN :size ELSE greatest(:size / power(100, attempts), 1)::bigint END FROM least)
), claimed AS (
    UPDATE explanations AS e SET attempts = e.attempts + 1, error = NULL
    FROM taken AS t WHERE e.use_case = :use_case AND e.prediction_id = t.prediction_id
    RETURNING e.prediction_id, e.scored_at
)
SELECT c.prediction_id, c.scored_at, p.contract_hash, p.features, p.score
FROM claimed AS c LEFT JOIN prediction_logs AS p ON p.scored_at = c.scored_at AND p.prediction_id = c.prediction_id;

-- name: make_explained!
-- A temporary table for one batch of contributions, filled by COPY.
CREATE TEMP TABLE IF NOT EXISTS explained (prediction_id uuid, contributions double precision[]) ON COMMIT DELETE ROWS;

-- name: complete
-- A row is written once; a second writer changes nothing.
UPDATE explanations AS e
SET status = 'COMPLETED', contributions = c.contributions, base_value = :base_value, error = NULL, completed_at = now()
FROM explained AS c
WHERE e.use_case = :use_case AND e.prediction_id = c.prediction_id AND e.status = 'PENDING'
RETURNING e.prediction_id, e.share;

-- name: fail!
-- A row is PENDING until its attempts are used up; its error is stored at once.
UPDATE explanations AS e SET error = f.error, status = CASE WHEN attempts >= :attempts THEN 'FAILED' ELSE 'PENDING' END
FROM unnest(:prediction_ids::uuid[], :errors::text[]) AS f (prediction_id, error)
WHERE e.use_case = :use_case AND e.prediction_id = f.prediction_id AND e.status = 'PENDING';

-- name: refuse_chunk!
-- A failed attempt at a whole chunk, for example because its model does not exist.
UPDATE explanations
SET attempts = attempts + 1, error = :error, status = CASE WHEN attempts + 1 >= :attempts THEN 'FAILED' ELSE 'PENDING' END
WHERE use_case = :use_case AND chunk = :chunk AND status = 'PENDING';

-- name: add_attributions!
-- Sums over explained predictions are added to those of their bucket.
INSERT INTO attribution_rollups (use_case, bucket, model_version, feature, n, w, ww, wx, wwx, wwxx)
SELECT :use_case, date_bin(make_interval(secs => :step), :bucket, 'epoch'), :version, feature, :n, :w, :ww, wx, wwx, wwxx
FROM unnest(:features::text[], :wx::double precision[], :wwx::double precision[], :wwxx::double precision[])
     AS s (feature, wx, wwx, wwxx)
ON CONFLICT (use_case, bucket, model_version, feature) DO UPDATE
SET n = attribution_rollups.n + excluded.n, w = attribution_rollups.w + excluded.w, ww = attribution_rollups.ww + excluded.ww,
    wx = attribution_rollups.wx + excluded.wx, wwx = attribution_rollups.wwx + excluded.wwx,
    wwxx = attribution_rollups.wwxx + excluded.wwxx;

-- name: read_attributions
-- Sums over explained predictions of a window, by model version and feature.
SELECT model_version, feature, sum(n)::bigint AS n, sum(w) AS w, sum(ww) AS ww, sum(wx) AS wx, sum(wwx) AS wwx,
       sum(wwxx) AS wwxx
FROM attribution_rollups
WHERE use_case = :use_case AND bucket >= :window_start AND bucket < :window_end
GROUP BY model_version, feature ORDER BY model_version, feature;

-- name: get_explanation^
-- The explanation of one prediction, in any status.
SELECT prediction_id, model_version, status, contributions, base_value, attempts, error
FROM explanations WHERE use_case = :use_case AND prediction_id = :prediction_id;

-- name: count_by_status
-- Counts by status, of predictions made since a time.
SELECT status, count(*)::int AS n FROM explanations WHERE use_case = :use_case AND scored_at >= :since GROUP BY status;

-- name: failures
-- The FAILED explanations of the newest predictions.
SELECT prediction_id, model_version, status, contributions, base_value, attempts, error
FROM explanations WHERE use_case = :use_case AND status = 'FAILED' ORDER BY prediction_id DESC LIMIT :limit;

-- name: recent_explained
-- The newest predictions whose explanation is COMPLETED.
SELECT p.prediction_id, p.scored_at, p.use_case, p.transaction_id, p.entity_key, p.event_time, p.model_version, p.contract_hash,
       p.features, p.score, p.predicted_label, p.threshold, p.replica
FROM explanations AS e JOIN prediction_logs AS p ON p.scored_at = e.scored_at AND p.prediction_id = e.prediction_id
WHERE e.use_case = :use_case AND e.status = 'COMPLETED' ORDER BY e.prediction_id DESC LIMIT :limit;

-- name: newest_explained
-- The newest explained predictions of a version that the policy selected, with their weights. Ids
-- are in order of time.
SELECT p.contract_hash, p.features, e.contributions, 1 / e.share AS weight
FROM explanations AS e JOIN prediction_logs AS p ON p.scored_at = e.scored_at AND p.prediction_id = e.prediction_id
WHERE e.use_case = :use_case AND e.model_version = :version AND e.status = 'COMPLETED' AND e.share IS NOT NULL
  AND e.scored_at >= :since
ORDER BY e.prediction_id DESC LIMIT :limit;
