"""Random operations, with fields of every class of peewee and playhouse, and what counts when two are compared."""

from __future__ import annotations

import datetime
import enum
import time
import uuid
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from itertools import count
from typing import Any

import peewee
from hypothesis import strategies as st
from peewee import (
    SCOPE_VALUES,
    SQL,
    Check,
    Context,
    Field,
    ForeignKeyField,
    MySQLDatabase,
    Node,
    PostgresqlDatabase,
    SqliteDatabase,
)
from playhouse import apsw_ext, mysql_ext, postgres_ext, sqlite_ext
from playhouse import fields as more_fields

from ormmigrate import RawField, reference
from ormmigrate.dialects import ddl
from ormmigrate.operations import (
    UNDECIDED,
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKeyConstraint,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    AlterTable,
    Backfill,
    CreateTable,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKeyConstraint,
    DropIndex,
    DropNotNull,
    DropTable,
    Operation,
    RenameColumn,
    RenameTable,
    Script,
    Sql,
    Undecided,
)

# -- texts and values ---------------------------------------------------------------------------

LETTERS = st.sampled_from(
    "abcxyABCXY01_    \n\t'\"\\%{}()-ßéñłıжсо日本ノ한—…€🙂\u2019\u2013\u00d7\x00\x1b\x7f\u00a0\u200b\u202e\ufeff\ud800"
)
TEXTS = st.text(LETTERS, max_size=30) | st.text(LETTERS, max_size=300)
WORDS = st.sampled_from(("SELECT", "UPDATE", "user", "SET", "name", "=", "'it''s'", '"name"', "\n", "AND", "x" * 100))
STATEMENTS = st.lists(WORDS, min_size=1, max_size=40).map(" ".join)
CONDITIONS = st.sampled_from(("a > 0", "a > 0 AND (b < 1 OR c IS NULL)", "name <> ')'", "(a) AND (b)", "length(a) < 9"))
NAMES = st.sampled_from(
    (
        *(
            "user",
            "order",
            "a",
            "b",
            "l",
            "id",
            "User",
            "_hidden",
            "class",
            "match",
            "list",
            "self",
            "migrator",
            "table",
        ),
        *("first name", "it's", 'quo"te', "naïve", "日本", "100%", "back\\slash", "datetime", "reference", "new\nline"),
        *("a_name_that_leaves_little_room_for_more",),
    )
)
COLUMNS = st.lists(NAMES, min_size=1, max_size=4, unique=True).map(tuple)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


MOMENTS = st.datetimes() | st.datetimes(timezones=st.just(datetime.timezone(datetime.timedelta(hours=5, minutes=30))))
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=120) | st.decimals()
    | MOMENTS | st.dates() | st.times() | st.timedeltas() | st.uuids() | st.sampled_from((*Color, *Size))
)  # fmt: skip
KEYS = st.text(LETTERS, max_size=10) | st.integers() | st.dates()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.sets(st.integers() | st.text(LETTERS, max_size=10), max_size=4)
        | st.frozensets(st.integers(), max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=8,
)
FUNCTIONS = st.sampled_from(
    (dict, list, uuid.uuid4, time.time, datetime.datetime.now, datetime.date.today, count(1).__next__)
)

# -- what operations hold -------------------------------------------------------------------------

