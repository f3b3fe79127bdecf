-- name: get_prediction^
-- The time in a UUIDv7 id lets the planner read one partition only.
SELECT prediction_id, scored_at, use_case, transaction_id, entity_key, event_time, model_version, contract_hash,
       model_contract_hash, features, score, predicted_label, threshold, replica
FROM prediction_logs
WHERE use_case = :use_case AND prediction_id = :prediction_id AND scored_at = :scored_at;

-- name: make_staging!
-- COPY can't skip rows that exist already, so a batch of the journal is staged first.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_lines (line json NOT NULL CHECK (json_typeof(line -> 'rows') IS NOT DISTINCT FROM 'array'))
ON COMMIT DELETE ROWS;

-- name: move_staged!
-- A batch that is shipped twice is logged once.
INSERT INTO prediction_logs (scored_at, prediction_id, use_case, transaction_id, entity_key, event_time, model_version,
                             contract_hash, model_contract_hash, features, score, predicted_label, threshold, replica)
SELECT l.scored_at, r.prediction_id, l.use_case, r.transaction_id, r.entity_key, coalesce(r.event_time, l.scored_at),
       l.model_version, l.contract_hash, l.model_contract_hash, r.features, r.score, r.predicted_label, l.threshold, l.replica
FROM staged_lines,
     json_populate_record(NULL::prediction_logs, line) AS l,
     json_populate_recordset(NULL::prediction_logs, line -> 'rows') AS r
ON CONFLICT DO NOTHING;

-- name: newest_features
-- The features of the newest predictions, with the contract that names them.
SELECT contract_hash, features FROM prediction_logs
WHERE use_case = :use_case
ORDER BY scored_at DESC LIMIT :limit;

-- name: sample_features
-- Random rows of a window: a random part of the table's pages, and random rows of those.
SELECT contract_hash, features FROM prediction_logs TABLESAMPLE SYSTEM (:percent)
WHERE use_case = :use_case AND scored_at >= :window_start AND scored_at < :window_end
ORDER BY random() LIMIT :limit;

-- name: count_matured$
-- Transactions of a window whose labels have matured; a retraining needs enough of them. One that was
-- predicted several times counts once.
SELECT count(DISTINCT p.transaction_id)
FROM prediction_logs AS p JOIN current_labels AS l USING (use_case, transaction_id)
WHERE p.use_case = :use_case AND p.event_time >= :window_start AND p.event_time < :matured_before;

