"""Random schemas with rows, as a database's own SQL: what `diff` is held against. Nothing of ormmigrate's in here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

#: Each table begins with these, so that every foreign key finds its row.
IDS = (1, 2, 3)
NUMERIC, TEXTUAL, MOMENT, BYTES = "numeric", "textual", "moment", "bytes"


@dataclass(frozen=True)
class Language:
    """What a kind of database is told, and how.

    Attributes:
        types: by family, within which a column may change its type; values are numerals, so that all convert.
        collations: those that a textual column may name.
        options: what may stand behind a table.
    """

    name: str
    quote: str
    types: dict[str, tuple[str, ...]]
    collations: tuple[str, ...]
    key: str
    generated: tuple[str, ...] = ("STORED",)
    options: tuple[str, ...] = ("",)
    has_expressions: bool = True
    has_partial: bool = True
    keys_inline: bool = False
    deferrable: tuple[str, ...] = ("", " DEFERRABLE INITIALLY DEFERRED")

    def quoted(self, name: str) -> str:
        return self.quote + name.replace(self.quote, self.quote * 2) + self.quote


SQLITE = Language(
    "SQLite",
    '"',
    {
        NUMERIC: ("INTEGER", "BIGINT", "REAL", "DECIMAL(10, 2)", "NUMERIC", "TEXT", "VARCHAR(40)"),
        TEXTUAL: ("TEXT", "VARCHAR(20)", "VARCHAR(40)", "CHAR(10)", "INTEGER", ""),
        MOMENT: ("DATETIME", "DATE", "TEXT"),
        BYTES: ("BLOB",),
    },
    ("NOCASE", "RTRIM"),
    "INTEGER NOT NULL PRIMARY KEY",
    keys_inline=True,
    generated=("STORED", "VIRTUAL"),
    options=("", "", "", "WITHOUT ROWID"),
)
POSTGRESQL = Language(
    "PostgreSQL",
    '"',
    {
        NUMERIC: ("integer", "bigint", "numeric(10,2)", "numeric(14,3)", "double precision", "text"),
        TEXTUAL: ("text", "character varying(20)", "character varying(40)", "integer"),
        MOMENT: ("timestamp without time zone", "date", "text"),
        BYTES: ("bytea",),
    },
    ('"C"', '"POSIX"'),
    "SERIAL NOT NULL PRIMARY KEY",
)
MARIADB = Language(
    "MySQL",
    "`",
    {
        NUMERIC: ("int(11)", "bigint(20)", "decimal(10,2)", "decimal(14,3)", "double", "varchar(40)"),
        TEXTUAL: ("varchar(30)", "varchar(40)", "char(10)", "int(11)"),
        MOMENT: ("datetime", "date", "varchar(40)"),
        BYTES: ("varbinary(20)",),
    },
    ("utf8mb4_bin", "utf8mb4_unicode_ci"),
    "INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY",
    has_expressions=False,
    has_partial=False,
    deferrable=("",),
)


@dataclass(frozen=True)
class Column:
    """A column beside the key.

    Attributes:
        refers: whether its values are those of keys, so that a foreign key may stand on it.
        generated: the column that it is made from, and how it is kept.
        check: whether a CHECK stands behind it.
    """

    name: str
    family: str
    type: str
    null: bool = True
    default: str | None = None
    collation: str | None = None
    refers: bool = False
    check: bool = False
    unique: bool = False
    generated: tuple[str, str] | None = None


@dataclass(frozen=True)
class Index:
    name: str
    parts: tuple[str, ...]
    names: tuple[str, ...]
    unique: bool = False
    where: str | None = None


@dataclass(frozen=True)
class Constraint:
    """A constraint of the table: UNIQUE, CHECK or FOREIGN KEY; `names` are the columns that it needs."""

    name: str | None
    text: str
    names: tuple[str, ...]
    target: str | None = None


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    options: str = ""

    def cleared(self) -> Table:
        """Without what names a column that is not there any more."""
        there = {column.name for column in self.columns} | {"id"}
        columns = tuple(one for one in self.columns if one.generated is None or one.generated[0] in there)
        there = {column.name for column in columns} | {"id"}
        indexes = tuple(one for one in self.indexes if set(one.names) <= there)
        constraints = tuple(one for one in self.constraints if set(one.names) <= there)
        return replace(self, columns=columns, indexes=indexes, constraints=constraints)


Schema = dict[str, Table]


@dataclass
class Pair:
    """Two schemas; the first is filled with rows."""

    before: Schema
    after: Schema
    language: Language
    seen: list[str] = field(default_factory=list)


# -- to SQL ---------------------------------------------------------------------------------------


def statements(schema: Schema, language: Language) -> Iterator[str]:
    """What makes tables and indexes; the foreign keys too where those may name what is not there yet."""
    for table in schema.values():
        inline = [one for one in table.constraints if language.keys_inline or not one.target]
        yield create_table(replace(table, constraints=tuple(inline)), language)
    for table in schema.values():
        for index in table.indexes:
            yield create_index(table, index, language)


def late_keys(schema: Schema, language: Language) -> Iterator[str]:
    """The foreign keys that are added behind the rows."""
    for table in schema.values():
        for key in table.constraints:
            if key.target and not language.keys_inline:
                yield f"ALTER TABLE {language.quoted(table.name)} ADD {named(key, language)}"


def create_table(table: Table, language: Language) -> str:
    parts = [f"{language.quoted('id')} {language.key}"]
    parts += [column_text(column, language) for column in table.columns]
    parts += [named(constraint, language) for constraint in table.constraints]
    return f"CREATE TABLE {language.quoted(table.name)} ({', '.join(parts)}) {table.options}"


def named(constraint: Constraint, language: Language) -> str:
    return f"CONSTRAINT {language.quoted(constraint.name)} {constraint.text}" if constraint.name else constraint.text


def column_text(column: Column, language: Language) -> str:
    words = [language.quoted(column.name), column.type]
    collation = [f"COLLATE {column.collation}"] if column.collation else []
    if language is MARIADB:
        words += collation
    if column.generated:
        source, how = column.generated
        return " ".join([*words, f"GENERATED ALWAYS AS ({language.quoted(source)}) {how}"])
    words += [] if column.null else ["NOT NULL"]
    words += [f"DEFAULT {column.default}"] if column.default else []
    words += [] if language is MARIADB else collation
    words += ["UNIQUE"] if column.unique else []
    words += [f"CHECK ({check_text(column, language)})"] if column.check else []
    return " ".join(words)


def is_text(column: Column) -> bool:
    return column.type.lower().startswith(("text", "varchar", "char"))


def check_text(column: Column, language: Language) -> str:
    name = language.quoted(column.name)
    return f"length({name}) < 100" if is_text(column) else f"{name} IS NULL OR {name} >= 0"


def create_index(table: Table, index: Index, language: Language) -> str:
    unique = "UNIQUE " if index.unique else ""
    where = f" WHERE {index.where}" if index.where else ""
    place = f"{language.quoted(index.name)} ON {language.quoted(table.name)}"
    return f"CREATE {unique}INDEX {place} ({', '.join(index.parts)}){where}"


def rows(table: Table) -> Iterator[dict[str, Any]]:
    """Three rows; no two hold the same anywhere, one NULL at most stands in a column."""
    for number in IDS:
        row: dict[str, Any] = {"id": number}
        for column in table.columns:
            if not column.generated:
                row[column.name] = None if column.null and number == IDS[-1] else value(column, number)
        yield row


def value(column: Column, number: int) -> Any:
    if column.family == MOMENT:
        return f"2024-01-0{number}"
    if column.family == BYTES:
        return bytes([number])
    return str(number) if is_text(column) and not column.refers else number


# -- drawing --------------------------------------------------------------------------------------


TABLE_NAMES = ("user", "order", "item", "tag name")
COLUMN_NAMES = ("name", "email", "age", "end", "first name", "größe", "kind", "owner")


class Maker:
    def __init__(self, draw: Any, language: Language) -> None:
        self.draw, self.language = draw, language

    def one(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def rarely(self, of: int = 4) -> bool:
        return bool(self.draw(st.integers(1, of)) == 1)

    # -- parts --------------------------------------------------------------------------------

    def column(self, name: str) -> Column:
        family = self.one(NUMERIC, NUMERIC, TEXTUAL, TEXTUAL, MOMENT, BYTES)
        refers = family == NUMERIC and self.rarely(2)
        types = self.language.types[family]
        type_ = types[0] if refers else self.one(*types)
        made = Column(name, family, type_, refers=refers, null=self.draw(st.booleans()))
        made = replace(made, default=self.default(made)) if self.rarely() else made
        made = replace(made, collation=self.collation(made)) if self.rarely() else made
        made = replace(made, check=True) if self.rarely() and self.may_check(made) else made
        return replace(made, unique=True) if self.rarely(8) and self.may_be_unique(made) else made

    def may_be_unique(self, column: Column) -> bool:
        # No counter makes moments for rows that have none.
        return column.family in (NUMERIC, TEXTUAL) and not column.generated and not column.refers

    def may_check(self, column: Column) -> bool:
        # MariaDB has none over the column of a foreign key that changes it.
        return column.family in (NUMERIC, TEXTUAL) and not (column.refers and self.language is MARIADB)

    def default(self, column: Column) -> str | None:
        if column.family == BYTES:
            return None
        if column.refers:
            return "1"
        if column.family == MOMENT:
            return "'2020-02-02'"
        return self.one("'7'", "'0'", "'5'") if is_text(column) else self.one("7", "0", "'5'")

    def collation(self, column: Column) -> str | None:
        return self.one(*self.language.collations) if is_text(column) and not column.refers else None

    def generated(self, name: str, source: Column) -> Column:
        how = self.one(*self.language.generated)
        return Column(name, source.family, source.type, generated=(source.name, how), collation=source.collation)

    def table(self, name: str) -> Table:
        names = self.draw(st.lists(st.sampled_from(COLUMN_NAMES), min_size=1, max_size=5, unique=True))
        table = Table(name, tuple(map(self.column, names)), options=self.one(*self.language.options))
        sources = [one for one in table.columns if one.family == NUMERIC and not one.refers]
        if sources and self.rarely(5):
            table = replace(table, columns=(*table.columns, self.generated("total", self.one(*sources))))
        for _ in range(self.draw(st.integers(0, 3))):
            table = self.with_fact(table, {})
        return table

    def with_fact(self, table: Table, others: Schema) -> Table:
        """The table with an index, a check, a unique constraint or a foreign key more."""
        make = self.one(self.index, self.index, self.unique, self.check, self.key)
        return make(table, others)  # type: ignore[no-any-return]

    def index(self, table: Table, others: Schema) -> Table:
        quoted = self.language.quoted
        usable = [one for one in table.columns if one.family != BYTES and not one.generated]
        if not usable:
            return table
        chosen = self.draw(st.lists(st.sampled_from(usable), min_size=1, max_size=2, unique=True))
        parts = [self.part(column) for column in chosen]
        names = tuple(column.name for column in chosen)
        where = None
        if self.language.has_partial and self.rarely(4):
            where = f"{quoted(names[0])} IS NOT NULL"
        number = self.draw(st.integers(1, 3))
        usual = "_".join((table.name, *names))
        name = usual if self.rarely(2) else f"{table.name} index {number}"
        if any(one.name == name for one in table.indexes):
            return table
        unique = self.rarely(3) and all(map(self.may_be_unique, chosen))
        made = Index(name, tuple(parts), names, unique=unique, where=where)
        return replace(table, indexes=(*table.indexes, made))

    def part(self, column: Column) -> str:
        text = self.language.quoted(column.name)
        if is_text(column) and self.language.has_expressions and self.rarely(6):
            return f"lower({text})"
        return f"{text} DESC" if self.rarely(5) and self.language is not MARIADB else text

    def unique(self, table: Table, others: Schema) -> Table:
        usable = [one.name for one in table.columns if self.may_be_unique(one)]
        if not usable:
            return table
        names = self.draw(st.lists(st.sampled_from(usable), min_size=1, max_size=2, unique=True))
        text = f"UNIQUE ({', '.join(map(self.language.quoted, names))})"
        return self.with_constraint(table, Constraint("_".join(("unique", table.name, *names)), text, tuple(names)))

    def check(self, table: Table, others: Schema) -> Table:
        quoted = self.language.quoted
        usable = [one.name for one in table.columns if not one.generated and self.may_check(one)]
        if not usable:
            return table
        name, other = self.one(*usable), self.one(*usable)
        number = self.draw(st.integers(1, 3))
        text = f"CHECK ({quoted(name)} IS NULL OR {quoted(other)} IS NOT NULL OR {number} > 0)"
        return self.with_constraint(table, Constraint(f"check_{table.name}_{name}", text, (name, other)))

    def key(self, table: Table, others: Schema) -> Table:
        usable = [one.name for one in table.columns if one.refers and not one.generated]
        targets = (*others, table.name)
        if not usable:
            return table
        name, target = self.one(*usable), self.one(*targets)
        quoted = self.language.quoted
        action = self.one("", " ON DELETE CASCADE", " ON UPDATE CASCADE", " ON DELETE SET NULL")
        column = next(one for one in table.columns if one.name == name)
        if "SET NULL" in action and not column.null:
            action = ""
        text = f"FOREIGN KEY ({quoted(name)}) REFERENCES {quoted(target)} ({quoted('id')}){action}"
        text += self.one(*self.language.deferrable)
        if any(one.target and one.names == (name,) for one in table.constraints):
            return table
        return self.with_constraint(table, Constraint(f"key_{table.name}_{name}", text, (name,), target))

    def with_constraint(self, table: Table, made: Constraint) -> Table:
        if any(one.name == made.name or one.text == made.text for one in table.constraints):
            return table
        is_unnamed = self.language is SQLITE and self.rarely(2)
        # Two without names that say the same cannot be told apart.
        return replace(table, constraints=(*table.constraints, replace(made, name=None) if is_unnamed else made))

    # -- schemas ------------------------------------------------------------------------------

    def schema(self) -> Schema:
        names = self.draw(st.lists(st.sampled_from(TABLE_NAMES[:3]), min_size=1, max_size=3, unique=True))
        schema = {name: self.table(name) for name in names}
        for name in names:
            if self.rarely(2):
                schema[name] = self.key(schema[name], schema)
        return schema

    def mutated(self, schema: Schema) -> Schema:
        for _ in range(self.draw(st.integers(1, 6))):
            schema = self.one(*MUTATIONS)(self, schema)
        return bounded(schema)

    def drop_table(self, schema: Schema) -> Schema:
        gone = self.one(*schema) if schema else None
        return {name: table for name, table in schema.items() if name != gone}

    def add_table(self, schema: Schema) -> Schema:
        name = self.one(*TABLE_NAMES)
        return schema if name in schema else {**schema, name: self.table(name)}

    def change_table(self, schema: Schema) -> Schema:
        if not schema:
            return schema
        table = schema[self.one(*schema)]
        changed = self.one(*CHANGES)(self, table, schema)
        return {**schema, table.name: changed.cleared()}

    def add_column(self, table: Table, schema: Schema) -> Table:
        name = self.one(*COLUMN_NAMES)
        if any(one.name == name for one in table.columns):
            return table
        return replace(table, columns=(*table.columns, self.column(name)))

    def drop_column(self, table: Table, schema: Schema) -> Table:
        name = self.one(*table.columns).name
        left = replace(table, columns=tuple(one for one in table.columns if one.name != name)).cleared()
        return left if left.columns else table

    def change_column(self, table: Table, schema: Schema) -> Table:
        column = self.one(*table.columns)
        if column.generated:
            return table
        changed = self.one(self.retyped, self.renulled, self.redefaulted, self.recollated, self.rechecked)(column)
        made = replace(table, columns=tuple(changed if one is column else one for one in table.columns))
        sources = {one.name: one for one in made.columns}

        def follow(one: Column) -> Column:
            if one.generated is None:
                return one
            source = sources[one.generated[0]]
            return replace(one, type=source.type, collation=source.collation)

        return replace(made, columns=tuple(map(follow, made.columns)))

    def retyped(self, column: Column) -> Column:
        if column.refers:
            return column
        made = replace(column, type=self.one(*self.language.types[column.family]), collation=None)
        return replace(made, default=column.default and self.default(made))

    def renulled(self, column: Column) -> Column:
        return replace(column, null=not column.null)

    def redefaulted(self, column: Column) -> Column:
        return replace(column, default=None if column.default and self.rarely(2) else self.default(column))

    def recollated(self, column: Column) -> Column:
        return replace(column, collation=None if column.collation else self.collation(column))

    def rechecked(self, column: Column) -> Column:
        return replace(column, check=not column.check and self.may_check(column))

    def drop_fact(self, table: Table, schema: Schema) -> Table:
        facts = (*table.indexes, *table.constraints)
        if not facts:
            return table
        gone = self.one(*facts)
        return replace(
            table,
            indexes=tuple(one for one in table.indexes if one is not gone),
            constraints=tuple(one for one in table.constraints if one is not gone),
        )


MUTATIONS = (Maker.drop_table, Maker.add_table, *(Maker.change_table,) * 8)
CHANGES = (
    Maker.add_column,
    Maker.drop_column,
    *(Maker.change_column,) * 4,
    *(Maker.with_fact,) * 2,
    Maker.drop_fact,
)


def bounded(schema: Schema) -> Schema:
    """Without foreign keys to tables that are not there, and those that SET NULL where NULL is forbidden."""

    def is_right(table: Table, one: Constraint) -> bool:
        if one.target is None:
            return True
        column = next(column for column in table.columns if column.name == one.names[0])
        return one.target in schema and (column.null or "SET NULL" not in one.text)

    return {
        name: replace(table, constraints=tuple(one for one in table.constraints if is_right(table, one)))
        for name, table in schema.items()
    }


def can_be_reached(before: Schema, after: Schema) -> bool:
    """Whether rows do not forbid it, or the way back: a key to a table that is new has no row to refer to."""
    for one, other in ((before, after), (after, before)):
        for name in set(one) & set(other):
            if any(key.target and key.target not in other for key in one[name].constraints):
                return False
    for name, table in before.items():
        if name not in after:
            continue
        if table.options != after[name].options:
            return False
        there = {column.name: column for column in after[name].columns}
        for column in table.columns:
            other = there.get(column.name)
            # What refers to rows cannot come back without its values, and other families do not convert.
            if other is None and column.refers and not column.null:
                return False
            if other is not None and (other.family, other.refers) != (column.family, column.refers):
                return False
            if other is not None and (other.generated is None) != (column.generated is None):
                return False
    return True


@st.composite
def pairs(draw: Any, language: Language) -> Pair:
    """A schema and what it is to become: changed in places, or another one with the same names."""
    maker = Maker(draw, language)
    before = maker.schema()
    after = maker.schema() if maker.rarely(8) else maker.mutated(before)
    from hypothesis import assume

    after = bounded({name: table.cleared() for name, table in after.items()})
    assume(can_be_reached(before, after))
    return Pair(before, after, language)
