-- name: open_job^
-- A job of the command line whose predictions are logged. Repeated, it keeps its version and its time.
INSERT INTO scoring_jobs (job_id, use_case, origin, file_name, format, is_logged, state, requested_by, model_version, scored_at,
                          started_at, attempts)
VALUES (:job_id, :use_case, 'COMMAND', :file_name, :format, true, 'RUNNING', :requested_by, :model_version,
        date_trunc('milliseconds', clock_timestamp()), clock_timestamp(), 1)
ON CONFLICT (job_id) DO UPDATE
SET state = 'RUNNING', started_at = clock_timestamp(), attempts = scoring_jobs.attempts + 1, error = NULL, finished_at = NULL
RETURNING scored_at;

-- name: finish_job!
-- The result of a job.
UPDATE scoring_jobs
SET state = 'SUCCEEDED', finished_at = clock_timestamp(), rows = :rows, flagged = :flagged, refused = :refused,
    quarantine = :quarantine, error = NULL
WHERE job_id = :job_id;

-- name: fail_job!
-- A job that can't be done; the counts are NULL when it was not read.
UPDATE scoring_jobs
SET state = 'FAILED', finished_at = clock_timestamp(), rows = :rows, flagged = :flagged, refused = :refused,
    quarantine = :quarantine, error = :error
WHERE job_id = :job_id;
