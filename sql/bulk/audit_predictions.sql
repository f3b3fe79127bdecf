-- Predictions of a day that were logged in the transactions [begin, end), in the order of the primary
-- key.
SELECT prediction_id::text AS prediction_id, scored_at, use_case, transaction_id, entity_key, event_time, model_version,
       contract_hash, model_contract_hash, features, score, predicted_label, threshold, replica
FROM prediction_logs AS p
WHERE p.scored_at >= {day_start}::timestamptz AND p.scored_at < {day_end}::timestamptz
  AND p.logged_xid >= {begin}::xid8 AND p.logged_xid < {end}::xid8
ORDER BY p.scored_at, p.prediction_id
