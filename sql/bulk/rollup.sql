-- New predictions since the watermark. Transactions that are still open are left for the next
-- roll-up, so no row is missed and none is counted twice. The contract hash names the columns of the
-- features; it is NULL for {contract_hash}, because 64 characters per row take time.
-- {begin} and {end} are transaction ids, inclusive and exclusive.
SELECT scored_at, model_version, score, predicted_label,
       NULLIF(contract_hash, {contract_hash}) AS contract_hash, features
FROM prediction_logs
WHERE use_case = {use_case} AND logged_xid >= {begin}::xid8 AND logged_xid < {end}::xid8
