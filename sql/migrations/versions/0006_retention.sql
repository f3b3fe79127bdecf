-- Which predictions are explained is said by pipelines/rules/explanation/selection.py and sql/queries/explanations.sql.
DROP FUNCTION explanation_share(text, double precision, smallint, uuid);

-- Housekeeping deletes one use case's predictions of days that other use cases still keep: at most so many at a time, the oldest
-- days first. Only the owner may delete from the log itself. Predictions of today are never deleted.
CREATE FUNCTION delete_predictions(of_use_case text, before date, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    deleted integer := 0;
    batch   integer;
    name    text;
BEGIN
    IF before >= (now() AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'delete_predictions: % is not in the past', before;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('sixgate.partitions'));
    FOR name IN
        SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'prediction_logs'::regclass ORDER BY 1
    LOOP
        CONTINUE WHEN name ~ '^prediction_logs_\d{8}$' AND to_date(right(name, 8), 'YYYYMMDD') >= before;
        EXECUTE format(
            'DELETE FROM %I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %I WHERE use_case = $1 AND scored_at < $2 LIMIT $3))',
            name, name
        ) USING of_use_case, before::timestamp AT TIME ZONE 'UTC', most - deleted;
        GET DIAGNOSTICS batch = ROW_COUNT;
        deleted := deleted + batch;
        EXIT WHEN deleted >= most;
    END LOOP;
    RETURN deleted;
END $$;
