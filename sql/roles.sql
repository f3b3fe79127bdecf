-- What each role may do in the database, stated anew after every migration. The role that runs migrations owns everything.
-- Roles are made by whoever sets the cluster up (`sixgate up`, docker/postgres-databases.sh). Where they are missing, this
-- does nothing, and everybody signs in as the owner. :owner, :server, :steps and :pages are the roles' names.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, :server, :steps, :pages;
REVOKE ALL ON ALL ROUTINES IN SCHEMA public FROM PUBLIC, :server, :steps, :pages;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :server, :steps, :pages;
GRANT CONNECT ON DATABASE :database TO :server, :steps, :pages;
GRANT TEMPORARY ON DATABASE :database TO :server, :steps; -- batches are staged in temporary tables

-- The scoring server logs predictions and labels, says what it serves, raises alerts, takes requests for explanations and files to
-- score, and applies a contract that changed.
GRANT SELECT ON prediction_logs, label_store, current_labels, contracts, contract_versions, model_metadata, promotions,
    monitoring_metrics, monitoring_alerts, explanations, explanation_watermarks, rollup_watermarks, serving_replicas, scoring_jobs TO :server;
GRANT INSERT ON prediction_logs TO :server;
GRANT INSERT (use_case, transaction_id, label, labelled_at, source) ON label_store TO :server;
GRANT INSERT, UPDATE, DELETE ON serving_replicas TO :server;
GRANT INSERT (contract_hash, use_case, body) ON contracts TO :server;
GRANT INSERT (use_case, contract_hash), UPDATE (ended_at) ON contract_versions TO :server;
GRANT EXECUTE ON FUNCTION show_predictions(text) TO :server;
GRANT INSERT (use_case, cause, severity, message, check_id, model_version),
    UPDATE (severity, message, check_id, model_version, state, updated_at, resolved_at, resolution)
    ON monitoring_alerts TO :server;
GRANT SELECT, INSERT, UPDATE (n) ON quality_counts TO :server;
GRANT INSERT, UPDATE (share, status, attempts, error, requested_at) ON explanations TO :server;
GRANT INSERT (job_id, use_case, origin, file_name, format, is_logged, state, requested_by) ON scoring_jobs TO :server;

-- The lifecycle's steps, and the people who use its commands. Records grow, and nothing of them is changed: a run writes its
-- own by functions, until its verdict. Numbers and times of records are the database's to give: a row with the largest number,
-- or an earlier time, would change what is said of now, or of then.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO :steps;
GRANT INSERT (use_case, run_id, trigger, requested_by, request_reason, params, as_of, policy, git_sha)
    ON decision_records TO :steps;
GRANT INSERT (decision_id, event, actor, approved, comment, superseded_by) ON decision_events TO :steps;
GRANT INSERT (use_case, run_id, decision_id) ON promotion_runs TO :steps;
GRANT INSERT (promotion_id, use_case, from_version, from_digest, to_version, to_digest, action, state, actor, reason, decision_id,
    evidence_hash) ON promotions TO :steps;
GRANT INSERT ON contracts, model_metadata TO :steps;
GRANT INSERT (use_case, contract_hash), UPDATE (ended_at) ON contract_versions TO :steps;
GRANT EXECUTE ON FUNCTION write_dataset(text, text, jsonb, text, integer), write_challenger(text, text, integer),
    write_verdict(text, text, text, text, jsonb, text), write_failure(text, text, text),
    what_served(text, timestamptz), ensure_partitions(date, integer), drop_partitions(date),
    delete_predictions(text, date, integer), thin_metrics(date), show_predictions(text), start_scoring_job(uuid, integer),
    log_scored_rows(uuid, json) TO :steps;
-- The ingest DAG stores labels as the scoring server does; it can't change or delete one.
GRANT INSERT (use_case, transaction_id, label, labelled_at, source) ON label_store TO :steps;
GRANT INSERT, UPDATE, DELETE ON ingested_rows TO :steps;
GRANT INSERT, DELETE ON ingested_labels TO :steps;
GRANT INSERT, UPDATE ON ingested_files, ingest_watermarks TO :steps;
GRANT INSERT, UPDATE, DELETE ON monitoring_metrics, monitoring_alerts, feature_rollups, score_rollups, attribution_rollups,
    quality_counts, rollup_watermarks, explanations, explanation_watermarks TO :steps;
GRANT INSERT (job_id, use_case, origin, file_name, format, is_logged, state, requested_by),
    UPDATE (state, finished_at, rows, flagged, refused, quarantine, error), DELETE ON scoring_jobs TO :steps;

-- Pages in Airflow show everything, acknowledge alerts, and ask for explanations.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO :pages;
GRANT EXECUTE ON FUNCTION what_served(text, timestamptz) TO :pages;
GRANT UPDATE (state, acknowledged_severity, acknowledged_by, acknowledged_at, comment, updated_at)
    ON monitoring_alerts TO :pages;
GRANT INSERT, UPDATE (share, status, attempts, error, requested_at) ON explanations TO :pages;
