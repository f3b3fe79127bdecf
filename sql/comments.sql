-- What each table, view and column holds, stated anew after every migration. `make docs` writes docs/reference/tables.md from it.

COMMENT ON TABLE contracts IS 'The contracts that were applied or on which models were trained.';
COMMENT ON COLUMN contracts.contract_hash IS 'Hash of everything in the contract that a model depends on.';
COMMENT ON COLUMN contracts.use_case IS 'Name of the use case.';
COMMENT ON COLUMN contracts.body IS 'The contract as JSON.';
COMMENT ON COLUMN contracts.first_seen IS 'When it was first applied, or a model first trained on it.';

COMMENT ON TABLE contract_versions IS
    'Which contracts were applied. The newest that has not ended is the current one; rows of the others are accepted too.';
COMMENT ON COLUMN contract_versions.use_case IS 'Name of the use case.';
COMMENT ON COLUMN contract_versions.contract_hash IS 'The contract.';
COMMENT ON COLUMN contract_versions.applied_at IS 'When it became the current one.';
COMMENT ON COLUMN contract_versions.ended_at IS 'From when on its rows are refused; NULL while they are accepted.';

COMMENT ON TABLE prediction_logs IS
    'Every prediction that was returned. Partitioned by day of scored_at. Rows arrive late and out of order, so readers follow logged_xid and not the time.';
COMMENT ON COLUMN prediction_logs.scored_at IS 'When the prediction was made.';
COMMENT ON COLUMN prediction_logs.prediction_id IS 'The prediction_id of the response.';
COMMENT ON COLUMN prediction_logs.use_case IS 'Name of the use case.';
COMMENT ON COLUMN prediction_logs.transaction_id IS 'The transaction_id of the request, or the prediction_id. Labels refer to it.';
COMMENT ON COLUMN prediction_logs.entity_key IS 'Entity of the transaction, such as a customer.';
COMMENT ON COLUMN prediction_logs.event_time IS 'When the transaction happened; scored_at if the request has no time.';
COMMENT ON COLUMN prediction_logs.model_version IS 'Version of the model that scored it.';
COMMENT ON COLUMN prediction_logs.contract_hash IS 'Contract that names the features.';
COMMENT ON COLUMN prediction_logs.model_contract_hash IS 'Contract that the model was trained under; NULL in rows of before it was kept.';
COMMENT ON COLUMN prediction_logs.features IS 'Raw and derived features in the order of the contract; a missing value is NULL.';
COMMENT ON COLUMN prediction_logs.score IS 'Calibrated probability of the positive class.';
COMMENT ON COLUMN prediction_logs.predicted_label IS '1 if the score reached the threshold, else 0.';
COMMENT ON COLUMN prediction_logs.threshold IS 'Threshold of the model version.';
COMMENT ON COLUMN prediction_logs.replica IS 'Replica of the scoring server that scored it.';
COMMENT ON COLUMN prediction_logs.logged_xid IS 'Transaction id of the insert.';

COMMENT ON TABLE label_store IS 'Labels as they arrived: late, repeated or corrected. The row received last counts.';
COMMENT ON COLUMN label_store.id IS 'Order of arrival.';
COMMENT ON COLUMN label_store.use_case IS 'Name of the use case.';
COMMENT ON COLUMN label_store.transaction_id IS 'Transaction that is labelled.';
COMMENT ON COLUMN label_store.label IS '1 is positive, 0 negative.';
COMMENT ON COLUMN label_store.labelled_at IS 'When the label was decided, as the sender said.';
COMMENT ON COLUMN label_store.received_at IS 'When the label arrived.';
COMMENT ON COLUMN label_store.source IS 'Who sent it: `api:` and the name of the API key, or `ingest:` and the connection or folder it was read from.';
COMMENT ON COLUMN label_store.logged_xid IS 'Transaction id of the insert.';

