"""What is there, by PostgreSQL's own catalogue: peewee's introspection is wrong for composite keys, and for a role
that does not own the table."""

from __future__ import annotations

from dataclasses import dataclass

from peewee import Database

from ormmigrate.dialects.base import quoted
from ormmigrate.dialects.postgresql.names import clipped

KINDS = {"c": "CHECK", "f": "FOREIGN KEY", "p": "PRIMARY KEY", "u": "UNIQUE", "x": "EXCLUDE"}

TABLES = """
SELECT relname::text FROM pg_catalog.pg_class
WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema())
    AND relkind IN ('r', 'p', 'f') ORDER BY 1
"""
KIND = "SELECT relkind::text FROM pg_catalog.pg_class WHERE oid = to_regclass(%s)"
COLUMNS = """
SELECT attname::text FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
COLUMN = """
SELECT format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated::text,
    pg_get_expr(d.adbin, d.adrelid),
    CASE WHEN a.attcollation <> t.typcollation
        THEN quote_ident(n.nspname) || '.' || quote_ident(c.collname) END
FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation AS c ON c.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.collnamespace
WHERE a.attrelid = to_regclass(%s) AND a.attname = %s AND a.attnum > 0
"""
CONSTRAINTS = """
SELECT c.conname::text, c.contype::text, ARRAY(
        SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place),
    ARRAY(
        SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY k.place),
    pg_get_constraintdef(c.oid), c.convalidated, c.coninhcount > 0, c.confrelid::bigint, f.relname::text,
    c.confdeltype::text, c.confupdtype::text
FROM pg_catalog.pg_constraint AS c LEFT JOIN pg_catalog.pg_class AS f ON f.oid = c.confrelid
WHERE c.conrelid = to_regclass(%s) AND c.contype IN ('c', 'f', 'p', 'u', 'x') ORDER BY c.conname
"""
INDEXES = """
SELECT i.indexrelid::bigint, c.relname::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname), ARRAY(
        SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
        LEFT JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number <> 0
        WHERE k.place <= i.indnkeyatts ORDER BY k.place),
    i.indisvalid, o.conname::text
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint AS o ON o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x')
WHERE i.indrelid = to_regclass(%s) ORDER BY c.relname
"""
# 'a' is what a serial column owns, 'i' what belongs to an identity column.
SEQUENCES = """
SELECT s.relname::text, quote_ident(n.nspname) || '.' || quote_ident(s.relname), a.attname::text, d.deptype = 'i'
FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(%s)
    AND d.deptype IN ('a', 'i') ORDER BY 1
