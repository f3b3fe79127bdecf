-- name: columns
-- The columns of every table and view with their comments; without partitions, the view of each
-- use case, and the table of the migrations.
SELECT c.relname AS name, c.relkind = 'v' AS is_view, obj_description(c.oid, 'pg_class') AS comment,
       a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
       NOT a.attnotnull AND c.relkind <> 'v' AS nullable,
       col_description(c.oid, a.attnum) AS meaning
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
  AND c.relname <> 'alembic_version' AND (c.relkind <> 'v' OR right(c.relname, 12) <> '_predictions')
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum;

-- name: rights
-- What each role may do with each table; `columns` lists them where it may not do it with all.
SELECT c.relname AS name, r.rolname AS role, p.privilege,
       CASE WHEN NOT has_table_privilege(r.oid, c.oid, p.privilege)
            THEN array_agg(a.attname::text ORDER BY a.attnum) ELSE '{}' END AS columns
FROM pg_class AS c
     JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     CROSS JOIN pg_roles AS r
     CROSS JOIN (VALUES (1, 'SELECT'), (2, 'INSERT'), (3, 'UPDATE'), (4, 'DELETE')) AS p (place, privilege)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND r.rolname = ANY(:roles)
  AND CASE p.privilege WHEN 'DELETE' THEN has_table_privilege(r.oid, c.oid, 'DELETE')
                       ELSE has_column_privilege(r.oid, c.oid, a.attnum, p.privilege) END
GROUP BY c.oid, c.relname, r.oid, r.rolname, p.place, p.privilege
ORDER BY c.relname, r.rolname, p.place;