COMMENT ON TABLE model_metadata IS 'Every trained model version.';
COMMENT ON COLUMN model_metadata.use_case IS 'Name of the use case.';
COMMENT ON COLUMN model_metadata.version IS 'Version in the registry.';
COMMENT ON COLUMN model_metadata.run_id IS 'Run that trained it.';
COMMENT ON COLUMN model_metadata.mlflow_run_id IS 'The run in MLflow.';
COMMENT ON COLUMN model_metadata.kind IS 'Name of the estimator.';
COMMENT ON COLUMN model_metadata.digest IS 'SHA-256 of the files of the model.';
COMMENT ON COLUMN model_metadata.contract_hash IS 'Contract on which it was trained.';
COMMENT ON COLUMN model_metadata.threshold IS 'Score from which on a row is flagged.';
COMMENT ON COLUMN model_metadata.metrics IS 'Metrics of the training.';
COMMENT ON COLUMN model_metadata.data_hash IS 'Hash of the training data.';
COMMENT ON COLUMN model_metadata.created_at IS 'When it was registered.';
COMMENT ON COLUMN model_metadata.profile IS 'Training profile: counts in the bins of the baseline, with which drift is measured.';

COMMENT ON TABLE decision_records IS
    'One record for each retraining run. It is written step by step until its verdict and never changed after it. Read the view retraining_decisions instead.';
COMMENT ON COLUMN decision_records.id IS 'Number of the decision.';
COMMENT ON COLUMN decision_records.use_case IS 'Name of the use case.';
COMMENT ON COLUMN decision_records.run_id IS 'Run of the retraining DAG.';
COMMENT ON COLUMN decision_records.trigger IS 'SCHEDULE, DRIFT or MANUAL.';
COMMENT ON COLUMN decision_records.requested_by IS 'Who started the run.';
COMMENT ON COLUMN decision_records.request_reason IS 'Why, as that person said.';
COMMENT ON COLUMN decision_records.params IS 'Parameters of the run.';
COMMENT ON COLUMN decision_records.as_of IS 'Time for which the run was started.';
COMMENT ON COLUMN decision_records.champion_version IS 'Version in Production.';
COMMENT ON COLUMN decision_records.challenger_version IS 'Version that was trained.';
COMMENT ON COLUMN decision_records.evidence_source IS 'LOGGED, INGESTED or REFERENCE.';
COMMENT ON COLUMN decision_records.dataset IS 'The rows: files, numbers and time span.';
COMMENT ON COLUMN decision_records.gates IS 'Result of each gate.';
COMMENT ON COLUMN decision_records.policy IS 'The whole policy under which it was decided, defaults included.';
COMMENT ON COLUMN decision_records.verdict IS 'APPROVED, REJECTED, INSUFFICIENT or SKIPPED; NULL while undecided.';
COMMENT ON COLUMN decision_records.reason IS 'Reason of the verdict.';
COMMENT ON COLUMN decision_records.evidence_hash IS 'Hash of the evidence.';
COMMENT ON COLUMN decision_records.git_sha IS 'Commit of the code.';
COMMENT ON COLUMN decision_records.opened_at IS 'When the run opened it.';
COMMENT ON COLUMN decision_records.decided_at IS 'When the verdict was written.';

COMMENT ON TABLE decision_events IS
    'What happened to a decision after its verdict. Rows are only added, one for each event.';
COMMENT ON COLUMN decision_events.id IS 'Order of the events.';
COMMENT ON COLUMN decision_events.decision_id IS 'The decision.';
COMMENT ON COLUMN decision_events.event IS 'REVIEWED or SUPERSEDED.';
COMMENT ON COLUMN decision_events.actor IS 'Who reviewed it, or sixgate.';
COMMENT ON COLUMN decision_events.approved IS 'Answer of the review.';
COMMENT ON COLUMN decision_events.comment IS 'Comment of the review.';
COMMENT ON COLUMN decision_events.superseded_by IS 'Newer decision that superseded this one.';
COMMENT ON COLUMN decision_events.at IS 'When it happened.';

