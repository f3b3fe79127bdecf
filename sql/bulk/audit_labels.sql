-- Labels that were received on a day and written in the transactions [begin, end).
SELECT id, use_case, transaction_id, label, labelled_at, received_at, source
FROM label_store
WHERE received_at >= {day_start}::timestamptz AND received_at < {day_end}::timestamptz
  AND logged_xid >= {begin}::xid8 AND logged_xid < {end}::xid8
ORDER BY id
