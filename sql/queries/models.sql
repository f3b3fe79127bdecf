-- name: record_contract!
-- A contract is kept as the models trained on it knew it.
INSERT INTO contracts (contract_hash, use_case, body) VALUES (:contract_hash, :use_case, :body) ON CONFLICT DO NOTHING;

-- name: get_contract$
SELECT body FROM contracts WHERE contract_hash = :contract_hash;

-- name: record_model!
-- One model per run: a retried step registers nothing twice.
INSERT INTO model_metadata (use_case, version, run_id, mlflow_run_id, kind, digest, contract_hash, threshold, metrics, data_hash,
                            profile)
VALUES (:use_case, :version, :run_id, :mlflow_run_id, :kind, :digest, :contract_hash, :threshold, :metrics, :data_hash,
        :profile)
ON CONFLICT DO NOTHING;

-- name: get_model^
SELECT use_case, version, run_id, mlflow_run_id, kind, digest, contract_hash, threshold, metrics, data_hash, created_at
FROM model_metadata WHERE use_case = :use_case AND version = :version;

-- name: get_model_of_run^
SELECT use_case, version, run_id, mlflow_run_id, kind, digest, contract_hash, threshold, metrics, data_hash, created_at
FROM model_metadata WHERE use_case = :use_case AND run_id = :run_id;

-- name: get_profile$
-- What the version was trained on, as counts; some kilobytes, so only for who compares with it.
SELECT profile FROM model_metadata WHERE use_case = :use_case AND version = :version;
