"""The whole catalogue of a PostgreSQL schema, and its rows, as one value that can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import peewee
from snapshot import OURS

from ormmigrate.connection import inner

#: Each gives (the name of a table, the name of a thing, what is said of it ...).
QUERIES = {
    "tables": """
        SELECT c.relname::text, '', c.relkind::text, c.relpersistence::text, c.reloptions::text, c.relreplident::text,
            obj_description(c.oid, 'pg_class'), c.relacl::text, c.relrowsecurity,
            pg_get_partkeydef(c.oid), (SELECT array_agg(i.inhparent::regclass::text) FROM pg_inherits AS i
                WHERE i.inhrelid = c.oid)::text
        FROM pg_class AS c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')""",
    "columns": """
        SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            pg_get_expr(d.adbin, d.adrelid), l.collname::text, a.attidentity::text, a.attgenerated::text,
            a.attstorage::text, a.attcompression::text, a.attstattarget, a.attacl::text,
            (SELECT array_agg(o)::text FROM unnest(a.attoptions) AS o
                WHERE starts_with(o, 'n_distinct')),
            col_description(c.oid, a.attnum)
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')""",
    "constraints": """
        SELECT c.relname::text, o.conname::text, o.contype::text, pg_get_constraintdef(o.oid), o.convalidated,
            o.connoinherit, o.condeferrable, o.condeferred, obj_description(o.oid, 'pg_constraint')
        FROM pg_constraint AS o JOIN pg_class AS c ON c.oid = o.conrelid
        WHERE o.connamespace = current_schema()::regnamespace""",
    "indexes": """
        SELECT c.relname::text, x.relname::text, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered,
            i.indisreplident, obj_description(i.indexrelid, 'pg_class'), x.reloptions::text
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_class AS x ON x.oid = i.indexrelid
        WHERE c.relnamespace = current_schema()::regnamespace""",
    "sequences": """
        SELECT coalesce(d.refobjid::regclass::text, ''), c.relname::text, format_type(s.seqtypid, NULL), s.seqstart,
            s.seqincrement, s.seqmax, s.seqmin, s.seqcycle, a.attname::text, d.deptype::text,
            pg_sequence_last_value(c.oid), obj_description(c.oid, 'pg_class')
        FROM pg_sequence AS s JOIN pg_class AS c ON c.oid = s.seqrelid
        LEFT JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
        LEFT JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE c.relnamespace = current_schema()::regnamespace""",
    "triggers": """
        SELECT c.relname::text, t.tgname::text, pg_get_triggerdef(t.oid), t.tgenabled::text,
            obj_description(t.oid, 'pg_trigger')
        FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal""",
    "views": """
        SELECT c.relname::text, '', pg_get_viewdef(c.oid), c.relacl::text
        FROM pg_class AS c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('v', 'm')""",
    "statistics": """
        SELECT c.relname::text, s.stxname::text, pg_get_statisticsobjdef(s.oid)
        FROM pg_statistic_ext AS s JOIN pg_class AS c ON c.oid = s.stxrelid
        WHERE c.relnamespace = current_schema()::regnamespace""",
    "policies": """
        SELECT c.relname::text, p.polname::text, pg_get_expr(p.polqual, p.polrelid)
        FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE c.relnamespace = current_schema()::regnamespace""",
}
#: Everything, by (kind, table, name).
State = Mapping[tuple[str, str, str], Any]


def state(database: peewee.Database, *, without: tuple[str, ...] = OURS) -> State:
    """All that a schema says of each thing in it, and the rows of its tables."""
    database = inner(database)
    found: dict[tuple[str, str, str], Any] = {}
    for kind, query in QUERIES.items():
        for table, name, *facts in database.execute_sql(query).fetchall():
            found[kind, table, name] = tuple(facts)
    for _, table, _ in [key for key in found if key[0] == "tables"]:
        columns = [name for kind, owner, name in found if (kind, owner) == ("columns", table)]
        # In one order of columns, whatever theirs is.
        names = ", ".join('"' + name.replace('"', '""').replace("%", "%%") + '"' for name in sorted(columns))
        quoted = '"' + table.replace('"', '""').replace("%", "%%") + '"'
        rows = database.execute_sql(f"SELECT {names} FROM {quoted}").fetchall() if names else []
        found["rows", table, ""] = tuple(sorted(map(repr, rows)))
    return {key: facts for key, facts in found.items() if not any(name in (key[1], key[2]) for name in without)}


def differences(before: State, after: State) -> dict[tuple[str, str, str], tuple[Any, Any]]:
    """What is not the same: both sides of each, None where it is not there."""
    return {
        key: (before.get(key), after.get(key)) for key in {*before, *after} if before.get(key) != after.get(key)
    }  # fmt: skip
