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
