-- name: record_labels^
-- A label equal to the one that counts is a duplicate; a different one is kept as a correction.
WITH incoming AS (
    SELECT DISTINCT ON (transaction_id) transaction_id, label, labelled_at
    FROM unnest(:transaction_ids::text[], :labels::smallint[], :labelled_ats::timestamptz[])
         WITH ORDINALITY AS i (transaction_id, label, labelled_at, position)
    ORDER BY transaction_id, position DESC
), known AS (
    SELECT i.*, (SELECT s.label FROM label_store AS s WHERE s.use_case = :use_case AND s.transaction_id = i.transaction_id
                 ORDER BY s.id DESC LIMIT 1) AS before
    FROM incoming AS i
), inserted AS (
    INSERT INTO label_store (use_case, transaction_id, label, labelled_at, source)
    SELECT :use_case, transaction_id, label, labelled_at, :source FROM known WHERE before IS DISTINCT FROM label
)
SELECT count(*) FILTER (WHERE before IS NULL) AS accepted,
       count(*) FILTER (WHERE before <> label) AS corrected,
       cardinality(:transaction_ids::text[]) - count(*) FILTER (WHERE before IS DISTINCT FROM label) AS duplicate
FROM known;
