-- name: lock_contracts!
-- Replicas that start together apply the same contract once. The lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtext('sixgate.contract.' || :use_case));

-- name: current_contract$
-- The body of the current contract.
SELECT body FROM contract_versions JOIN contracts USING (contract_hash)
WHERE contract_versions.use_case = :use_case AND ended_at IS NULL
ORDER BY applied_at DESC LIMIT 1;

-- name: accepted_contracts
-- The bodies of the contracts that have not ended, the newest first.
SELECT body FROM (
    SELECT contract_hash, max(applied_at) AS applied_at FROM contract_versions
    WHERE use_case = :use_case AND ended_at IS NULL GROUP BY contract_hash
) AS open_versions JOIN contracts USING (contract_hash)
ORDER BY applied_at DESC;

-- name: contract_versions
-- Each contract of a use case with its newest application, the newest first, and the number of replicas that have it.
SELECT v.contract_hash, v.applied_at, v.ended_at,
       (SELECT count(*) FROM serving_replicas AS r
        WHERE r.use_case = v.use_case AND r.contract_hash = v.contract_hash AND r.seen_at > now() - interval '15 seconds') AS replicas,
       ARRAY(SELECT m.version FROM model_metadata AS m
             WHERE m.use_case = v.use_case AND m.contract_hash = v.contract_hash ORDER BY m.version) AS models
FROM (
    SELECT DISTINCT ON (contract_hash) * FROM contract_versions
    WHERE use_case = :use_case ORDER BY contract_hash, applied_at DESC
) AS v ORDER BY v.applied_at DESC;

-- name: add_contract_version!
-- A contract becomes the current one. Its body is stored before.
INSERT INTO contract_versions (use_case, contract_hash) VALUES (:use_case, :contract_hash);

-- name: end_contract!
-- A contract is no longer accepted.
UPDATE contract_versions SET ended_at = now()
WHERE use_case = :use_case AND contract_hash = :contract_hash AND ended_at IS NULL;

-- name: outlived_contracts
-- Contracts that were replaced before a time, and under which neither a replica's model nor the champion was trained.
WITH replaced AS (
    SELECT contract_hash, ended_at, lead(applied_at) OVER (ORDER BY applied_at) AS replaced_at
    FROM contract_versions WHERE use_case = :use_case
), serving AS (
    SELECT version FROM serving_replicas WHERE use_case = :use_case AND seen_at > now() - interval '15 seconds'
    UNION ALL
    (SELECT unnest(ARRAY[from_version, to_version]) FROM promotions WHERE use_case = :use_case AND state <> 'REFUSED' ORDER BY id DESC LIMIT 2)
)
SELECT contract_hash FROM replaced
WHERE ended_at IS NULL
  AND contract_hash NOT IN (SELECT m.contract_hash FROM model_metadata AS m JOIN serving USING (version) WHERE m.use_case = :use_case)
GROUP BY contract_hash HAVING bool_and(coalesce(replaced_at < :replaced_before, false));

-- name: show_predictions!
-- The view of the predictions has the columns of the current contract.
SELECT show_predictions(:use_case);

-- name: announce_contract!
-- Replicas read the file of the contract at once.
SELECT pg_notify('sixgate_contracts', :use_case);

-- name: is_used$
-- Whether a model was trained or a row was scored under any contract of a use case.
SELECT EXISTS (SELECT FROM model_metadata WHERE use_case = :use_case)
    OR EXISTS (SELECT FROM prediction_logs WHERE use_case = :use_case);

-- name: replicas_behind
-- Live replicas that have another contract.
SELECT replica FROM serving_replicas
WHERE use_case = :use_case AND contract_hash IS DISTINCT FROM :contract_hash AND seen_at > now() - interval '15 seconds'
ORDER BY replica;
