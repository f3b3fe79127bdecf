-- name: open_decision!
-- The first step of a run opens its decision; a retried step changes nothing.
INSERT INTO decision_records (use_case, run_id, trigger, requested_by, request_reason, params, as_of, policy, git_sha)
VALUES (:use_case, :run_id, :trigger, :requested_by, :request_reason, :params, :as_of, :policy, :git_sha)
ON CONFLICT DO NOTHING;

-- name: get_by_run^
-- The decision of a run.
SELECT * FROM retraining_decisions WHERE use_case = :use_case AND run_id = :run_id;

-- name: get_by_id^
-- One decision by the id that users see.
SELECT * FROM retraining_decisions WHERE use_case = :use_case AND id = :id;

-- name: newest_approved^
-- The candidate to promote; it supersedes older approved ones.
SELECT * FROM retraining_decisions WHERE use_case = :use_case AND verdict = 'APPROVED' ORDER BY decided_at DESC, id DESC LIMIT 1;

-- name: newest_trained^
-- The newest run that trained a challenger; the cooldown starts there.
SELECT * FROM retraining_decisions
WHERE use_case = :use_case AND challenger_version IS NOT NULL AND run_id <> :but_run_id ORDER BY id DESC LIMIT 1;

-- name: count_trained^
-- Runs that count towards the retraining budget: those that trained a challenger.
SELECT count(*) AS n FROM retraining_decisions
WHERE use_case = :use_case AND challenger_version IS NOT NULL AND opened_at >= :since AND run_id <> :but_run_id;

-- name: waiting^
-- An approved candidate that is neither promoted nor refused, because its review is not answered.
SELECT d.id FROM retraining_decisions AS d
WHERE d.use_case = :use_case AND d.verdict = 'APPROVED' AND NOT EXISTS (SELECT FROM promotions AS p WHERE p.decision_id = d.id)
ORDER BY d.id DESC LIMIT 1;

-- name: of_version^
-- The decision about a model version, which says what trained it.
SELECT * FROM retraining_decisions WHERE use_case = :use_case AND challenger_version = :version ORDER BY id DESC LIMIT 1;

-- name: unfinished
-- Approved decisions whose promotion has not ended: none began, or one began and was cut off.
SELECT d.* FROM retraining_decisions AS d
WHERE d.use_case = :use_case AND d.verdict = 'APPROVED'
  AND NOT EXISTS (SELECT FROM promotions AS p WHERE p.decision_id = d.id AND p.state <> 'INTENDED')
ORDER BY d.id;

-- name: list_decisions
-- The newest decisions first.
SELECT * FROM retraining_decisions WHERE use_case = :use_case ORDER BY id DESC LIMIT :limit;

-- name: set_dataset$
-- The datasets that the run trains and evaluates on; false when the run is decided.
SELECT write_dataset(:use_case, :run_id, :dataset, :evidence_source, :champion_version);

-- name: set_challenger$
-- The model version that the run trained; false when the run is decided.
SELECT write_challenger(:use_case, :run_id, :version);

-- name: decide$
-- A verdict is written once; a retried step does not change it.
SELECT write_verdict(:use_case, :run_id, :verdict, :reason, :gates, :evidence_hash);

-- name: note_failure$
-- Why a run without a verdict failed, until a retry reaches a verdict.
SELECT write_failure(:use_case, :run_id, :reason);

-- name: supersede_older!
-- Only the newest approved candidate may be promoted; a promoted one stays APPROVED.
INSERT INTO decision_events (decision_id, event, actor, superseded_by)
SELECT d.id, 'SUPERSEDED', 'sixgate', :id
FROM retraining_decisions AS d
WHERE d.use_case = :use_case AND d.id < :id AND d.verdict = 'APPROVED'
  AND NOT EXISTS (SELECT FROM promotions AS p WHERE p.decision_id = d.id AND p.state IN ('INTENDED', 'DONE'))
ON CONFLICT DO NOTHING;

-- name: record_review!
-- The first answer to a review is kept.
INSERT INTO decision_events (decision_id, event, actor, approved, comment)
VALUES (:id, 'REVIEWED', :reviewer, :approved, :comment)
ON CONFLICT DO NOTHING;

-- name: review_of^
-- The recorded review of a decision, if there is one.
SELECT actor AS reviewer, approved, comment, at FROM decision_events WHERE decision_id = :id AND event = 'REVIEWED';

-- name: bind_run!
-- A promotion run is about one decision; a retried task changes nothing.
INSERT INTO promotion_runs (use_case, run_id, decision_id) VALUES (:use_case, :run_id, :id) ON CONFLICT DO NOTHING;

-- name: runs_of
-- The promotion runs that are about a decision.
SELECT run_id FROM promotion_runs WHERE use_case = :use_case AND decision_id = :id ORDER BY run_id;

-- name: bound_to$
-- The decision that a promotion run is about.
SELECT decision_id FROM promotion_runs WHERE use_case = :use_case AND run_id = :run_id;
