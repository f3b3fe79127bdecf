-- Labelled history of a use case that the ingest DAG imported, in an order that depends on nothing
-- else, so that the same rows give the same snapshot. The contract hash names the columns of the
-- features.
SELECT transaction_id, entity_key, event_time, label, contract_hash, features
FROM ingested_rows
WHERE use_case = {use_case}
ORDER BY event_time, transaction_id