COMMENT ON TABLE promotion_runs IS 'Which decision a run of the promotion DAG is about.';
COMMENT ON COLUMN promotion_runs.use_case IS 'Name of the use case.';
COMMENT ON COLUMN promotion_runs.run_id IS 'Run of the promotion DAG.';
COMMENT ON COLUMN promotion_runs.decision_id IS 'The decision.';
COMMENT ON COLUMN promotion_runs.at IS 'When the run started.';

COMMENT ON TABLE promotions IS 'The ledger. Each state of a promotion or rollback is a row of its own. Rows are only added.';
COMMENT ON COLUMN promotions.id IS 'Order of the entries.';
COMMENT ON COLUMN promotions.promotion_id IS 'Entries of one promotion share it.';
COMMENT ON COLUMN promotions.use_case IS 'Name of the use case.';
COMMENT ON COLUMN promotions.from_version IS 'Version in Production before.';
COMMENT ON COLUMN promotions.from_digest IS 'Digest of that version.';
COMMENT ON COLUMN promotions.to_version IS 'Version to promote.';
COMMENT ON COLUMN promotions.to_digest IS 'Digest of that version.';
COMMENT ON COLUMN promotions.action IS 'PROMOTE or ROLLBACK.';
COMMENT ON COLUMN promotions.state IS 'INTENDED, DONE, ROLLED_BACK or REFUSED.';
COMMENT ON COLUMN promotions.actor IS 'Who requested it.';
COMMENT ON COLUMN promotions.reason IS 'Why.';
COMMENT ON COLUMN promotions.decision_id IS 'Decision that approved it.';
COMMENT ON COLUMN promotions.evidence_hash IS 'Hash of the evidence of that decision.';
COMMENT ON COLUMN promotions.at IS 'When the entry was written.';

COMMENT ON TABLE serving_replicas IS
    'What each replica of the scoring server serves. A replica is alive if it was seen within 15 seconds.';
COMMENT ON COLUMN serving_replicas.replica IS 'Host, port and process id.';
COMMENT ON COLUMN serving_replicas.use_case IS 'Name of the use case.';
COMMENT ON COLUMN serving_replicas.version IS 'Version that it serves.';
COMMENT ON COLUMN serving_replicas.digest IS 'Digest of that version.';
COMMENT ON COLUMN serving_replicas.contract_hash IS 'Its current contract.';
COMMENT ON COLUMN serving_replicas.error IS 'Why it could not load the version of the ledger.';
COMMENT ON COLUMN serving_replicas.loaded_at IS 'When it loaded the version.';
COMMENT ON COLUMN serving_replicas.seen_at IS 'Its last heartbeat.';

COMMENT ON TABLE rollup_watermarks IS 'How far predictions and labels are counted.';
COMMENT ON COLUMN rollup_watermarks.use_case IS 'Name of the use case.';
COMMENT ON COLUMN rollup_watermarks.baseline IS 'Baseline into whose bins they are counted.';
COMMENT ON COLUMN rollup_watermarks.step IS 'Length of a bucket: drift.step of the policy.';
COMMENT ON COLUMN rollup_watermarks.logged_xid IS 'Rows below this transaction id are counted.';
COMMENT ON COLUMN rollup_watermarks.ahead IS 'Predictions of the last roll-up whose time is in the future.';

COMMENT ON TABLE feature_rollups IS 'Number of predictions by feature, bin and bucket.';
COMMENT ON COLUMN feature_rollups.use_case IS 'Name of the use case.';
COMMENT ON COLUMN feature_rollups.baseline IS 'Baseline that defines the bins.';
COMMENT ON COLUMN feature_rollups.model_version IS 'Version that scored them.';
COMMENT ON COLUMN feature_rollups.feature IS 'Name of the feature.';
COMMENT ON COLUMN feature_rollups.bucket IS 'Start of the bucket.';
COMMENT ON COLUMN feature_rollups.bin IS 'Number of the bin; -1 counts missing values.';
COMMENT ON COLUMN feature_rollups.n IS 'Number of predictions.';