"""
RELATIONS_BESIDE = """
SELECT relname::text FROM pg_catalog.pg_class
WHERE relnamespace = (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = to_regclass(%s))
"""
PRIMARY_KEY = """
SELECT a.attname::text FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = to_regclass(%s) AND i.indisprimary
"""
# What DROP COLUMN takes along without a word is what depends on the column automatically ('a' in pg_depend).
SHARED = """
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend AS d
JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN pg_constraint AS c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
LEFT JOIN pg_index AS i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
LEFT JOIN pg_attrdef AS e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
WHERE d.refclassid = 'pg_class'::regclass AND a.attrelid = to_regclass(%s) AND a.attname = %s AND (
    cardinality(c.conkey) > 1
    OR i.indnatts > 1 OR i.indpred IS NOT NULL OR i.indexprs IS NOT NULL
    -- Generated columns; before PostgreSQL 15 it is they themselves that depend on it.
    OR e.adnum <> a.attnum OR (d.classid = 'pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid <> 0)
    OR d.classid = 'pg_statistic_ext'::regclass)
ORDER BY 1
"""
# What stops DROP COLUMN and ALTER TYPE: dependents that are nobody's part, named by what they belong to.
DEPENDENTS = """
SELECT DISTINCT CASE
        WHEN r.oid IS NOT NULL THEN pg_describe_object('pg_class'::regclass, r.ev_class, 0)
        ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END, d.classid::regclass::text
FROM pg_depend AS d
JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_attrdef AS e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
WHERE d.refclassid = 'pg_class'::regclass AND a.attrelid = to_regclass(%s) AND a.attname = %s
    AND (d.deptype = 'n' OR d.classid IN ('pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass)
        OR (d.classid = 'pg_class'::regclass AND d.objid = a.attrelid))
    AND e.adnum IS DISTINCT FROM a.attnum
    AND NOT EXISTS (
        SELECT 1 FROM pg_depend AS o WHERE (o.classid, o.objid) = (d.classid, d.objid)
            AND (o.refclassid, o.refobjid) = (d.refclassid, d.refobjid)
            AND o.deptype IN ('a', 'i') AND d.classid = 'pg_constraint'::regclass)
ORDER BY 1
"""


@dataclass(frozen=True)
class Column:
    """A column; `default` is its expression, `collation` its own where that is not the type's."""

    type: str
    not_null: bool
    is_generated: bool
    default: str | None
    collation: str | None


@dataclass(frozen=True)
class Constraint:
    name: str
    kind: str
    columns: tuple[str, ...]
    rel_columns: tuple[str, ...]
    definition: str
    is_valid: bool
    is_inherited: bool
    rel_oid: int
    rel: str | None
    on_delete: str
    on_update: str

    def __str__(self) -> str:
        return f"{self.name} {self.definition}"


@dataclass(frozen=True)
class Index:
    """An index; a column is None where it is an expression, `constraint` the one that it belongs to."""

    oid: int
    name: str
    path: str
    columns: tuple[str | None, ...]
    is_valid: bool
    constraint: str | None


@dataclass(frozen=True)
class Sequence:
    name: str
    path: str
    column: str
    is_identity: bool


class Catalogue:
    """Asks about tables by the names that statements use, which the search_path resolves the same way."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def _rows(self, query: str, *params: object) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = self.database.execute_sql(query, params).fetchall()
        return rows

    def place(self, table: str) -> str:
        """A table's name as to_regclass() takes it."""
        # to_regclass() does not cut what is too long.
        return quoted(self.database, clipped(table))

    def tables(self) -> list[str]:
        return [str(name) for (name,) in self.database.execute_sql(TABLES).fetchall()]

    def kind(self, table: str) -> str | None:
        """`r` for a table, `p` for one in partitions, `v` for a view; None where there is nothing."""
        found = self._rows(KIND, self.place(table))
        return str(found[0][0]) if found else None

    def columns(self, table: str) -> list[str]:
        return [str(name) for (name,) in self._rows(COLUMNS, self.place(table))]

    def column(self, table: str, column: str) -> Column | None:
        for type_, not_null, generated, default, collation in self._rows(COLUMN, self.place(table), clipped(column)):
            expression = None if default is None else str(default)
            return Column(
                str(type_), bool(not_null), bool(generated), expression, None if collation is None else str(collation)
            )
        return None

    def constraints(self, table: str) -> list[Constraint]:
        rows = self.database.execute_sql(CONSTRAINTS, (self.place(table),)).fetchall()
        return [
            Constraint(name, KINDS[kind], tuple(columns), tuple(rel_columns), *rest)
            for name, kind, columns, rel_columns, *rest in rows
        ]

    def indexes(self, table: str) -> list[Index]:
        rows = self.database.execute_sql(INDEXES, (self.place(table),)).fetchall()
        return [Index(oid, name, path, tuple(columns), *rest) for oid, name, path, columns, *rest in rows]

    def sequences(self, table: str) -> list[Sequence]:
        return [Sequence(*row) for row in self.database.execute_sql(SEQUENCES, (self.place(table),)).fetchall()]

    def names_beside(self, table: str) -> set[str]:
        """What no index or sequence of that table may be called: they share their names with tables."""
        return {str(name) for (name,) in self._rows(RELATIONS_BESIDE, self.place(table))}

    def primary_key(self, table: str) -> list[str]:
        return [str(name) for (name,) in self._rows(PRIMARY_KEY, self.place(table))]

    def shared_with(self, table: str, column: str) -> list[str]:
        return [str(name) for (name,) in self._rows(SHARED, self.place(table), clipped(column))]

    def dependents(self, table: str, column: str) -> list[str]:
        """Views, rules, generated columns, triggers, policies, and foreign keys of other columns, in words."""
        return [str(words) for words, _ in self._rows(DEPENDENTS, self.place(table), clipped(column))]

    def dependents_of_type(self, table: str, column: str) -> list[str]:
        """The same without foreign keys, which change with what they refer to, or say themselves that they cannot."""
        rows = self._rows(DEPENDENTS, self.place(table), clipped(column))
        return [str(words) for words, kind in rows if kind != "pg_constraint"]
