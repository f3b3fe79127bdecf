-- name: write_entry^
-- A promotion has each state once; a retried step changes nothing.
INSERT INTO promotions (promotion_id, use_case, from_version, from_digest, to_version, to_digest, action, state, actor, reason,
                        decision_id, evidence_hash)
VALUES (:promotion_id, :use_case, :from_version, :from_digest, :to_version, :to_digest, :action, :state, :actor, :reason,
        :decision_id, :evidence_hash)
ON CONFLICT (promotion_id, state) DO NOTHING
RETURNING id;

-- name: entries_of
-- The states of a promotion, oldest first.
SELECT * FROM promotions WHERE promotion_id = :promotion_id ORDER BY id;

-- name: newest^
-- The entry that says what may be served; a refused one changes nothing.
SELECT * FROM promotions WHERE use_case = :use_case AND state <> 'REFUSED' ORDER BY id DESC LIMIT 1;

-- name: list_entries
-- The newest entries first.
SELECT * FROM promotions WHERE use_case = :use_case ORDER BY id DESC LIMIT :limit;

-- name: limit_waiting!
-- How long this session waits for a lock, in milliseconds; 0 is no limit.
SELECT set_config('lock_timeout', :milliseconds::text, false);

-- name: lock_use_case!
-- One promotion of a use case at a time; a session lock, because it spans several transactions.
SELECT pg_advisory_lock(hashtext('sixgate.promotion.' || :use_case));

-- name: lock_holder^
-- The process that holds a use case's promotion lock, and its role. pg_locks stores the lock's
-- number in two halves; a hash is a signed number of 32 bits.
SELECT pid, usename AS role FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32 | objid::bigint) = hashtext('sixgate.promotion.' || :use_case)::bigint;

-- name: unlock_use_case!
-- The promotion lock of a use case is released.
SELECT pg_advisory_unlock(hashtext('sixgate.promotion.' || :use_case));

-- name: report_replica!
-- What a replica serves, and when it reported.
INSERT INTO serving_replicas (replica, use_case, version, digest, contract_hash, error, loaded_at, seen_at)
VALUES (:replica, :use_case, :version, :digest, :contract_hash, :error, :loaded_at, now())
ON CONFLICT (replica, use_case) DO UPDATE SET version = excluded.version, digest = excluded.digest,
    contract_hash = excluded.contract_hash, error = excluded.error, loaded_at = excluded.loaded_at, seen_at = now();

-- name: live_replicas
-- Replicas that reported within the last 15 s.
SELECT * FROM serving_replicas WHERE use_case = :use_case AND seen_at > now() - interval '15 seconds' ORDER BY replica;

-- name: forget_replica!
-- Promotions do not wait for a replica that was stopped on purpose.
DELETE FROM serving_replicas WHERE replica = :replica;
