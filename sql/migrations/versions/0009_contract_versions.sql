-- Which contracts rows were and are accepted under. The newest row of a use case that has not ended is its current contract. A
-- contract that is applied again after another one has a second row.
CREATE TABLE contract_versions (
    use_case      text NOT NULL,
    contract_hash text NOT NULL REFERENCES contracts,
    applied_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at      timestamptz,
    PRIMARY KEY (use_case, applied_at)
);

-- The contract that the model was trained under, NULL in rows of before. The one that names the features is contract_hash.
ALTER TABLE prediction_logs ADD COLUMN model_contract_hash text;

-- The current contract of a replica, by which `sixgate contract apply` sees that it was picked up.
ALTER TABLE serving_replicas ADD COLUMN contract_hash text;

-- The view of a use case's predictions has the columns of the current contract, and the rows of all contracts: features by name,
-- categories by text, and what a row's contract does not have is NULL. The rights of the former view are given again.
CREATE FUNCTION show_predictions(of_use_case text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    view_name text := of_use_case || '_predictions';
    newest    text;
    hashes    text[];
    columns   text;
    readers   text[];
    reader    text;
BEGIN
    SELECT v.contract_hash INTO newest FROM contract_versions AS v
    WHERE v.use_case = of_use_case AND v.ended_at IS NULL ORDER BY v.applied_at DESC LIMIT 1;
    IF newest IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(DISTINCT v.contract_hash) INTO hashes FROM contract_versions AS v WHERE v.use_case = of_use_case;
    WITH features AS (
        SELECT c.contract_hash, f.position, f.feature, f.feature ->> 'name' AS name, f.feature ->> 'expression' AS expression,
               replace(f.feature ->> 'type', 'int', 'float') AS type, coalesce(f.feature -> 'values', '[]') AS categories
        FROM contracts AS c,
             jsonb_array_elements((c.body -> 'features') || (c.body -> 'derived')) WITH ORDINALITY AS f(feature, position)
        WHERE c.contract_hash = ANY (hashes)
    ), matched AS (
        SELECT t.position, t.name, format('WHEN %L THEN %s', s.contract_hash, CASE
            WHEN s.categories = t.categories THEN format('features[%s]', s.position)
            ELSE format('(%L::double precision[])[features[%s]::integer + 1]', (
                SELECT array_agg(known.index - 1 ORDER BY sent.index)
                FROM jsonb_array_elements_text(s.categories) WITH ORDINALITY AS sent(value, index)
                LEFT JOIN jsonb_array_elements_text(t.categories) WITH ORDINALITY AS known(value, index) USING (value)
            ), s.position) END) AS value
        FROM features AS t
        JOIN features AS s ON s.name = t.name AND s.type IS NOT DISTINCT FROM t.type AND s.expression IS NOT DISTINCT FROM t.expression
        WHERE t.contract_hash = newest
    ), named AS (
        SELECT position, format('CASE contract_hash %s END AS %I', string_agg(value, ' '), name) AS definition
        FROM matched GROUP BY position, name
    )
    SELECT string_agg(definition, ', ' ORDER BY position) INTO columns FROM named;

    SELECT array_agg(DISTINCT a.grantee::regrole::text) INTO readers
    FROM pg_class AS c, aclexplode(c.relacl) AS a
    WHERE c.oid = to_regclass(quote_ident(view_name)) AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner AND a.grantee <> 0;
    EXECUTE format('DROP VIEW IF EXISTS %I', view_name);
    EXECUTE format(
        'CREATE VIEW %I AS SELECT scored_at, prediction_id, transaction_id, entity_key, event_time, model_version, score,'
        ' predicted_label, threshold, %s FROM prediction_logs WHERE use_case = %L AND contract_hash = ANY (%L)',
        view_name, columns, of_use_case, hashes
    );
    FOREACH reader IN ARRAY coalesce(readers, '{}') LOOP
        EXECUTE format('GRANT SELECT ON %I TO %s', view_name, reader);
    END LOOP;
END $$;
