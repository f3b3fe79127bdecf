-- Decisions of a day, but for those that were exported before; documents as JSON.
SELECT id, use_case, run_id, trigger, requested_by, request_reason, params::text AS params, as_of, champion_version,
       challenger_version, evidence_source, dataset::text AS dataset, gates::text AS gates, policy::text AS policy, verdict,
       reason, evidence_hash, git_sha, opened_at, decided_at
FROM decision_records
WHERE decided_at >= {day_start}::timestamptz AND decided_at < {day_end}::timestamptz AND id <> ALL ({exported}::bigint[])
ORDER BY id
