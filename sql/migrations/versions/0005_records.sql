-- The record of a retraining run. It is written step by step until its verdict, and never after it. People and programs read
-- the view `retraining_decisions`, which adds what happened later.
DROP VIEW gate_decisions;
ALTER TABLE retraining_decisions RENAME TO decision_records;

-- What happened to a decision after its verdict, each once: the first answer of a review stands. Nothing here is ever changed.
CREATE TABLE decision_events (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    decision_id   bigint NOT NULL REFERENCES decision_records,
    event         text NOT NULL CHECK (event IN ('REVIEWED', 'SUPERSEDED')),
    actor         text NOT NULL,
    approved      boolean,
    comment       text,
    superseded_by bigint REFERENCES decision_records,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (decision_id, event),
    CHECK ((event = 'REVIEWED') = (approved IS NOT NULL)),
    CHECK ((event = 'SUPERSEDED') = (superseded_by IS NOT NULL))
);

INSERT INTO decision_events (decision_id, event, actor, approved, comment, at)
SELECT id, 'REVIEWED', reviewer,
       coalesce(review_comment, '') NOT LIKE 'rejected%',
       nullif(regexp_replace(review_comment, '^rejected(: )?', ''), ''),
       coalesce(decided_at, opened_at)
FROM decision_records WHERE reviewer IS NOT NULL;

INSERT INTO decision_events (decision_id, event, actor, comment, superseded_by, at)
SELECT id, 'SUPERSEDED', 'sixgate', reason, substring(reason FROM '(\d+)$')::bigint, coalesce(decided_at, opened_at)
FROM decision_records WHERE verdict = 'SUPERSEDED' AND reason ~ 'decision \d+$';
UPDATE decision_records SET verdict = 'APPROVED', reason = 'approved; the reason was not kept when a newer candidate superseded it'
WHERE verdict = 'SUPERSEDED' AND reason ~ 'decision \d+$';

ALTER TABLE decision_records DROP COLUMN reviewer, DROP COLUMN review_comment;

-- Which decision a promotion run is about: what its tasks pass on to each other can be edited in Airflow.
CREATE TABLE promotion_runs (
    use_case    text NOT NULL,
    run_id      text NOT NULL,
    decision_id bigint NOT NULL REFERENCES decision_records,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (use_case, run_id)
);

CREATE VIEW retraining_decisions AS
SELECT d.id, d.use_case, d.run_id, d.trigger, d.requested_by, d.request_reason, d.params, d.as_of, d.champion_version,
       d.challenger_version, d.evidence_source, d.dataset, d.gates, d.policy,
       CASE WHEN s.id IS NULL THEN d.verdict ELSE 'SUPERSEDED' END AS verdict,
       CASE WHEN s.id IS NULL THEN d.reason ELSE 'a newer candidate was approved: decision ' || s.superseded_by END AS reason,
       r.actor AS reviewer,
       CASE WHEN r.approved THEN coalesce(r.comment, '') ELSE concat_ws(': ', 'rejected', r.comment) END AS review_comment,
       d.evidence_hash, d.git_sha, d.opened_at, d.decided_at
FROM decision_records AS d
     LEFT JOIN decision_events AS r ON r.decision_id = d.id AND r.event = 'REVIEWED'
     LEFT JOIN decision_events AS s ON s.decision_id = d.id AND s.event = 'SUPERSEDED';

CREATE VIEW gate_decisions AS
SELECT d.id AS decision_id, d.use_case, d.run_id, d.verdict, d.decided_at, d.champion_version, d.challenger_version,
       gate ->> 'name' AS gate, gate ->> 'outcome' AS outcome, (gate ->> 'observed')::double precision AS observed,
       (gate ->> 'threshold')::double precision AS threshold, (gate ->> 'low')::double precision AS low,
       (gate ->> 'high')::double precision AS high, gate ->> 'reason' AS reason
FROM retraining_decisions AS d CROSS JOIN jsonb_array_elements(d.gates) AS gate;

-- Records hold against their owner too: only who disables a trigger first can change one.
CREATE FUNCTION refuse_change_of_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'decision % is decided and stays as it is: what comes after goes to decision_events', OLD.id;
END $$;
CREATE TRIGGER decided_stays BEFORE UPDATE ON decision_records
    FOR EACH ROW WHEN (OLD.verdict IS NOT NULL) EXECUTE FUNCTION refuse_change_of_decided();
CREATE TRIGGER records_stay BEFORE DELETE ON decision_records FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER records_are_not_emptied BEFORE TRUNCATE ON decision_records
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON decision_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_are_not_emptied BEFORE TRUNCATE ON decision_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER promotion_runs_append_only BEFORE UPDATE OR DELETE ON promotion_runs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER promotion_runs_are_not_emptied BEFORE TRUNCATE ON promotion_runs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER promotions_are_not_emptied BEFORE TRUNCATE ON promotions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How a run writes its record: its steps' role may not update the table itself. Each returns whether it wrote.
CREATE FUNCTION write_dataset(
    of_use_case text, of_run_id text, the_dataset jsonb, the_source text, the_champion integer
) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH written AS (
        UPDATE decision_records
        SET dataset = the_dataset, evidence_source = the_source, champion_version = the_champion
        WHERE use_case = of_use_case AND run_id = of_run_id AND verdict IS NULL RETURNING 1
    )
    SELECT EXISTS (SELECT FROM written)
$$;

CREATE FUNCTION write_challenger(of_use_case text, of_run_id text, the_version integer)
RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH written AS (
        UPDATE decision_records SET challenger_version = the_version
        WHERE use_case = of_use_case AND run_id = of_run_id AND verdict IS NULL RETURNING 1
    )
    SELECT EXISTS (SELECT FROM written)
$$;

CREATE FUNCTION write_verdict(
    of_use_case text, of_run_id text, the_verdict text, the_reason text, the_gates jsonb, the_evidence text
) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH written AS (
        UPDATE decision_records
        SET verdict = the_verdict, reason = the_reason, gates = the_gates, evidence_hash = the_evidence, decided_at = now()
        WHERE use_case = of_use_case AND run_id = of_run_id AND verdict IS NULL RETURNING 1
    )
    SELECT EXISTS (SELECT FROM written)
$$;

CREATE FUNCTION write_failure(of_use_case text, of_run_id text, the_reason text)
RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH written AS (
        UPDATE decision_records SET reason = the_reason
        WHERE use_case = of_use_case AND run_id = of_run_id AND verdict IS NULL RETURNING 1
    )
    SELECT EXISTS (SELECT FROM written)
$$;

-- Partitions are tables, and tables are their owner's: housekeeping makes and drops them through these. Today's predictions, and
-- yesterday's, are never dropped.
ALTER FUNCTION ensure_partitions(date, integer) SECURITY DEFINER SET search_path = public, pg_temp;
CREATE OR REPLACE FUNCTION drop_partitions(before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    dropped integer := 0;
    name    text;
BEGIN
    IF before >= (now() AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'drop_partitions: % is not in the past', before;
    END IF;
    FOR name IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'prediction_logs'::regclass LOOP
        CONTINUE WHEN name !~ '^prediction_logs_\d{8}$' OR to_date(right(name, 8), 'YYYYMMDD') >= before;
        EXECUTE format('DROP TABLE %I', name);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM prediction_logs_default WHERE scored_at < before::timestamp AT TIME ZONE 'UTC';
    RETURN dropped;
END $$;
