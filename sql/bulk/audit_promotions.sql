-- Entries of the ledger of a day, but for those that were exported before.
SELECT id, promotion_id::text AS promotion_id, use_case, from_version, from_digest, to_version, to_digest, action, state, actor,
       reason, decision_id, evidence_hash, at
FROM promotions
WHERE at >= {day_start}::timestamptz AND at < {day_end}::timestamptz AND id <> ALL ({exported}::bigint[])
ORDER BY id