CHECKS = st.builds(Check, CONDITIONS) | st.builds(Check, CONDITIONS, st.sampled_from(("positive", "it's")))
NODES = (
    CHECKS
    | st.builds(SQL, STATEMENTS)
    | st.builds(SQL, TEXTS)
    | st.builds(SQL, st.just("a > ?"), st.lists(st.integers(), min_size=1, max_size=2))
)
ACTIONS = st.sampled_from((None, "CASCADE", "SET NULL", "RESTRICT"))
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "null": st.booleans(),
    "index": st.booleans(),
    "unique": st.booleans(),
    "constraints": st.none() | st.lists(NODES, min_size=1, max_size=2),
    "collation": st.sampled_from((None, "NOCASE", '"C"')),
    "index_type": st.sampled_from((None, "BRIN")),
    "sequence": st.sampled_from((None, "numbers")),
    "default": SCALARS | VALUES | FUNCTIONS,
    # None of these is to be seen in a migration.
    "help_text": st.sampled_from((None, "help")),
    "column_name": st.sampled_from((None, "another")),
    "choices": st.sampled_from((None, [("a", "b")])),
}
FORMATS = {"formats": st.sampled_from((None, ["%d.%m.%Y"]))}
CHARS = {"max_length": st.sampled_from((255, 1, 20, None))}
DECIMALS = {
    "max_digits": st.integers(5, 20),
    "decimal_places": st.integers(0, 5),
    "auto_round": st.booleans(),
    "rounding": st.sampled_from((None, "ROUND_UP")),
}
ELEMENTS = st.sampled_from(
    (
        {},
        {"field_class": peewee.TextField},
        {"field_class": peewee.CharField, "field_kwargs": {"max_length": 20}},
        {"field_class": peewee.DecimalField, "field_kwargs": {"max_digits": 12, "decimal_places": 2}},
        {"field_class": RawField, "field_kwargs": {"column_type": "citext"}},
        {"field_kwargs": {"null": True}},
    )
)
#: The classes that take nothing besides.
PLAIN = (
    *(peewee.AnyField, peewee.IntegerField, peewee.BigIntegerField, peewee.SmallIntegerField, peewee.AutoField),
    *(peewee.BigAutoField, peewee.FloatField, peewee.DoubleField, peewee.TextField, peewee.BlobField),
    *(peewee.BitField, peewee.BigBitField, peewee.UUIDField, peewee.IPField, peewee.BinaryUUIDField),
    *(peewee.BooleanField, peewee.JSONField, peewee.BareField, more_fields.PickleField, sqlite_ext.JSONField),
    *(sqlite_ext.JSONBField, sqlite_ext.RowIDField, sqlite_ext.DocIDField, sqlite_ext.AutoIncrementField),
    *(postgres_ext.JSONField, postgres_ext.BinaryJSONField, postgres_ext.HStoreField, postgres_ext.TSVectorField),
    *(postgres_ext.IntervalField, mysql_ext.MySQLJSONField, apsw_ext.BooleanField),
)
DATES = (
    *(peewee.DateTimeField, peewee.DateField, peewee.TimeField, sqlite_ext.ISODateTimeField),
    *(postgres_ext.DateTimeTZField, apsw_ext.DateField, apsw_ext.TimeField, apsw_ext.DateTimeField),
)
#: What a class takes besides. Every class is listed, as test_render checks.
CLASSES: dict[type[Field], dict[str, st.SearchStrategy[Any]]] = {
    **{cls: {} for cls in PLAIN},
    **dict.fromkeys(DATES, FORMATS),
    **dict.fromkeys((peewee.CharField, peewee.FixedCharField), CHARS),
    **dict.fromkeys((peewee.DecimalField, sqlite_ext.TDecimalField, apsw_ext.DecimalField), DECIMALS),
    peewee.IdentityField: {"generate_always": st.booleans()},
    peewee.TimestampField: {"resolution": st.sampled_from((1, 10, 1000, 10**6)), "utc": st.booleans()},
    more_fields.CompressedField: {
        "compression_level": st.integers(1, 9),
        "algorithm": st.sampled_from(("zlib", "bz2")),
    },
}


def _fields_of(cls: type[Field]) -> st.SearchStrategy[Field]:
    return st.fixed_dictionaries({}, optional={**COMMON, **CLASSES[cls]}).map(lambda said: cls(**said))


