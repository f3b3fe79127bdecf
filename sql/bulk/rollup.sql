-- New predictions since the watermark. Transactions that were still open at the snapshot are left for the next check, so no
-- row is missed and none is counted twice. Features of another contract are other columns: they are NULL.
-- Settings, as a query with parameters would be held in memory as a whole: sixgate.use_case · sixgate.contract_hash ·
-- sixgate.begin and sixgate.end, transaction ids (inclusive, exclusive)
SELECT scored_at, model_version, score, predicted_label,
       CASE WHEN contract_hash = (SELECT current_setting('sixgate.contract_hash')) THEN features END AS features
FROM prediction_logs
WHERE use_case = current_setting('sixgate.use_case')
  AND logged_xid >= current_setting('sixgate.begin')::xid8 AND logged_xid < current_setting('sixgate.end')::xid8
