-- Make :owner the owner of everything in the schema public that another role made, as former versions did.
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('ALTER TABLE %s OWNER TO :owner', c.oid::regclass)
        FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
          AND c.relowner <> ':owner'::regrole
        UNION ALL
        SELECT format('ALTER SEQUENCE %s OWNER TO :owner', c.oid::regclass)
        FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S' AND c.relowner <> ':owner'::regrole
          AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i')) -- follows its table
        UNION ALL
        SELECT format('ALTER TYPE %s OWNER TO :owner', t.oid::regtype)
        FROM pg_type AS t
        WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd') AND t.typowner <> ':owner'::regrole
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO :owner', p.oid::regprocedure)
        FROM pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> ':owner'::regrole
    LOOP
        EXECUTE statement;
    END LOOP;
END $$;
