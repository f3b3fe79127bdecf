-- name: open_job!
-- A job of the command line whose predictions are logged; it may be repeated.
INSERT INTO scoring_jobs (job_id, use_case, origin, file_name, format, is_logged, state, requested_by)
VALUES (:job_id, :use_case, 'COMMAND', :file_name, :format, true, 'QUEUED', :requested_by)
ON CONFLICT (job_id) DO UPDATE SET state = 'QUEUED', error = NULL, finished_at = NULL;

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

-- name: queue_job!
-- A file that was uploaded; the next run of the DAG scores it.
INSERT INTO scoring_jobs (job_id, use_case, origin, file_name, format, is_logged, state, requested_by)
VALUES (:job_id, :use_case, 'API', :file_name, :format, :is_logged, 'QUEUED', :requested_by);

-- name: get_job^
-- One job of a use case.
SELECT job_id, use_case, origin, file_name, format, is_logged, state, requested_by, requested_at, model_version, scored_at,
       started_at, finished_at, attempts, rows, flagged, refused, quarantine, error
FROM scoring_jobs WHERE use_case = :use_case AND job_id = :job_id;

-- name: open_jobs
-- The uploaded files of a use case that have no result yet, the oldest first.
SELECT job_id FROM scoring_jobs
WHERE use_case = :use_case AND origin = 'API' AND state IN ('QUEUED', 'RUNNING') ORDER BY requested_at, job_id;

-- name: lock_job$
-- Whether this session is now the only one that scores the job. The lock ends with the session.
SELECT pg_try_advisory_lock(hashtextextended('sixgate.scoring_job/' || :job_id::uuid::text, 0));

-- name: unlock_job$
-- Lets other sessions score the job.
SELECT pg_advisory_unlock(hashtextextended('sixgate.scoring_job/' || :job_id::uuid::text, 0));

-- name: start_job^
-- An attempt counts when it begins, so that one that ends the process counts too. A job keeps its first version and time.
SELECT model_version, scored_at FROM start_scoring_job(:job_id, :model_version);

-- name: log_rows$
-- Logs the predictions of one line of a job, those that are not logged yet; returns how many.
SELECT log_scored_rows(:job_id, :line::json);

-- name: expired_jobs
-- The uploaded files of a use case that were requested before a time and wait no more.
SELECT job_id FROM scoring_jobs
WHERE use_case = :use_case AND origin = 'API' AND requested_at < :before AND state IN ('SUCCEEDED', 'FAILED');

-- name: known_jobs
-- Which of these jobs exist, of any use case.
SELECT job_id FROM scoring_jobs WHERE job_id = ANY (:job_ids::uuid[]);

-- name: delete_job!
-- Forgets a job whose files were deleted.
DELETE FROM scoring_jobs WHERE job_id = :job_id;

-- name: delete_logged_jobs!
-- Forgets the jobs of commands whose predictions are past their retention: repeated, they are logged anew.
DELETE FROM scoring_jobs WHERE use_case = :use_case AND origin = 'COMMAND' AND scored_at < :before;
