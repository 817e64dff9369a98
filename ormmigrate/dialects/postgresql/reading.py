"""What the catalogue says of a whole schema: a query for each kind of thing, whatever the number of tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from peewee import Database

from ormmigrate.dialects.base import end_quietly

HOME = """
SELECT oid::bigint, nspname::text FROM pg_catalog.pg_namespace WHERE nspname = coalesce(%s, current_schema())
"""
EXTENSIONS = """
SELECT DISTINCT n.nspname::text FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql' AND n.nspname <> 'pg_catalog' ORDER BY 1
"""
#: Of the schema with that oid: what is somebody's own, and no part of a partitioned table.
OWN = """
c.relnamespace = %s AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
    AND NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_depend AS e
        WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
"""
RELATIONS = f"""
SELECT c.oid::bigint, c.relname::text, c.relkind::text, d.description, c.relpersistence = 'u', c.relrowsecurity,
    c.relforcerowsecurity, coalesce(c.reloptions, '{{}}')::text[], pg_get_partkeydef(c.oid), ARRAY(
        SELECT i.inhparent::regclass::text FROM pg_catalog.pg_inherits AS i
        WHERE i.inhrelid = c.oid ORDER BY i.inhseqno),
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
    CASE WHEN c.relkind = 'f' THEN (
        SELECT s.srvname::text || ' ' || coalesce(f.ftoptions, '{{}}')::text FROM pg_catalog.pg_foreign_table AS f
        JOIN pg_catalog.pg_foreign_server AS s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid) END
FROM pg_catalog.pg_class AS c
LEFT JOIN pg_catalog.pg_description AS d
    ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
WHERE {OWN} ORDER BY c.relname
"""
COLUMNS = f"""
SELECT a.attrelid::bigint, a.attnum, a.attname::text, format_type(a.atttypid, a.atttypmod),
    format_type(a.atttypid, NULL), t.typcategory::text, NOT a.attnotnull,
    pg_get_expr(x.adbin, x.adrelid), t.typdefault IS NOT NULL, a.attgenerated::text, a.attidentity::text,
    CASE WHEN a.attcollation <> t.typcollation THEN CASE
        WHEN pg_collation_is_visible(o.oid) THEN quote_ident(o.collname)
        ELSE quote_ident(o.collnamespace::regnamespace::text) || '.' || quote_ident(o.collname) END END,
    d.description
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation AS o ON o.oid = a.attcollation
LEFT JOIN pg_catalog.pg_description AS d
    ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = a.attrelid AND d.objsubid = a.attnum
WHERE {OWN} AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""
# 'a' is what a serial column owns, 'i' what belongs to an identity column. Where it began says nothing of a schema.
SEQUENCES = f"""
SELECT d.refobjid::bigint, d.refobjsubid, format('nextval(%%L::regclass)', s.oid::regclass),
    format_type(q.seqtypid, NULL), q.seqincrement, q.seqmin, q.seqmax, q.seqcycle
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = s.oid
JOIN pg_catalog.pg_class AS c ON c.oid = d.refobjid
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.deptype IN ('a', 'i') AND {OWN}
ORDER BY d.refobjid, d.refobjsubid, s.oid
"""
# Those of a partition that a foreign key refers to have a parent.
CONSTRAINTS = f"""
SELECT o.conrelid::bigint, o.conname::text, o.contype::text, o.conkey::int[], ARRAY(
        SELECT a.attname::text FROM unnest(o.confkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = o.confrelid AND a.attnum = k.number ORDER BY k.place),
    CASE WHEN n.oid <> c.relnamespace THEN n.nspname || '.' ELSE '' END || f.relname,
    o.confdeltype::text, o.confupdtype::text, o.condeferrable, o.condeferred, o.convalidated, o.connoinherit,
    o.conindid::bigint, CASE o.contype WHEN 'c' THEN pg_get_expr(o.conbin, o.conrelid) END,
    CASE WHEN o.contype = 'x' OR o.confmatchtype = 'f' OR (o.contype = 'p' AND o.condeferrable)
        OR (o.confdeltype IN ('n', 'd') AND to_jsonb(o) ->> 'confdelsetcols' IS NOT NULL)
    THEN pg_get_constraintdef(o.oid) END
FROM pg_catalog.pg_constraint AS o
JOIN pg_catalog.pg_class AS c ON c.oid = o.conrelid
LEFT JOIN pg_catalog.pg_class AS f ON f.oid = o.confrelid
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = f.relnamespace
WHERE {OWN} AND o.contype IN ('c', 'f', 'p', 'u', 'x') AND o.conparentid = 0
ORDER BY o.conrelid, o.conname
"""
INDEXES = f"""
SELECT i.indrelid::bigint, i.indexrelid::bigint, x.relname::text, i.indisunique, i.indisprimary, i.indisvalid,
    m.amname::text, i.indkey::int2[]::int[], pg_get_indexdef(i.indexrelid), coalesce(x.reloptions, '{{}}')::text[]
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = x.relam
WHERE {OWN} AND i.indislive
ORDER BY i.indrelid, x.relname
"""
TRIGGERS = f"""
SELECT t.tgrelid::bigint, t.tgname::text, pg_get_triggerdef(t.oid, true), t.tgenabled::text
FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
WHERE {OWN} AND NOT t.tgisinternal ORDER BY c.relname, t.tgname
"""
RULES = f"""
SELECT r.ev_class::bigint, pg_get_ruledef(r.oid, true)
FROM pg_catalog.pg_rewrite AS r JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
WHERE {OWN} AND r.rulename <> '_RETURN' ORDER BY r.ev_class, r.rulename
"""
POLICIES = f"""
SELECT p.polrelid::bigint, 'POLICY ' || quote_ident(p.polname)
    || CASE WHEN p.polpermissive THEN '' ELSE ' AS RESTRICTIVE' END
    || CASE p.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT' WHEN 'w' THEN ' FOR UPDATE'
        WHEN 'd' THEN ' FOR DELETE' ELSE '' END
    || coalesce((SELECT ' TO ' || string_agg(quote_ident(u.rolname), ', ' ORDER BY u.rolname)
        FROM pg_catalog.pg_roles AS u WHERE u.oid = ANY (p.polroles)), '')
    || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
    || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
FROM pg_catalog.pg_policy AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
WHERE {OWN} ORDER BY p.polrelid, p.polname
"""
READ = "ormmigrate_read"


