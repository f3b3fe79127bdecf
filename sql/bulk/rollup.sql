-- New predictions since the watermark. Transactions that are still open are left for the next
-- roll-up, so no row is missed and none is counted twice. Features of another contract are other
-- columns, so they are NULL here.
-- {begin} and {end} are transaction ids, inclusive and exclusive.
SELECT scored_at, model_version, score, predicted_label, CASE WHEN contract_hash = {contract_hash} THEN features END AS features
FROM prediction_logs
WHERE use_case = {use_case} AND logged_xid >= {begin}::xid8 AND logged_xid < {end}::xid8
