"""What tables of a schema need besides: enums, domains, composite types, sequences and functions; and making it again.

No operation makes one: a migration does it by sql(), and a model only names it.
"""

from __future__ import annotations

from peewee import Database, PeeweeException

from ormmigrate.dialects.base import quoted
from ormmigrate.dialects.postgresql.reading import search_path

# In the order in which they were made, so that one comes behind those that it is made of.
TYPES = """
SELECT t.typname::text, CASE t.typtype
    WHEN 'e' THEN 'TYPE %%s AS ENUM (' || coalesce((
        SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
        FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid), '') || ')'
    WHEN 'd' THEN 'DOMAIN %%s AS ' || format_type(t.typbasetype, t.typtypmod)
        || CASE WHEN t.typcollation <> b.typcollation THEN ' COLLATE ' || t.typcollation::regcollation::text ELSE '' END
        || coalesce(' DEFAULT ' || t.typdefault, '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
        || coalesce((SELECT string_agg(' ' || pg_get_constraintdef(o.oid), '' ORDER BY o.conname)
            FROM pg_catalog.pg_constraint AS o WHERE o.contypid = t.oid AND o.contype = 'c'), '')
    ELSE 'TYPE %%s AS (' || coalesce((
        SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = t.typrelid AND NOT a.attisdropped), '') || ')' END
FROM pg_catalog.pg_type AS t
LEFT JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
WHERE t.typnamespace = %s AND (t.typtype IN ('e', 'd') OR c.relkind = 'c')
    AND NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_depend AS e
        WHERE e.classid = 'pg_catalog.pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
ORDER BY t.oid
"""
# Those that no column owns.
SEQUENCES = """
SELECT quote_ident(c.relname), format(' AS %%s INCREMENT %%s MINVALUE %%s MAXVALUE %%s START %%s%%s',
    format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart,
    CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)
FROM pg_catalog.pg_sequence AS s JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
WHERE c.relnamespace = %s AND NOT EXISTS (
    SELECT 1 FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
ORDER BY c.relname
"""
# Whether tables need one: a default, a constraint, an index or a domain of theirs.
FUNCTIONS = """
SELECT pg_get_functiondef(p.oid), quote_ident(p.pronamespace::regnamespace::name::text),
    CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || quote_ident(p.proname)
        || '(' || pg_get_function_identity_arguments(p.oid) || ')', EXISTS (
    SELECT 1 FROM pg_catalog.pg_depend AS d
    WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid = p.oid AND d.classid IN (
        'pg_catalog.pg_attrdef'::regclass, 'pg_catalog.pg_constraint'::regclass, 'pg_catalog.pg_class'::regclass))
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = %s AND p.prokind IN ('f', 'p', 'w') AND NOT EXISTS (
    SELECT 1 FROM pg_catalog.pg_depend AS e
    WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
ORDER BY p.oid
"""
SET_PATH = "SELECT set_config('search_path', %s, true)"
SAVEPOINT = "ormmigrate_type"


def needed(database: Database, home: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What tables of the schema with the oid `home` may need, and then its other functions: what makes and drops each.

    Names are told as the search_path has it; nothing is made in a schema that is named.
    """
    types = database.execute_sql(TYPES, (home,)).fetchall()
    found = [_type(quoted(database, name), text) for name, text in types]
    sequences = database.execute_sql(SEQUENCES, (home,)).fetchall()
    found += [(f"CREATE SEQUENCE {name}{words}", f"DROP SEQUENCE {name}") for name, words in sequences]
    functions = database.execute_sql(FUNCTIONS, (home,)).fetchall()
    found += [_function(*row[:3]) for row in functions if row[3]]
    return found, [_function(*row[:3]) for row in functions if not row[3]]


def _type(name: str, text: str) -> tuple[str, str]:
    return "CREATE " + text.replace("%s", name, 1), f"DROP {text.partition(' ')[0]} {name}"


def _function(text: str, schema: str, what: str) -> tuple[str, str]:
    kind, _, _ = what.partition(" ")
    # It is told with its schema always.
    return text.strip().replace(f"CREATE OR REPLACE {kind} {schema}.", f"CREATE {kind} ", 1), f"DROP {what}"


def copy(database: Database, home: int, path: list[str], schema: str) -> None:
    """Make what tables of the schema with the oid `home` need in another one; what needs tables itself is left out.

    Args:
        path: what shows it without its schema.
    """
    before = database.execute_sql("SELECT current_setting('search_path')").fetchone()
    database.execute_sql(SET_PATH, (search_path(path),))
    found, _ = needed(database, home)
    database.execute_sql(SET_PATH, (search_path([schema, *path[1:]]),))
    for statement, _ in found:
        database.execute_sql(f"SAVEPOINT {SAVEPOINT}")
        try:
            database.execute_sql(statement.replace("%", "%%"))
        except PeeweeException:
            database.execute_sql(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
    database.execute_sql(SET_PATH, before)
