-- Contracts, as the models that were trained on them knew them.
CREATE TABLE contracts (
    contract_hash text PRIMARY KEY,
    use_case      text NOT NULL,
    body          jsonb NOT NULL,
    first_seen    timestamptz NOT NULL DEFAULT now()
);

-- Every answered prediction. Rows arrive late and out of order, so readers follow logged_xid, not time: those below the
-- snapshot's xmin are complete.
CREATE TABLE prediction_logs (
    scored_at       timestamptz NOT NULL,
    prediction_id   uuid NOT NULL,
    use_case        text NOT NULL,
    transaction_id  text NOT NULL,
    entity_key      text,
    event_time      timestamptz NOT NULL,
    model_version   integer NOT NULL,
    contract_hash   text NOT NULL,
    features        double precision[] NOT NULL,
    score           double precision NOT NULL,
    predicted_label smallint NOT NULL,
    threshold       double precision NOT NULL,
    replica         text NOT NULL,
    logged_xid      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (scored_at, prediction_id)
) PARTITION BY RANGE (scored_at);
CREATE TABLE prediction_logs_default PARTITION OF prediction_logs DEFAULT;
CREATE INDEX prediction_logs_by_id ON prediction_logs (prediction_id);
CREATE INDEX prediction_logs_by_transaction ON prediction_logs (use_case, transaction_id);
CREATE INDEX prediction_logs_by_xid ON prediction_logs (use_case, logged_xid);
CREATE INDEX prediction_logs_by_event ON prediction_logs (use_case, event_time);

-- A day's partition can only be made while the default partition holds no row of that day; such days stay there.
CREATE FUNCTION ensure_partitions(first date, days integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    made integer := 0;
    day  date;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('sixgate.partitions'));
    FOR day IN SELECT first + n FROM generate_series(0, days - 1) AS n LOOP
        name := 'prediction_logs_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        CONTINUE WHEN EXISTS (
            SELECT FROM prediction_logs_default
            WHERE scored_at >= day::timestamp AT TIME ZONE 'UTC' AND scored_at < (day + 1)::timestamp AT TIME ZONE 'UTC'
        );
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF prediction_logs FOR VALUES FROM (%L) TO (%L)',
            name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
        );
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- Days go as whole partitions; what the default partition holds of them goes row by row.
CREATE FUNCTION drop_partitions(before date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    dropped integer := 0;
    name    text;
BEGIN
    FOR name IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'prediction_logs'::regclass LOOP
        CONTINUE WHEN name !~ '^prediction_logs_\d{8}$' OR to_date(right(name, 8), 'YYYYMMDD') >= before;
        EXECUTE format('DROP TABLE %I', name);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM prediction_logs_default WHERE scored_at < before::timestamp AT TIME ZONE 'UTC';
    RETURN dropped;
END $$;

-- Ground truth: late, repeated and corrected. Corrections are kept, the row received last counts.
CREATE TABLE label_store (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case       text NOT NULL,
    transaction_id text NOT NULL,
    label          smallint NOT NULL CHECK (label IN (0, 1)),
    labelled_at    timestamptz NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT now(),
    source         text NOT NULL
);
CREATE INDEX label_store_latest ON label_store (use_case, transaction_id, id DESC) INCLUDE (label, received_at);

CREATE TABLE model_metadata (
    use_case      text NOT NULL,
    version       integer NOT NULL,
    run_id        text NOT NULL,
    mlflow_run_id text NOT NULL,
    kind          text NOT NULL,
    digest        text NOT NULL,
    contract_hash text NOT NULL REFERENCES contracts,
    threshold     double precision NOT NULL,
    metrics       jsonb NOT NULL,
    data_hash     text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (use_case, version),
    UNIQUE (use_case, run_id)
);

-- A row for each retraining run, opened by its first step and decided by its last; undecided while verdict is NULL.
CREATE TABLE retraining_decisions (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case           text NOT NULL,
    run_id             text NOT NULL,
    trigger            text NOT NULL CHECK (trigger IN ('SCHEDULE', 'DRIFT', 'MANUAL')),
    requested_by       text,
    request_reason     text,
    params             jsonb NOT NULL DEFAULT '{}',
    as_of              timestamptz NOT NULL,
    champion_version   integer,
    challenger_version integer,
    evidence_source    text CHECK (evidence_source IN ('LOGGED', 'INGESTED', 'REFERENCE')),
    dataset            jsonb,
    gates              jsonb,
    policy             jsonb NOT NULL,
    verdict            text CHECK (verdict IN ('APPROVED', 'REJECTED', 'INSUFFICIENT', 'SKIPPED', 'SUPERSEDED')),
    reason             text,
    reviewer           text,
    review_comment     text,
    evidence_hash      text,
    git_sha            text,
    opened_at          timestamptz NOT NULL DEFAULT now(),
    decided_at         timestamptz,
    UNIQUE (use_case, run_id)
);

-- The ledger. Each state of a promotion is a row of its own; nothing is ever changed.
CREATE TABLE promotions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    promotion_id  uuid NOT NULL,
    use_case      text NOT NULL,
    from_version  integer,
    from_digest   text,
    to_version    integer NOT NULL,
    to_digest     text NOT NULL,
    action        text NOT NULL CHECK (action IN ('PROMOTE', 'ROLLBACK')),
    state         text NOT NULL CHECK (state IN ('INTENDED', 'DONE', 'ROLLED_BACK', 'REFUSED')),
    actor         text NOT NULL,
    reason        text NOT NULL,
    decision_id   bigint REFERENCES retraining_decisions,
    evidence_hash text,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (promotion_id, state)
);
CREATE INDEX promotions_newest ON promotions (use_case, id DESC);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: write a new row instead', TG_TABLE_NAME;
END $$;
CREATE TRIGGER promotions_append_only BEFORE UPDATE OR DELETE ON promotions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION announce_promotion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sixgate_promotions', NEW.use_case);
    RETURN NULL;