COMMENT ON TABLE score_rollups IS 'Number and sums of predictions by score, label and bucket.';
COMMENT ON COLUMN score_rollups.use_case IS 'Name of the use case.';
COMMENT ON COLUMN score_rollups.bucket IS 'Start of the bucket.';
COMMENT ON COLUMN score_rollups.model_version IS 'Version that scored them.';
COMMENT ON COLUMN score_rollups.label IS '-1 counts all predictions, 0 and 1 those with that label.';
COMMENT ON COLUMN score_rollups.predicted_label IS '1 counts flagged predictions, 0 the others.';
COMMENT ON COLUMN score_rollups.bin IS 'Number of the bin of the score.';
COMMENT ON COLUMN score_rollups.n IS 'Number of predictions.';
COMMENT ON COLUMN score_rollups.score IS 'Sum of the scores.';
COMMENT ON COLUMN score_rollups.square IS 'Sum of the squared scores.';

COMMENT ON TABLE ingested_rows IS 'Labelled history that the ingest DAG imported, one row for each transaction. A retraining makes a snapshot of it.';
COMMENT ON COLUMN ingested_rows.use_case IS 'Name of the use case.';
COMMENT ON COLUMN ingested_rows.transaction_id IS 'Id of the transaction.';
COMMENT ON COLUMN ingested_rows.entity_key IS 'Entity that acted, such as a customer.';
COMMENT ON COLUMN ingested_rows.event_time IS 'When the transaction happened.';
COMMENT ON COLUMN ingested_rows.label IS '1 is positive, 0 negative.';
COMMENT ON COLUMN ingested_rows.contract_hash IS 'Contract that names the features.';
COMMENT ON COLUMN ingested_rows.features IS 'Raw features in the order of the contract, NULL where missing; a category is its index.';
COMMENT ON COLUMN ingested_rows.imported_at IS 'When this version of the row was imported.';

COMMENT ON TABLE ingested_labels IS 'Labels that the ingest DAG read, so that reading them again changes nothing. label_store has the labels themselves.';
COMMENT ON COLUMN ingested_labels.use_case IS 'Name of the use case.';
COMMENT ON COLUMN ingested_labels.transaction_id IS 'Transaction that is labelled.';
COMMENT ON COLUMN ingested_labels.labelled_at IS 'When the label was decided, as the source says.';
COMMENT ON COLUMN ingested_labels.label IS '1 is positive, 0 negative.';
COMMENT ON COLUMN ingested_labels.imported_at IS 'When it was read first.';

COMMENT ON TABLE ingested_files IS 'Files that the ingest DAG imported.';
COMMENT ON COLUMN ingested_files.use_case IS 'Name of the use case.';
COMMENT ON COLUMN ingested_files.source IS '`history` or `labels`.';
COMMENT ON COLUMN ingested_files.name IS 'Path below the folder.';
COMMENT ON COLUMN ingested_files.digest IS 'SHA-256 of the content.';
COMMENT ON COLUMN ingested_files.size IS 'Bytes.';
COMMENT ON COLUMN ingested_files.modified_at IS 'When the file was changed last.';
COMMENT ON COLUMN ingested_files.rows IS 'Number of its rows that conform to the contract.';
COMMENT ON COLUMN ingested_files.imported_at IS 'When it was imported.';

COMMENT ON TABLE ingest_watermarks IS 'How far the ingest DAG has read the query of each source.';
COMMENT ON COLUMN ingest_watermarks.use_case IS 'Name of the use case.';
COMMENT ON COLUMN ingest_watermarks.source IS '`history` or `labels`.';
COMMENT ON COLUMN ingest_watermarks.watermark IS 'Time of the newest change that was read.';
COMMENT ON COLUMN ingest_watermarks.moved_at IS 'When a run last read the source to its end.';