class Relation(NamedTuple):
    """A table or a view; `definition` is that of a view, `server` that of a foreign table."""

    oid: int
    name: str
    kind: str
    comment: str | None
    is_unlogged: bool
    row_security: bool
    forces_row_security: bool
    storage: list[str]
    partition_key: str | None
    parents: list[str]
    definition: str | None
    server: str | None


class ColumnRow(NamedTuple):
    """A column.

    Attributes:
        kind: the type without its length.
        category: of the type, in pg_type.
        has_type_default: whether the type has a default of its own.
    """

    table: int
    number: int
    name: str
    type: str
    kind: str
    category: str
    null: bool
    default: str | None
    has_type_default: bool
    generated: str
    identity: str
    collation: str | None
    comment: str | None


class Sequence(NamedTuple):
    """What a column owns; `next` is the default that counts with it."""

    table: int
    column: int
    next: str
    type: str
    increment: int
    least: int
    most: int
    cycles: bool


class ConstraintRow(NamedTuple):
    """A constraint.

    Attributes:
        target: the table that a foreign key refers to, with its schema where that is another one.
        backing: the index that it has.
        words: all of it, where it says more than the rest does.
    """

    table: int
    name: str
    kind: str
    columns: list[int] | None
    target_columns: list[str]
    target: str | None
    on_delete: str
    on_update: str
    is_deferrable: bool
    is_deferred: bool
    is_valid: bool
    is_not_inherited: bool
    backing: int
    expression: str | None
    words: str | None


class IndexRow(NamedTuple):
    """An index; `columns` are their numbers, 0 for an expression."""

    table: int
    oid: int
    name: str
    unique: bool
    is_primary: bool
    is_valid: bool
    method: str
    columns: list[int]
    definition: str
    storage: list[str]


class Rows(NamedTuple):
    """All of it."""

    relations: list[Relation]
    columns: list[ColumnRow]
    sequences: list[Sequence]
    constraints: list[ConstraintRow]
    indexes: list[IndexRow]
    triggers: list[tuple[int, str, str, str]]
    rules: list[tuple[int, str]]
    policies: list[tuple[int, str]]


def rows_of(database: Database, home: int) -> Rows:
    """What is in the schema with that oid."""

    def read(query: str) -> list[Any]:
        rows: list[Any] = database.execute_sql(query, (home,)).fetchall()
        return rows

    return Rows(
        [Relation(*row) for row in read(RELATIONS)],
        [ColumnRow(*row) for row in read(COLUMNS)],
        [Sequence(*row) for row in read(SEQUENCES)],
        [ConstraintRow(*row) for row in read(CONSTRAINTS)],
        [IndexRow(*row) for row in read(INDEXES)],
        read(TRIGGERS),
        read(RULES),
        read(POLICIES),
    )


def extension_schemas(database: Database) -> list[str]:
    """The schemas in which extensions live."""
    return [str(name) for (name,) in database.execute_sql(EXTENSIONS).fetchall()]


def search_path(names: list[str]) -> str:
    """A value of the setting."""
    return ", ".join('"' + name.replace('"', '""') + '"' for name in dict.fromkeys(names))


@contextmanager
def seen_from(database: Database, names: list[str], *, in_transaction: bool) -> Iterator[None]:
    """Inside, names of these schemas are told without them, and no change of others is seen; nothing stays.

    format_type() and pg_get_expr() put the schema in front of what the search_path does not show.
    """
    begin, end = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", ["ROLLBACK"]
    if in_transaction:
        begin, end = f"SAVEPOINT {READ}", [f"ROLLBACK TO SAVEPOINT {READ}", f"RELEASE SAVEPOINT {READ}"]
    database.execute_sql(begin)
    try:
        database.execute_sql("SELECT set_config('search_path', %s, true)", (search_path(names),))
        yield
    finally:
        for statement in end:
            end_quietly("Reading the schema", database, statement)
