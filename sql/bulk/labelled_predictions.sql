-- Every prediction of a use case in a window of event time, with the newest label that was received
-- by a time, NULL without one. The reader keeps the first prediction of a transaction, by scored_at,
-- because that one was acted on. The contract hash names the columns of the features.
-- $1 use case · $2 window start · $3 matured before · $4 labels received before
SELECT p.event_time, p.transaction_id, p.entity_key, p.scored_at, p.model_version, p.score, p.threshold, p.contract_hash,
       p.features, l.label
FROM prediction_logs AS p
LEFT JOIN LATERAL (
    SELECT label FROM label_store AS s
    WHERE s.use_case = p.use_case AND s.transaction_id = p.transaction_id AND s.received_at <= $4
    ORDER BY s.id DESC LIMIT 1
) AS l ON true
WHERE p.use_case = $1 AND p.event_time >= $2 AND p.event_time < $3 AND p.scored_at <= $4
ORDER BY p.event_time, p.transaction_id, p.scored_at, p.prediction_id
