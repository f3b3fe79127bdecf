-- New predictions since the watermark. Transactions that were still open at the snapshot are left for the next check, so no
-- row is missed and none is counted twice.
-- $1 use case · $2 from transaction id (inclusive) · $3 to transaction id (exclusive) · $4 contract hash
SELECT scored_at, model_version, features, score, predicted_label
FROM prediction_logs
WHERE use_case = $1 AND logged_xid >= $2::text::xid8 AND logged_xid < $3::text::xid8 AND contract_hash = $4