COMMENT ON TABLE quality_counts IS 'Values that were refused or taken as another one, and repeated transaction ids, by hour.';
COMMENT ON COLUMN quality_counts.use_case IS 'Name of the use case.';
COMMENT ON COLUMN quality_counts.hour IS 'Hour in which they were counted; of repeated ids, that of their predictions.';
COMMENT ON COLUMN quality_counts.field IS 'Field of the request; `transaction_id` also for repeated ids.';
COMMENT ON COLUMN quality_counts.treatment IS '`refused`, `repeated`, or what a value was taken as.';
COMMENT ON COLUMN quality_counts.n IS 'Number of values.';

COMMENT ON TABLE monitoring_metrics IS 'The metrics of drift checks. docs/reference/drift.md describes each metric.';
COMMENT ON COLUMN monitoring_metrics.check_id IS 'Run of the drift check.';
COMMENT ON COLUMN monitoring_metrics.use_case IS 'Name of the use case.';
COMMENT ON COLUMN monitoring_metrics.window_start IS 'Start of the window.';
COMMENT ON COLUMN monitoring_metrics.window_end IS 'End of the window.';
COMMENT ON COLUMN monitoring_metrics.model_version IS 'Version that the metric is about or is compared with; 0 is the baseline or all versions.';
COMMENT ON COLUMN monitoring_metrics.feature IS 'Feature, or empty.';
COMMENT ON COLUMN monitoring_metrics.metric IS 'Name of the metric.';
COMMENT ON COLUMN monitoring_metrics.value IS 'The observed value.';
COMMENT ON COLUMN monitoring_metrics.expected IS 'The value that is expected without drift.';
COMMENT ON COLUMN monitoring_metrics.threshold IS 'Threshold of the policy.';
COMMENT ON COLUMN monitoring_metrics.p_value IS 'Probability of such a value by chance.';
COMMENT ON COLUMN monitoring_metrics.n IS 'Number of rows.';
COMMENT ON COLUMN monitoring_metrics.at IS 'When it was written.';
COMMENT ON COLUMN monitoring_metrics.low IS 'Lower bound of the interval.';
COMMENT ON COLUMN monitoring_metrics.high IS 'Upper bound of the interval.';

COMMENT ON TABLE monitoring_alerts IS 'Alerts. Each cause has one open alert at most.';
COMMENT ON COLUMN monitoring_alerts.id IS 'Number of the alert.';
COMMENT ON COLUMN monitoring_alerts.use_case IS 'Name of the use case.';
COMMENT ON COLUMN monitoring_alerts.cause IS 'What it is about, such as feature_drift.';
COMMENT ON COLUMN monitoring_alerts.severity IS 'INSPECT, WARNING, ALERT or SEVERE.';
COMMENT ON COLUMN monitoring_alerts.state IS 'OPEN, ACKNOWLEDGED or RESOLVED.';
COMMENT ON COLUMN monitoring_alerts.message IS 'Text for people.';
COMMENT ON COLUMN monitoring_alerts.check_id IS 'Drift check that opened or last changed it.';
COMMENT ON COLUMN monitoring_alerts.opened_at IS 'When it opened.';
COMMENT ON COLUMN monitoring_alerts.updated_at IS 'When it last changed.';
COMMENT ON COLUMN monitoring_alerts.resolved_at IS 'When it was resolved.';
COMMENT ON COLUMN monitoring_alerts.acknowledged_by IS 'Who acknowledged it.';
COMMENT ON COLUMN monitoring_alerts.acknowledged_at IS 'When it was acknowledged.';
COMMENT ON COLUMN monitoring_alerts.acknowledged_severity IS 'Its severity at that time. It opens again above this.';
COMMENT ON COLUMN monitoring_alerts.comment IS 'Comment of that person.';
COMMENT ON COLUMN monitoring_alerts.woke_at IS 'When it started a retraining.';
COMMENT ON COLUMN monitoring_alerts.woke_run IS 'Run that started the retraining.';
COMMENT ON COLUMN monitoring_alerts.report IS 'File of its report.';
COMMENT ON COLUMN monitoring_alerts.told IS 'What each target was last notified of.';
COMMENT ON COLUMN monitoring_alerts.model_version IS 'Model version that it is about, NULL when it is about none.';
COMMENT ON COLUMN monitoring_alerts.resolution IS 'Why it was resolved.';

