-- name: users_of_files
-- Decisions that need their files: those of registered models, open ones, and approved candidates.
SELECT id, run_id, verdict, challenger_version, params ->> 'snapshot' AS snapshot, dataset ->> 'history' AS history,
       dataset ->> 'train' AS train, dataset ->> 'holdout' AS holdout
FROM retraining_decisions
WHERE use_case = :use_case AND (challenger_version IS NOT NULL OR verdict IS NULL OR verdict = 'APPROVED')
ORDER BY id;
