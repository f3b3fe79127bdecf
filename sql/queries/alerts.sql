-- name: raise_alert^
-- One alert per cause is open: raising it again updates it. An acknowledged alert becomes OPEN when
-- its severity is higher than when it was acknowledged.
INSERT INTO monitoring_alerts (use_case, cause, severity, message, check_id, model_version)
VALUES (:use_case, :cause, :severity, :message, :check_id, :model_version)
ON CONFLICT (use_case, cause) WHERE state <> 'RESOLVED' DO UPDATE
SET severity = excluded.severity, message = excluded.message, check_id = excluded.check_id,
    model_version = excluded.model_version, updated_at = now(),
    state = CASE WHEN array_position(:severities::text[], excluded.severity)
                      > array_position(:severities::text[], monitoring_alerts.acknowledged_severity)
                 THEN 'OPEN' ELSE monitoring_alerts.state END
RETURNING *;

-- name: resolve_alert!
-- The open alert of a cause is resolved, if there is one.
UPDATE monitoring_alerts SET state = 'RESOLVED', resolution = :reason, resolved_at = now(), updated_at = now()
WHERE use_case = :use_case AND cause = :cause AND state <> 'RESOLVED';

-- name: resolve_replaced_alert!
-- An alert is resolved because another model replaced the one that it is about. Repeating this
-- changes nothing, and an alert that has become one about another model stays open.
UPDATE monitoring_alerts SET state = 'RESOLVED', resolution = :reason, resolved_at = now(), updated_at = now()
WHERE id = :alert_id AND model_version = :model_version AND state <> 'RESOLVED';

-- name: acknowledge_alert^
-- An alert that is not resolved is acknowledged by a person.
UPDATE monitoring_alerts
SET state = 'ACKNOWLEDGED', acknowledged_severity = severity, acknowledged_by = :person, acknowledged_at = now(), comment = :comment, updated_at = now()
WHERE use_case = :use_case AND id = :alert_id AND state <> 'RESOLVED'
RETURNING *;

-- name: wake^
-- An alert starts one retraining per cooldown, counting earlier alerts of its cause. If the last
-- retraining trained no model, the wait is at most the window. The same run may ask again.
UPDATE monitoring_alerts AS a SET woke_at = :as_of, woke_run = :run_id, updated_at = now()
WHERE a.id = :alert_id AND NOT EXISTS (
    SELECT FROM monitoring_alerts AS o
    WHERE o.use_case = a.use_case AND o.cause = a.cause AND o.woke_run <> :run_id
      AND o.woke_at > :as_of - CASE WHEN :trained_at::timestamptz >= o.woke_at THEN :cooldown ELSE least(:cooldown, :window) END
)
RETURNING a.id;

-- name: attach_report!
-- An alert keeps the report of the check that raised it.
UPDATE monitoring_alerts SET report = :report
WHERE use_case = :use_case AND state <> 'RESOLVED' AND check_id = :check_id AND report IS NULL;

-- name: awaiting_notification
-- Alerts that are open, and resolved ones whose resolution was not notified to every target. A
-- severe alert of the last day is included even if no notification of it was sent.
SELECT * FROM monitoring_alerts
WHERE use_case = :use_case
  AND (state <> 'RESOLVED' OR EXISTS (SELECT FROM jsonb_each_text(told) WHERE value <> 'RESOLVED')
       OR (severity = 'SEVERE' AND resolved_at > now() - interval '1 day'))
ORDER BY id;

-- name: record_notification!
-- A target was notified of an alert: what it was notified of is kept with the alert.
UPDATE monitoring_alerts SET told = told || jsonb_build_object(:target::text, :notified::text)
WHERE use_case = :use_case AND id = :alert_id;

-- name: get_alert^
-- One alert by its id.
SELECT * FROM monitoring_alerts WHERE id = :alert_id;

-- name: open_alerts
-- Alerts that are not resolved, the newest first.
SELECT * FROM monitoring_alerts WHERE use_case = :use_case AND state <> 'RESOLVED' ORDER BY id DESC;

-- name: list_alerts
-- The newest alerts in any state.
SELECT * FROM monitoring_alerts WHERE use_case = :use_case ORDER BY id DESC LIMIT :limit;