REFERENCES = st.builds(
    reference,
    NAMES,
    st.sampled_from(("id", "uuid", "order")),
    st.sampled_from((peewee.AutoField, peewee.UUIDField, peewee.CharField, peewee.BigAutoField)).map(lambda cls: cls()),
    st.sampled_from((None, "billing")),
)
ARRAYS = st.builds(
    lambda element, dimensions, said: postgres_ext.ArrayField(**element, dimensions=dimensions, **said),
    ELEMENTS,
    st.integers(1, 2),
    st.fixed_dictionaries({}, optional=COMMON),
)
FOREIGN_KEYS = st.builds(
    lambda target, said: ForeignKeyField(target, **said),
    REFERENCES,
    st.fixed_dictionaries(
        {},
        optional={
            "on_delete": ACTIONS,
            "on_update": ACTIONS,
            "deferrable": st.sampled_from((None, "INITIALLY DEFERRED")),
            "constraint_name": st.sampled_from((None, "fk_it's")),
            "backref": st.sampled_from((None, "things")),
            "lazy_load": st.booleans(),
            **{name: COMMON[name] for name in ("null", "index", "unique", "default")},
        },
    ),
)
RAW = st.builds(
    lambda text, said: RawField(text, **said),
    st.sampled_from(("", "citext", "NVARCHAR(160)", "double precision", "ENUM('a','b')")),
    st.fixed_dictionaries({}, optional=COMMON),
)
PLAIN_FIELDS = st.sampled_from(sorted(CLASSES, key=repr)).flatmap(_fields_of) | RAW
FIELDS = PLAIN_FIELDS | FOREIGN_KEYS | ARRAYS
TABLE_COLUMNS = st.dictionaries(NAMES, FIELDS, min_size=1, max_size=4)
TABLES = st.builds(
    CreateTable,
    NAMES,
    TABLE_COLUMNS,
    st.lists(st.tuples(COLUMNS, st.booleans()), max_size=2).map(tuple),
    st.lists(NODES | st.just('UNIQUE ("a")'), max_size=2).map(tuple),
    st.just(()) | COLUMNS,
)
PARTS = st.lists(NAMES | st.builds(SQL, st.sampled_from(('"a" DESC', "lower(email)"))), min_size=1, max_size=3).map(
    tuple
)
INDEXES = {
    "unique": st.booleans(),
    "using": st.sampled_from((None, "gin")),
    "where": st.none() | st.builds(SQL, CONDITIONS),
    "nulls_distinct": st.sampled_from((None, False, True)),
}
COPY = {"allow_copy": st.booleans()}
DEFAULTS = st.one_of(st.integers(), TEXTS, st.decimals(), st.dates(), st.builds(SQL, st.just("now()")))


def changes(table: str) -> st.SearchStrategy[Operation]:
    """Changes of one table."""
    at, flags = st.just(table), {**COPY, "online": st.booleans()}
    adds = st.builds(AddIndex, at, PARTS, **INDEXES, **COPY, name=st.none() | NAMES, concurrently=st.booleans())
    referring = (
        at,
        NAMES,
        NAMES,
        st.sampled_from(("id", "uuid")),
        ACTIONS,
        ACTIONS,
        st.none() | NAMES,
        st.none() | NAMES,
    )
    unique = st.builds(AddUnique, at, COLUMNS)
    return st.one_of(
        st.builds(AddColumn, at, NAMES, FIELDS, st.booleans(), **COPY),
        st.builds(DropColumn, at, NAMES, st.booleans(), st.none() | FIELDS, **COPY),
        st.builds(RenameColumn, at, NAMES, NAMES),
        st.builds(
            AlterColumnType, at, NAMES, PLAIN_FIELDS, st.none() | STATEMENTS | NODES, st.none() | PLAIN_FIELDS, **COPY
        ),
        st.builds(AddNotNull, at, NAMES, **flags),
        st.builds(DropNotNull, at, NAMES, **COPY),
        st.builds(AddColumnDefault, at, NAMES, DEFAULTS, st.none() | DEFAULTS),
        st.builds(DropColumnDefault, at, NAMES, st.none() | DEFAULTS),
        adds,
        st.builds(DropIndex, at, NAMES, concurrently=st.booleans()),
        st.builds(lambda index: index.reverse()[0], st.builds(AddIndex, at, PARTS, **INDEXES, name=NAMES)),
        st.builds(AddConstraint, at, st.none() | NAMES, NODES, **flags),
        st.builds(AddUnique, at, COLUMNS, **flags),
        st.builds(DropConstraint, at, NAMES, st.none() | NODES),
        st.builds(DropConstraint, at, st.none(), st.none() | NODES, columns=COLUMNS),
        st.builds(DropConstraint, at, NAMES, replaces=unique),
        st.builds(AddForeignKeyConstraint, *referring, **flags),
        st.builds(DropForeignKeyConstraint, at, NAMES),
        st.builds(lambda key: key.reverse()[0], st.builds(AddForeignKeyConstraint, *referring)),
    )


