"""What PostgreSQL's catalogue is asked: which relation a name means, its columns, and the query that reads it.

No text of a query is made here from a name: names are parameters, the server looks them up in its catalogue and
quotes them itself (``format('%I')``).
"""

from __future__ import annotations

__all__ = ["BEGIN", "COLUMNS", "RELATION", "RELATIONS", "SETTINGS"]

BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
"""First statement of a run: all tables are seen as they were at one instant, and nothing is written."""

SETTINGS = """
SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
       set_config('extra_float_digits', '1', true), set_config('lock_timeout', '30s', true),
       -- The same table is read in the same order each time.
       set_config('synchronize_seqscans', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)
"""

RELATION = """
SELECT c.oid::int8,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid)
            WHEN c.relkind = 'p' THEN (SELECT sum(pg_table_size(relid))::int8 FROM pg_partition_tree(c.oid))
       END
FROM pg_class c
WHERE c.oid = to_regclass(CASE WHEN $1 = '' THEN quote_ident($2) ELSE quote_ident($1) || '.' || quote_ident($2) END)
  AND c.relkind IN ('r', 'm', 'p', 'v', 'f')
"""
"""Schema or '' and name in; the relation's number and its size, where it is known, out."""

RELATIONS = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname::text ELSE n.nspname || '.' || c.relname END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'p', 'v', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1
"""
"""Names of all relations, to suggest the nearest."""

COLUMNS = """
WITH typed AS (
    SELECT a.attrelid, a.attname, a.attnum, b.typname,
           CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS modifier
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
), read_as AS (
    SELECT attname::text COLLATE "C" AS name, typname::text AS kind, modifier, attrelid,
           has_column_privilege(attrelid, attnum, 'SELECT') AS is_readable,
           format(
               CASE WHEN typname IN ('timestamptz', 'timestamp', 'date')
                         THEN 'nullif(nullif(%1$I, ''infinity''), ''-infinity'') AS %1$I'
                    WHEN typname IN ('int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'bool', 'text', 'varchar')
                         THEN '%1$I'
                    WHEN typname = 'money' THEN '%1$I::numeric AS %1$I'
                    ELSE '%1$I::text AS %1$I' END,
               attname) AS expression
    FROM typed
)
SELECT name, kind, modifier, is_readable,
       format('SELECT %s FROM %I.%I',
              string_agg(expression, ', ') FILTER (WHERE is_readable)
                  OVER (ORDER BY name ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
              n.nspname, c.relname)
FROM read_as JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY name
"""
"""The relation's number in; per column its name, type, type modifier, whether it may be read, and the query of all.

Times without end become empty: an infinite end is an open one. What is neither number, text, time nor truth value is
read as its text.
"""
