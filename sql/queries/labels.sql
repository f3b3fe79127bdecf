-- name: record_labels^
-- Labels are compared in their order, also within one request: a label equal to the current one is
-- a duplicate, a different one is stored as a correction.
WITH incoming AS (
    SELECT *, lag(label) OVER (PARTITION BY transaction_id ORDER BY position) AS earlier
    FROM unnest(:transaction_ids::text[], :labels::smallint[], :labelled_ats::timestamptz[])
         WITH ORDINALITY AS i (transaction_id, label, labelled_at, position)
), known AS (
    SELECT i.*, coalesce(i.earlier, (SELECT s.label FROM label_store AS s
                                     WHERE s.use_case = :use_case AND s.transaction_id = i.transaction_id
                                     ORDER BY s.id DESC LIMIT 1)) AS before
    FROM incoming AS i
), inserted AS (
    INSERT INTO label_store (use_case, transaction_id, label, labelled_at, source)
    SELECT :use_case, transaction_id, label, labelled_at, :source FROM known WHERE before IS DISTINCT FROM label
    ORDER BY position
)
SELECT count(*) FILTER (WHERE before IS NULL) AS accepted,
       count(*) FILTER (WHERE before <> label) AS corrected,
       count(*) FILTER (WHERE before = label) AS duplicate
FROM known;
