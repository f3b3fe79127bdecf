-- name: open_decision!
-- The first step of a run opens its decision; a retried step finds it again.
INSERT INTO decision_records (use_case, run_id, trigger, requested_by, request_reason, params, as_of, policy, git_sha)
VALUES (:use_case, :run_id, :trigger, :requested_by, :request_reason, :params, :as_of, :policy, :git_sha)
ON CONFLICT DO NOTHING;

-- name: get_by_run^
-- The decision a run belongs to.
SELECT * FROM retraining_decisions WHERE use_case = :use_case AND run_id = :run_id;

-- name: get_by_id^
-- One decision, as people name it.
SELECT * FROM retraining_decisions WHERE use_case = :use_case AND id = :id;

-- name: newest_approved^
-- The candidate that promotion is about; older approved ones it supersedes.
SELECT * FROM retraining_decisions WHERE use_case = :use_case AND verdict = 'APPROVED' ORDER BY decided_at DESC, id DESC LIMIT 1;

-- name: newest_trained^
-- The last run that got as far as a challenger; cooldown counts from it.
SELECT * FROM retraining_decisions
WHERE use_case = :use_case AND challenger_version IS NOT NULL AND run_id <> :but_run_id ORDER BY id DESC LIMIT 1;

-- name: count_trained^
-- Retraining has a budget; a run counts once it has trained.
SELECT count(*) AS n FROM retraining_decisions
WHERE use_case = :use_case AND challenger_version IS NOT NULL AND opened_at >= :since AND run_id <> :but_run_id;

-- name: waiting^
-- An approved candidate that promotion has neither carried out nor refused: somebody has not answered yet.
SELECT d.id FROM retraining_decisions AS d
WHERE d.use_case = :use_case AND d.verdict = 'APPROVED' AND NOT EXISTS (SELECT FROM promotions AS p WHERE p.decision_id = d.id)
ORDER BY d.id DESC LIMIT 1;

-- name: list_decisions
-- The newest decisions first.
SELECT * FROM retraining_decisions WHERE use_case = :use_case ORDER BY id DESC LIMIT :limit;

-- name: set_dataset$
-- What the run will train and judge on; false when it is decided.
SELECT write_dataset(:use_case, :run_id, :dataset, :evidence_source, :champion_version);

-- name: set_challenger$
-- The model the run trained; false when it is decided.
SELECT write_challenger(:use_case, :run_id, :version);

-- name: decide$
-- A verdict is written once; a retried step leaves it as it was.
SELECT write_verdict(:use_case, :run_id, :verdict, :reason, :gates, :evidence_hash);

-- name: note_failure$
-- A step failed, so the run has no verdict: the reason says why, until a retry comes to one.
SELECT write_failure(:use_case, :run_id, :reason);

-- name: supersede_older!
-- Only the newest approved candidate may be promoted; what was promoted already stays approved.
INSERT INTO decision_events (decision_id, event, actor, superseded_by)
SELECT d.id, 'SUPERSEDED', 'sixgate', :id
FROM retraining_decisions AS d
WHERE d.use_case = :use_case AND d.id < :id AND d.verdict = 'APPROVED'
  AND NOT EXISTS (SELECT FROM promotions AS p WHERE p.decision_id = d.id AND p.state IN ('INTENDED', 'DONE'))
ON CONFLICT DO NOTHING;

-- name: record_review!
-- Who answered the review, and what they said; the first answer stands.
INSERT INTO decision_events (decision_id, event, actor, approved, comment)
VALUES (:id, 'REVIEWED', :reviewer, :approved, :comment)
ON CONFLICT DO NOTHING;

-- name: review_of^
SELECT actor AS reviewer, approved, comment, at FROM decision_events WHERE decision_id = :id AND event = 'REVIEWED';

-- name: bind_run!
-- A promotion run is about one decision; a repeated task finds it again.
INSERT INTO promotion_runs (use_case, run_id, decision_id) VALUES (:use_case, :run_id, :id) ON CONFLICT DO NOTHING;

-- name: bound_to$
SELECT decision_id FROM promotion_runs WHERE use_case = :use_case AND run_id = :run_id;
