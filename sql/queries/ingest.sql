-- name: lock_source$
-- One import of a source runs at a time; a second one waits. The lock ends with the connection.
SELECT pg_advisory_lock(hashtext('sixgate.ingest'), hashtext(:use_case::text || '/' || :source::text));

-- name: unlock_source$
-- The next import of a source may run.
SELECT pg_advisory_unlock(hashtext('sixgate.ingest'), hashtext(:use_case::text || '/' || :source::text));

-- name: get_watermark$
-- The newest change that a query of a source has returned.
SELECT watermark FROM ingest_watermarks WHERE use_case = :use_case AND source = :source;

-- name: move_watermark!
-- A watermark moves forward only: a run that reads everything again does not move it back.
INSERT INTO ingest_watermarks (use_case, source, watermark) VALUES (:use_case, :source, :watermark)
ON CONFLICT (use_case, source) DO UPDATE
SET watermark = greatest(ingest_watermarks.watermark, excluded.watermark), moved_at = now();

-- name: imported_files
-- Files of a source that were imported, with what tells whether a file of that name is another one.
SELECT name, digest, size, modified_at, rows FROM ingested_files WHERE use_case = :use_case AND source = :source;

-- name: record_file!
-- A file was imported whole. The same content may get a new time of its last change.
INSERT INTO ingested_files (use_case, source, name, digest, size, modified_at, rows)
VALUES (:use_case, :source, :name, :digest, :size, :modified_at, :rows)
ON CONFLICT (use_case, source, name, digest) DO UPDATE
SET modified_at = excluded.modified_at, rows = excluded.rows, imported_at = now();

-- name: has_rows$
-- Whether labelled history of a use case was imported.
SELECT EXISTS (SELECT FROM ingested_rows WHERE use_case = :use_case);

-- name: stage_rows!
-- COPY can't skip or replace rows that exist already, so rows are staged first.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_rows (
    transaction_id text NOT NULL,
    entity_key     text,
    event_time     timestamptz NOT NULL,
    label          smallint NOT NULL,
    features       double precision[] NOT NULL
) ON COMMIT DELETE ROWS;

-- name: move_staged_rows^
-- Of each transaction the version that was read last is kept. A row that is equal to it changes
-- nothing.
WITH written AS (
    INSERT INTO ingested_rows AS r (use_case, transaction_id, entity_key, event_time, label, contract_hash, features)
    SELECT :use_case, transaction_id, entity_key, event_time, label, :contract_hash, features
    FROM staged_rows
    ON CONFLICT (use_case, transaction_id) DO UPDATE
    SET entity_key = excluded.entity_key, event_time = excluded.event_time, label = excluded.label,
        contract_hash = excluded.contract_hash, features = excluded.features, imported_at = now()
    WHERE (r.entity_key, r.event_time, r.label, r.contract_hash, r.features)
          IS DISTINCT FROM (excluded.entity_key, excluded.event_time, excluded.label, excluded.contract_hash, excluded.features)
    RETURNING xmax = 0 AS is_new
)
SELECT count(*) FILTER (WHERE is_new) AS new,
       count(*) FILTER (WHERE NOT is_new) AS changed,
       (SELECT count(*) FROM staged_rows) - count(*) AS repeated
FROM written;

-- name: stage_labels!
-- Labels are staged too; the position is their order in the source.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_labels (
    position       bigint GENERATED ALWAYS AS IDENTITY,
    transaction_id text NOT NULL,
    labelled_at    timestamptz NOT NULL,
    label          smallint NOT NULL
) ON COMMIT DELETE ROWS;

-- name: move_staged_labels^
-- A label that was imported before changes nothing. Of the others, one that is older than a label of
-- the same transaction that was imported before changes nothing either. The rest is stored as the
-- route /labels stores labels, in the order of their findings.
WITH numbered AS (
    SELECT transaction_id, labelled_at, label, max(position) AS position
    FROM staged_labels GROUP BY transaction_id, labelled_at, label
), fresh AS (
    INSERT INTO ingested_labels (use_case, transaction_id, labelled_at, label)
    SELECT :use_case, transaction_id, labelled_at, label FROM numbered
    ON CONFLICT DO NOTHING
    RETURNING transaction_id, labelled_at, label
), current AS (
    SELECT n.* FROM fresh JOIN numbered AS n USING (transaction_id, labelled_at, label)
    WHERE NOT EXISTS (
        SELECT FROM ingested_labels AS i
        WHERE i.use_case = :use_case AND i.transaction_id = n.transaction_id AND i.labelled_at > n.labelled_at
    )
), incoming AS (
    SELECT *, lag(label) OVER (PARTITION BY transaction_id ORDER BY labelled_at, position) AS earlier FROM current
), known AS (
    SELECT i.*, coalesce(i.earlier, (SELECT s.label FROM label_store AS s
                                     WHERE s.use_case = :use_case AND s.transaction_id = i.transaction_id
                                     ORDER BY s.id DESC LIMIT 1)) AS before
    FROM incoming AS i
), inserted AS (
    INSERT INTO label_store (use_case, transaction_id, label, labelled_at, source)
    SELECT :use_case, transaction_id, label, labelled_at, :source FROM known WHERE before IS DISTINCT FROM label
    ORDER BY labelled_at, position
)
SELECT count(*) FILTER (WHERE before IS NULL) AS accepted,
       count(*) FILTER (WHERE before <> label) AS corrected,
       count(*) FILTER (WHERE before = label) AS duplicate,
       (SELECT count(*) FROM fresh) - count(*) AS outdated,
       (SELECT count(*) FROM staged_labels) - (SELECT count(*) FROM fresh) AS repeated
FROM known;