FILLS = st.dictionaries(NAMES, SCALARS | st.builds(SQL, STATEMENTS) | st.just(UNDECIDED), min_size=1, max_size=3)
GROUPS = NAMES.flatmap(
    lambda table: st.builds(
        AlterTable, st.just(table), st.lists(changes(table), min_size=1, max_size=4).map(tuple), **COPY
    )
)
OPERATIONS = st.one_of(
    TABLES,
    st.builds(DropTable, NAMES, st.booleans(), st.booleans()),
    st.builds(lambda table: table.reverse()[0], TABLES),
    st.builds(RenameTable, NAMES, NAMES),
    NAMES.flatmap(changes),
    GROUPS,
    st.builds(Sql, TEXTS | STATEMENTS, st.none() | st.lists(SCALARS, min_size=1, max_size=3), st.none() | STATEMENTS),
    st.builds(Script, STATEMENTS | TEXTS, st.none() | STATEMENTS),
    st.builds(
        Backfill,
        NAMES,
        FILLS,
        st.none() | NODES,
        st.sampled_from((10_000, 500)),
        st.sampled_from((0, 0.5)),
        st.none() | st.just({}) | FILLS,
    ),
)
DIFFERENCES = st.lists(
    st.sampled_from(("the view v: SELECT 1", "user: primary key: id -> uuid, " + "and more " * 30, "a\nb"))
)

# -- what counts ----------------------------------------------------------------------------------

DATABASES = (SqliteDatabase(None), PostgresqlDatabase(None), MySQLDatabase(None))


def facts(value: Any) -> Any:
    """What an operation, or a part of one, means: equal where nothing differs."""
    if isinstance(value, Field):
        return field_facts(value)
    if isinstance(value, Node):
        return Context().sql(value).query()
    if is_dataclass(value) and not isinstance(value, type):
        # An index has the same name whether it is given or the usual one.
        name = {"name": value.index} if isinstance(value, AddIndex) else {}
        return type(value).__name__, {one.name: facts(getattr(value, one.name)) for one in fields(value)} | name
    if value is UNDECIDED or value is ... or isinstance(value, Undecided):
        return "undecided"
    if isinstance(value, enum.Enum):
        return facts(value.value)
    if isinstance(value, Mapping):
        return [(facts(key), facts(one)) for key, one in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [facts(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return type(value).__name__, sorted(map(repr, value))
    if isinstance(value, (datetime.datetime, datetime.time)):
        return type(value).__name__, value.isoformat(), value.fold if value.tzinfo is None else 0
    if callable(value):
        owner = getattr(value, "__self__", None)
        return repr(owner) if isinstance(owner, count) else value
    return type(value).__name__, repr(value)


def field_facts(field: Field) -> Any:
    """A field's class, its DDL on every database, and what else is made of it."""
    texts = []
    for database in DATABASES:
        ready = ddl.prepared(field, "t", "c")
        context = database.get_sql_context(scope=SCOPE_VALUES)
        nodes = [ready.ddl(context), *([ddl.foreign_key(ready)] if isinstance(ready, ForeignKeyField) else [])]
        texts.append([database.get_sql_context(scope=SCOPE_VALUES).sql(node).query() for node in nodes])
    said = {name: getattr(field, name) for name in ("null", "index", "unique", "primary_key", "index_type")}
    return type(field).__name__, texts, said, facts(field.default)
