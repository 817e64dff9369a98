"""What a change of a column's type concerns, by the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from ormmigrate.dialects.postgresql.catalogue import Catalogue
from ormmigrate.dialects.postgresql.names import clipped

# What the server has to understand anew for another type of a column. What is a partition's or a parent's follows that;
# an index of which more is known than its definition says stays the server's.
CHECKS_ON = """
SELECT o.conname::text, pg_get_expr(o.conbin, o.conrelid),
    CASE WHEN o.connoinherit THEN ' NO INHERIT' ELSE '' END || CASE WHEN o.convalidated THEN '' ELSE ' NOT VALID' END,
    obj_description(o.oid, 'pg_constraint')
FROM pg_catalog.pg_constraint AS o
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = o.conrelid AND a.attnum = ANY (o.conkey)
WHERE o.conrelid = to_regclass(%s) AND a.attname = %s AND o.contype = 'c' AND o.coninhcount = 0
    -- A child's own of the same name would not go with it.
    AND NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_inherits AS h JOIN pg_catalog.pg_constraint AS k ON k.conrelid = h.inhrelid
        WHERE h.inhparent = o.conrelid AND k.conname = o.conname AND k.conislocal)
ORDER BY o.conname
"""
INDEXES_ON = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), pg_get_indexdef(c.oid),
    obj_description(c.oid, 'pg_class')
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid
WHERE i.indrelid = to_regclass(%s) AND a.attname = %s AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
    AND EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum)
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint AS o WHERE o.conindid = c.oid)
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute AS k WHERE k.attrelid = c.oid AND k.attstattarget >= 0)
    AND c.relkind = 'i' AND NOT c.relispartition AND c.reltablespace = 0
    AND i.indisvalid AND NOT i.indisclustered AND NOT i.indisreplident
ORDER BY c.relname
"""
TYPES = """
SELECT attname::text, format_type(atttypid, NULL) FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""
IS_COLLATABLE = "SELECT typcollation <> 0 FROM pg_catalog.pg_type WHERE oid = to_regtype(%s)"
# As the server decides it (find_coercion_pathway in parse_coerce.c): by what is declared, or into a text; arrays by
# their elements, domains by what they are made of.
CONVERSION = """
WITH meant (place, oid) AS (VALUES (1, to_regtype(%s)::oid), (2, to_regtype(%s)::oid)),
base AS (
    SELECT m.place, b.oid, b.typcategory, b.typcategory = 'A' AND b.typelem <> 0 AS is_array, b.typelem
    FROM meant AS m JOIN pg_catalog.pg_type AS t ON t.oid = m.oid
    JOIN pg_catalog.pg_type AS b ON b.oid = CASE WHEN t.typbasetype = 0 THEN t.oid ELSE t.typbasetype END),
element AS (
    SELECT base.place, base.is_array, base.oid AS whole, base.typcategory AS category, e.oid, e.typcategory
    FROM base JOIN pg_catalog.pg_type AS e ON e.oid = CASE WHEN base.is_array THEN base.typelem ELSE base.oid END)
SELECT was.is_array = now.is_array AND (was.oid = now.oid OR now.typcategory = 'S' OR EXISTS (
        SELECT 1 FROM pg_catalog.pg_cast AS c
        WHERE c.castsource = was.oid AND c.casttarget = now.oid AND c.castcontext IN ('a', 'i')))
    OR now.category = 'S', was.category = 'B' AND now.category = 'N',
    format_type((SELECT oid FROM meant WHERE place = 2), -1)
FROM element AS was JOIN element AS now ON was.place = 1 AND now.place = 2
"""


@dataclass(frozen=True)
class Expressed:
    """A CHECK; `suffix` is what stands behind its expression."""

    name: str
    expression: str
    suffix: str
    comment: str | None


@dataclass(frozen=True)
class Defined:
    """An index, by its definition."""

    path: str
    definition: str
    comment: str | None


@dataclass(frozen=True)
class Conversion:
    """How values of a type become those of another.

    Attributes:
        is_automatic: whether the server does it without being told how.
        is_number_of_boolean: whether it is from the one to the other, which has nothing to do with their texts.
        target: the other type, without its length.
    """

    is_automatic: bool
    is_number_of_boolean: bool
    target: str


def checks_on(catalogue: Catalogue, table: str, column: str) -> list[Expressed]:
    """The CHECKs of the table's own that name a column."""
    rows = catalogue.database.execute_sql(CHECKS_ON, (catalogue.place(table), clipped(column))).fetchall()
    return [Expressed(*row) for row in rows]


def indexes_on(catalogue: Catalogue, table: str, column: str) -> list[Defined]:
    """The indexes with a predicate or an expression that a column is part of."""
    rows = catalogue.database.execute_sql(INDEXES_ON, (catalogue.place(table), clipped(column))).fetchall()
    return [Defined(*row) for row in rows]


def types_of(catalogue: Catalogue, table: str) -> dict[str, str]:
    """The types of a table's columns, without their lengths."""
    return dict(catalogue.database.execute_sql(TYPES, (catalogue.place(table),)).fetchall())


def has_collations(catalogue: Catalogue, type_: str) -> bool:
    found = catalogue.database.execute_sql(IS_COLLATABLE, (type_,)).fetchone()
    return bool(found and found[0])


def conversion(catalogue: Catalogue, was: str, now: str) -> Conversion | None:
    """How values of one type become those of another; None where the server knows no such type."""
    row = catalogue.database.execute_sql(CONVERSION, (was, now)).fetchone()
    return None if row is None else Conversion(*row)