END $$;
CREATE TRIGGER promotions_announced AFTER INSERT ON promotions
    FOR EACH ROW EXECUTE FUNCTION announce_promotion();

-- What each replica serves; alive when seen within 15 s.
CREATE TABLE serving_replicas (
    replica   text NOT NULL,
    use_case  text NOT NULL,
    version   integer,
    digest    text,
    error     text,
    loaded_at timestamptz,
    seen_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (replica, use_case)
);

CREATE TABLE rollup_watermarks (
    use_case text PRIMARY KEY,
    logged_xid xid8 NOT NULL
);

-- Predictions counted into the baseline's bins, per time bucket of the policy's drift step.
CREATE TABLE feature_rollups (
    use_case      text NOT NULL,
    baseline      text NOT NULL,
    model_version integer NOT NULL,
    feature       text NOT NULL,
    bucket        timestamptz NOT NULL,
    bin           smallint NOT NULL,
    n             bigint NOT NULL,
    PRIMARY KEY (use_case, baseline, bucket, feature, model_version, bin)
);

CREATE TABLE monitoring_metrics (
    check_id      text NOT NULL,
    use_case      text NOT NULL,
    window_start  timestamptz NOT NULL,
    window_end    timestamptz NOT NULL,
    model_version integer NOT NULL DEFAULT 0,
    feature       text NOT NULL DEFAULT '',
    metric        text NOT NULL,
    value         double precision,
    expected      double precision,
    threshold     double precision,
    p_value       double precision,
    n             bigint NOT NULL,
    at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (use_case, check_id, window_start, feature, metric, model_version)
);
CREATE INDEX monitoring_metrics_newest ON monitoring_metrics (use_case, at DESC);

CREATE TABLE monitoring_alerts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case        text NOT NULL,
    cause           text NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('INSPECT', 'WARNING', 'ALERT', 'SEVERE')),
    state           text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'ACKNOWLEDGED', 'RESOLVED')),
    message         text NOT NULL,
    check_id        text,
    opened_at       timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    resolved_at     timestamptz,
    acknowledged_by text
);
CREATE UNIQUE INDEX monitoring_alerts_one_open ON monitoring_alerts (use_case, cause) WHERE state <> 'RESOLVED';

CREATE TABLE explanations (
    use_case      text NOT NULL,
    prediction_id uuid NOT NULL,
    scored_at     timestamptz NOT NULL,
    model_version integer NOT NULL,
    status        text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'COMPLETED', 'FAILED')),
    contributions jsonb,
    base_value    double precision,
    attempts      integer NOT NULL DEFAULT 0,
    error         text,
    chunk         text,
    requested_at  timestamptz NOT NULL DEFAULT now(),
    completed_at  timestamptz,
    PRIMARY KEY (use_case, prediction_id)
);
CREATE INDEX explanations_waiting ON explanations (use_case, model_version) WHERE status = 'PENDING';

-- One row per gate of each decision, for people who ask in SQL.
CREATE VIEW gate_decisions AS
SELECT d.id AS decision_id, d.use_case, d.run_id, d.verdict, d.decided_at, d.champion_version, d.challenger_version,
       gate ->> 'name' AS gate, gate ->> 'outcome' AS outcome, (gate ->> 'observed')::double precision AS observed,
       (gate ->> 'threshold')::double precision AS threshold, (gate ->> 'low')::double precision AS low,
       (gate ->> 'high')::double precision AS high, gate ->> 'reason' AS reason
FROM retraining_decisions AS d CROSS JOIN jsonb_array_elements(d.gates) AS gate;

-- The label that counts for each transaction.
CREATE VIEW current_labels AS
SELECT DISTINCT ON (use_case, transaction_id) use_case, transaction_id, label, labelled_at, received_at, source
FROM label_store ORDER BY use_case, transaction_id, id DESC;

CREATE VIEW daily_performance AS
SELECT p.use_case, (p.event_time AT TIME ZONE 'UTC')::date AS day, p.model_version, count(*) AS predictions,
       count(l.label) AS labelled,
       count(*) FILTER (WHERE l.label = 1 AND p.predicted_label = 1) AS true_positives,
       count(*) FILTER (WHERE l.label = 0 AND p.predicted_label = 1) AS false_positives,
       count(*) FILTER (WHERE l.label = 1 AND p.predicted_label = 0) AS false_negatives,
       count(*) FILTER (WHERE l.label = 0 AND p.predicted_label = 0) AS true_negatives,
       2.0 * count(*) FILTER (WHERE l.label = 1 AND p.predicted_label = 1)
           / nullif(2 * count(*) FILTER (WHERE l.label = 1 AND p.predicted_label = 1)
                    + count(*) FILTER (WHERE l.label <> p.predicted_label), 0) AS f1,
       avg((p.score - l.label) ^ 2) AS brier
FROM prediction_logs AS p LEFT JOIN current_labels AS l USING (use_case, transaction_id)
GROUP BY 1, 2, 3;

-- Which model the ledger says served at a moment.
CREATE FUNCTION what_served(of_use_case text, moment timestamptz)
RETURNS TABLE (version integer, digest text, since timestamptz) LANGUAGE sql STABLE AS $$
    SELECT CASE state WHEN 'DONE' THEN to_version ELSE from_version END,
           CASE state WHEN 'DONE' THEN to_digest ELSE from_digest END, at
    FROM promotions
    WHERE use_case = of_use_case AND at <= moment AND state IN ('DONE', 'ROLLED_BACK')
    ORDER BY id DESC LIMIT 1
$$;
