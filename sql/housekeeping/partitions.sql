-- Creates the log's missing partitions, one for each of the next days; returns how many.
SELECT ensure_partitions(CURRENT_DATE, %(days)s)