COMMENT ON TABLE explanations IS 'Explanations of predictions, computed or to be computed.';
COMMENT ON COLUMN explanations.use_case IS 'Name of the use case.';
COMMENT ON COLUMN explanations.prediction_id IS 'The prediction.';
COMMENT ON COLUMN explanations.scored_at IS 'When it was made.';
COMMENT ON COLUMN explanations.model_version IS 'Version that scored it and explains it.';
COMMENT ON COLUMN explanations.status IS 'PENDING, COMPLETED or FAILED.';
COMMENT ON COLUMN explanations.base_value IS 'Log-odds before any contribution.';
COMMENT ON COLUMN explanations.attempts IS 'How often it was tried.';
COMMENT ON COLUMN explanations.error IS 'Why the last attempt failed.';
COMMENT ON COLUMN explanations.chunk IS 'Task that computes it.';
COMMENT ON COLUMN explanations.requested_at IS 'When a person or a program requested it.';
COMMENT ON COLUMN explanations.completed_at IS 'When it was computed.';
COMMENT ON COLUMN explanations.contributions IS 'Contribution of each feature in log-odds, in the order of the contract.';
COMMENT ON COLUMN explanations.share IS 'Probability with which the policy selects such a prediction; NULL if it did not.';

COMMENT ON TABLE explanation_watermarks IS 'How far predictions are considered for an explanation.';
COMMENT ON COLUMN explanation_watermarks.use_case IS 'Name of the use case.';
COMMENT ON COLUMN explanation_watermarks.logged_xid IS 'Predictions below this transaction id were considered.';

COMMENT ON TABLE attribution_rollups IS
    'Contributions of features by bucket, as sums over explained predictions that the policy selected. A prediction has the weight w = 1 / share, and x is the absolute contribution in log-odds.';
COMMENT ON COLUMN attribution_rollups.use_case IS 'Name of the use case.';
COMMENT ON COLUMN attribution_rollups.bucket IS 'Start of the bucket.';
COMMENT ON COLUMN attribution_rollups.model_version IS 'Version that scored them.';
COMMENT ON COLUMN attribution_rollups.feature IS 'Name of the feature.';
COMMENT ON COLUMN attribution_rollups.n IS 'Number of predictions.';
COMMENT ON COLUMN attribution_rollups.w IS 'Sum of w.';
COMMENT ON COLUMN attribution_rollups.ww IS 'Sum of w^2.';
COMMENT ON COLUMN attribution_rollups.wx IS 'Sum of w x.';
COMMENT ON COLUMN attribution_rollups.wwx IS 'Sum of w^2 x.';
COMMENT ON COLUMN attribution_rollups.wwxx IS 'Sum of w^2 x^2.';

