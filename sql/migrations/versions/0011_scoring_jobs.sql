-- Files that are scored. A job's id and scored_at give its predictions their ids, so that a job that is repeated is logged once.
CREATE TABLE scoring_jobs (
    job_id        uuid PRIMARY KEY,
    use_case      text NOT NULL,
    origin        text NOT NULL CHECK (origin IN ('COMMAND', 'API')),
    file_name     text NOT NULL,
    format        text NOT NULL CHECK (format IN ('csv', 'parquet')),
    is_logged     boolean NOT NULL,
    state         text NOT NULL CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED')),
    requested_by  text,
    requested_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    model_version integer,
    scored_at     timestamptz,
    started_at    timestamptz,
    finished_at   timestamptz,
    attempts      integer NOT NULL DEFAULT 0,
    rows          bigint,
    flagged       bigint,
    refused       bigint,
    quarantine    text,
    error         text
);
CREATE INDEX scoring_jobs_open ON scoring_jobs (use_case, requested_at) WHERE state IN ('QUEUED', 'RUNNING');
CREATE INDEX scoring_jobs_by_time ON scoring_jobs (use_case, requested_at);

-- The steps may not write to the log. For a job they may, by the two functions below: its time is the database's to give, and every
-- row has the use case, the version and the time of the job, and names it in the place of a server.
CREATE FUNCTION start_scoring_job(of_job uuid, version integer) RETURNS TABLE (model_version integer, scored_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE scoring_jobs AS j
    SET state = 'RUNNING', attempts = j.attempts + 1, started_at = clock_timestamp(),
        model_version = coalesce(j.model_version, version),
        scored_at = coalesce(j.scored_at, date_trunc('milliseconds', clock_timestamp()))
    WHERE j.job_id = of_job AND j.state IN ('QUEUED', 'RUNNING')
    RETURNING j.model_version, j.scored_at
$$;

CREATE FUNCTION log_scored_rows(of_job uuid, line json) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    job    scoring_jobs;
    logged integer;
BEGIN
    SELECT * INTO job FROM scoring_jobs AS j WHERE j.job_id = of_job AND j.is_logged AND j.state = 'RUNNING';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'log_scored_rows: % is no job that is running and logged', of_job;
    END IF;
    INSERT INTO prediction_logs (scored_at, prediction_id, use_case, transaction_id, entity_key, event_time, model_version,
                                 contract_hash, model_contract_hash, features, score, predicted_label, threshold, replica)
    SELECT job.scored_at, r.prediction_id, job.use_case, r.transaction_id, r.entity_key, coalesce(r.event_time, job.scored_at),
           job.model_version, l.contract_hash, l.model_contract_hash, r.features, r.score, r.predicted_label, l.threshold,
           'job-' || of_job
    FROM json_populate_record(NULL::prediction_logs, line) AS l,
         json_populate_recordset(NULL::prediction_logs, line -> 'rows') AS r
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS logged = ROW_COUNT;
    RETURN logged;
END $$;
