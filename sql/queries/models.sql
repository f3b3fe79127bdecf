-- name: record_contract!
-- The contract that a model was trained on, stored once per hash.
INSERT INTO contracts (contract_hash, use_case, body) VALUES (:contract_hash, :use_case, :body) ON CONFLICT DO NOTHING;

-- name: get_contract$
-- The body of a contract by its hash.
SELECT body FROM contracts WHERE contract_hash = :contract_hash;

-- name: record_model!
-- One model per run: a retried step registers none.
INSERT INTO model_metadata (use_case, version, run_id, mlflow_run_id, kind, digest, contract_hash, threshold, metrics, data_hash,
                            profile)
VALUES (:use_case, :version, :run_id, :mlflow_run_id, :kind, :digest, :contract_hash, :threshold, :metrics, :data_hash,
        :profile)
ON CONFLICT DO NOTHING;

-- name: get_model^
-- One model version.
SELECT use_case, version, run_id, mlflow_run_id, kind, digest, contract_hash, threshold, metrics, data_hash, created_at
FROM model_metadata WHERE use_case = :use_case AND version = :version;

-- name: get_model_of_run^
-- The model version that a run registered.
SELECT use_case, version, run_id, mlflow_run_id, kind, digest, contract_hash, threshold, metrics, data_hash, created_at
FROM model_metadata WHERE use_case = :use_case AND run_id = :run_id;

-- name: get_profile$
-- The training profile of a version: some kilobytes, so it is read only where it is compared.
SELECT profile FROM model_metadata WHERE use_case = :use_case AND version = :version;