COMMENT ON VIEW retraining_decisions IS 'Decisions with their review and with the newer decision that superseded them.';
COMMENT ON COLUMN retraining_decisions.id IS 'Number of the decision.';
COMMENT ON COLUMN retraining_decisions.use_case IS 'Name of the use case.';
COMMENT ON COLUMN retraining_decisions.run_id IS 'Run of the retraining DAG.';
COMMENT ON COLUMN retraining_decisions.trigger IS 'SCHEDULE, DRIFT or MANUAL.';
COMMENT ON COLUMN retraining_decisions.requested_by IS 'Who started the run.';
COMMENT ON COLUMN retraining_decisions.request_reason IS 'Why, as that person said.';
COMMENT ON COLUMN retraining_decisions.params IS 'Parameters of the run.';
COMMENT ON COLUMN retraining_decisions.as_of IS 'Time for which the run was started.';
COMMENT ON COLUMN retraining_decisions.champion_version IS 'Version in Production.';
COMMENT ON COLUMN retraining_decisions.challenger_version IS 'Version that was trained.';
COMMENT ON COLUMN retraining_decisions.evidence_source IS 'LOGGED, INGESTED or REFERENCE.';
COMMENT ON COLUMN retraining_decisions.dataset IS 'The rows: files, numbers and time span.';
COMMENT ON COLUMN retraining_decisions.gates IS 'Result of each gate.';
COMMENT ON COLUMN retraining_decisions.policy IS 'The whole policy under which it was decided, defaults included.';
COMMENT ON COLUMN retraining_decisions.verdict IS 'APPROVED, REJECTED, INSUFFICIENT, SKIPPED or SUPERSEDED; NULL while undecided.';
COMMENT ON COLUMN retraining_decisions.reason IS 'Reason of the verdict.';
COMMENT ON COLUMN retraining_decisions.reviewer IS 'Who reviewed it.';
COMMENT ON COLUMN retraining_decisions.review_comment IS 'Comment of the review; it begins with "rejected" after a rejection.';
COMMENT ON COLUMN retraining_decisions.evidence_hash IS 'Hash of the evidence.';
COMMENT ON COLUMN retraining_decisions.git_sha IS 'Commit of the code.';
COMMENT ON COLUMN retraining_decisions.opened_at IS 'When the run opened it.';
COMMENT ON COLUMN retraining_decisions.decided_at IS 'When the verdict was written.';

COMMENT ON VIEW gate_decisions IS 'One row for each gate of each decision.';
COMMENT ON COLUMN gate_decisions.decision_id IS 'Number of the decision.';
COMMENT ON COLUMN gate_decisions.use_case IS 'Name of the use case.';
COMMENT ON COLUMN gate_decisions.run_id IS 'Run of the retraining DAG.';
COMMENT ON COLUMN gate_decisions.verdict IS 'Verdict of the decision.';
COMMENT ON COLUMN gate_decisions.decided_at IS 'When the verdict was written.';
COMMENT ON COLUMN gate_decisions.champion_version IS 'Version in Production.';
COMMENT ON COLUMN gate_decisions.challenger_version IS 'Version that was trained.';
COMMENT ON COLUMN gate_decisions.gate IS 'Name of the gate.';
COMMENT ON COLUMN gate_decisions.outcome IS 'PASS, FAIL, INSUFFICIENT or NOT_APPLICABLE.';
COMMENT ON COLUMN gate_decisions.observed IS 'The observed value.';
COMMENT ON COLUMN gate_decisions.threshold IS 'Threshold of the policy.';
COMMENT ON COLUMN gate_decisions.low IS 'Lower bound of the interval.';
COMMENT ON COLUMN gate_decisions.high IS 'Upper bound of the interval.';
COMMENT ON COLUMN gate_decisions.reason IS 'Why the gate has this outcome.';

COMMENT ON VIEW current_labels IS 'The label that counts for each transaction: the one received last.';
COMMENT ON COLUMN current_labels.use_case IS 'Name of the use case.';
COMMENT ON COLUMN current_labels.transaction_id IS 'Transaction that is labelled.';
COMMENT ON COLUMN current_labels.label IS '1 is positive, 0 negative.';
COMMENT ON COLUMN current_labels.labelled_at IS 'When the label was decided, as the sender said.';
COMMENT ON COLUMN current_labels.received_at IS 'When the label arrived.';
COMMENT ON COLUMN current_labels.source IS 'Who sent it: `api:` and the name of the API key, or `ingest:` and the connection or folder it was read from.';

COMMENT ON VIEW daily_performance IS 'Performance by the day on which predictions were made, as of the last drift check.';
COMMENT ON COLUMN daily_performance.use_case IS 'Name of the use case.';
COMMENT ON COLUMN daily_performance.day IS 'Day in UTC.';
COMMENT ON COLUMN daily_performance.model_version IS 'Version that scored them.';
COMMENT ON COLUMN daily_performance.predictions IS 'Number of predictions.';
COMMENT ON COLUMN daily_performance.flagged IS 'Predictions that were flagged.';
COMMENT ON COLUMN daily_performance.labelled IS 'Predictions with a label.';
COMMENT ON COLUMN daily_performance.true_positives IS 'Flagged positives.';
COMMENT ON COLUMN daily_performance.false_positives IS 'Flagged negatives.';
COMMENT ON COLUMN daily_performance.false_negatives IS 'Positives that were not flagged.';
COMMENT ON COLUMN daily_performance.true_negatives IS 'Negatives that were not flagged.';
COMMENT ON COLUMN daily_performance.precision IS 'Precision of the labelled predictions.';
COMMENT ON COLUMN daily_performance.recall IS 'Recall of the labelled predictions.';
COMMENT ON COLUMN daily_performance.f1 IS 'F1 of the labelled predictions.';
COMMENT ON COLUMN daily_performance.brier IS 'Brier score of the labelled predictions.';
COMMENT ON COLUMN daily_performance.estimated_f1 IS 'F1 that the scores promise for all predictions, without labels.';

COMMENT ON TABLE scoring_jobs IS
    'Files that were requested over HTTP to be scored, and files that a command scored and logged. A job''s id and scored_at give its predictions their ids, so that a repeated job is logged once.';
COMMENT ON COLUMN scoring_jobs.job_id IS 'Id of the job; for a command it is derived from the content of the file, the version and the contract.';
COMMENT ON COLUMN scoring_jobs.use_case IS 'Name of the use case.';
COMMENT ON COLUMN scoring_jobs.origin IS 'API for a request over HTTP, COMMAND for a command or the DAG with a file.';
COMMENT ON COLUMN scoring_jobs.file_name IS 'Name of the file without its folder.';
COMMENT ON COLUMN scoring_jobs.format IS 'Format of the scored file: csv or parquet.';
COMMENT ON COLUMN scoring_jobs.is_logged IS 'Whether its predictions are logged.';
COMMENT ON COLUMN scoring_jobs.state IS 'QUEUED, RUNNING, SUCCEEDED or FAILED.';
COMMENT ON COLUMN scoring_jobs.requested_by IS 'Name of the API key, or who started the run; NULL for a command.';
COMMENT ON COLUMN scoring_jobs.requested_at IS 'When it was requested.';
COMMENT ON COLUMN scoring_jobs.model_version IS 'Version that scores it; NULL until it starts.';
COMMENT ON COLUMN scoring_jobs.scored_at IS 'Time of its predictions: its first start, to the millisecond.';
COMMENT ON COLUMN scoring_jobs.started_at IS 'When the newest attempt began.';
COMMENT ON COLUMN scoring_jobs.finished_at IS 'When it succeeded or failed.';
COMMENT ON COLUMN scoring_jobs.attempts IS 'Number of attempts so far.';
COMMENT ON COLUMN scoring_jobs.rows IS 'Number of rows that were scored.';
COMMENT ON COLUMN scoring_jobs.flagged IS 'Number of them whose score reached the threshold.';
COMMENT ON COLUMN scoring_jobs.refused IS 'Number of rows that break the contract.';
COMMENT ON COLUMN scoring_jobs.quarantine IS 'Name of the file with the refused rows; NULL when there is none.';
COMMENT ON COLUMN scoring_jobs.error IS 'Why it failed.';
