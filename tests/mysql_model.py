"""A table as MariaDB shows it, and what operations make of it, without a line of the package's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from peewee import SQL, BigIntegerField, CharField, Check, ForeignKeyField, IntegerField, SmallIntegerField, TextField

from ormmigrate import reference

INT, TEXT = "int", "text"
#: What may stand for a type: its family, its words, the field.
TYPES = {
    "smallint(6)": (INT, SmallIntegerField()),
    "int(11)": (INT, IntegerField()),
    "bigint(20)": (INT, BigIntegerField()),
    "varchar(40)": (TEXT, CharField(40)),
    "varchar(60)": (TEXT, CharField(60)),
    "text": (TEXT, TextField()),
}
LATIN = " CHARACTER SET latin1 COLLATE latin1_bin"


def q(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True)
class Col:
    """A column. `double_of` names the column that a generated one doubles."""

    name: str
    type: str
    null: bool = True
    default: str | None = None
    characters: str = ""
    comment: str = ""
    is_hidden: bool = False
    check: str = ""
    double_of: str = ""

    @property
    def family(self) -> str:
        return TYPES[self.type][0]

    @property
    def line(self) -> str:
        words = f"{q(self.name)} {self.type}{self.characters}"
        if self.double_of:
            words += f" GENERATED ALWAYS AS ({q(self.double_of)} * 2) VIRTUAL"
        else:
            words += "" if self.null else " NOT NULL"
            words += " INVISIBLE" if self.is_hidden else ""
            default = "NULL" if self.default is None and self.null else self.default
            words += f" DEFAULT {default}" if default is not None else ""
        words += f" COMMENT '{self.comment}'" if self.comment else ""
        return words + (f" CHECK ({q(self.name)} {self.check})" if self.check else "")


@dataclass(frozen=True)
class Key:
    name: str
    columns: tuple[str, ...]
    is_unique: bool = False

    @property
    def line(self) -> str:
        return f"{'UNIQUE ' if self.is_unique else ''}KEY {q(self.name)} ({','.join(map(q, self.columns))})"


@dataclass(frozen=True)
class State:
    """The table `name`; `checks` are name to (column, rest), `links` are name to column."""

    name: str
    columns: tuple[Col, ...]
    keys: tuple[Key, ...]
    checks: dict[str, tuple[str, str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    rows: tuple[dict[str, Any], ...] = ()

    def column(self, name: str) -> Col:
        return next(one for one in self.columns if one.name == name)

    @property
    def lines(self) -> tuple[list[str], set[str]]:
        """The lines of columns in their order, and those of the rest."""
        rest = {key.line for key in self.keys} | {"PRIMARY KEY (`id`)"}
        rest |= {f"CONSTRAINT {q(name)} CHECK ({q(column)} {words})" for name, (column, words) in self.checks.items()}
        rest |= {
            f"CONSTRAINT {q(name)} FOREIGN KEY ({q(column)}) REFERENCES `other` (`id`)"
            for name, column in self.links.items()
        }
        return ["`id` int(11) NOT NULL AUTO_INCREMENT COMMENT 'key'", *(one.line for one in self.columns)], rest

    def uses(self, name: str) -> list[str]:
        """What stands on a column, beside its own index."""
        found = [key.name for key in self.keys if name in key.columns and len(key.columns) > 1]
        return found + [one.name for one in self.columns if one.double_of == name]


START = State(
    "t_x",
    (
        Col("a", "int(11)", False, "5", comment="a; it''s `b`, 100 % (NULL)", check="> -100"),
        Col("o`d %", "varchar(40)", True, "'it''s %'", LATIN, "odd"),
        Col("b", "bigint(20)", is_hidden=True),
        Col("c", "varchar(60)", False),
        Col("twice", "bigint(20)", double_of="a", comment="2 a"),
    ),
    (Key("t_x_b", ("b",)), Key("pair", ("a", "c"), True), Key("tx_a", ("a",)), Key("t_x_o`d %", ("o`d %",))),
    {"ck": ("c", "<> ''")},
    {},
    (
        {"id": 1, "a": 1, "o`d %": "x\\ '%'", "b": None, "c": "one", "twice": 2},
        {"id": 4, "a": 2, "o`d %": None, "b": 1, "c": "two", "twice": 4},
        {"id": 5, "a": -3, "o`d %": "é", "b": 2, "c": "tre", "twice": -6},
    ),
)


def created(state: State) -> Iterator[str]:
    columns, rest = state.lines
    yield "CREATE TABLE other (id BIGINT PRIMARY KEY)"
    yield "INSERT INTO other VALUES (1), (2)"
    yield f"CREATE TABLE {q(state.name)} ({', '.join([*columns, *sorted(rest)])})"
    for row in state.rows:
        kept = {name: value for name, value in row.items() if name != "twice"}
        values = ", ".join("NULL" if v is None else str(v) if isinstance(v, int) else quoted(v) for v in kept.values())
        yield f"INSERT INTO {q(state.name)} ({', '.join(map(q, kept))}) VALUES ({values})"


def quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


# -- operations ---------------------------------------------------------------------------------------

#: A change: the method of an alter_table, its arguments, its keywords.
Change = tuple[str, tuple[Any, ...], dict[str, Any]]
NAMES = ("a", "b", "c", "d", "é", "x y", "o`d %", "select", "D2")


def possible(state: State) -> list[tuple[Change, State]]:
    """The changes that can be made, and what each comes to."""
    found: list[tuple[Change, State]] = []
    free = [name for name in NAMES if name not in (one.name for one in state.columns)][:2]
    for column in state.columns:
        found += _of_column(state, column, free)
    found += _additions(state, free)
    for key in state.keys:
        if not any(column in key.columns for column in state.links.values()):
            kept = replace(state, keys=tuple(one for one in state.keys if one is not key))
            found.append((("drop_constraint" if key.is_unique else "drop_index", (key.name,), {}), kept))
    for name in state.checks:
        found.append((("drop_constraint", (name,), {}), replace(state, checks=without(state.checks, name))))
    for name, column in state.links.items():
        unlinked = replace(state, links=without(state.links, name))
        found += [(("drop_constraint", (name,), {}), unlinked)]
        found += [(("drop_foreign_key_constraint", (column,), {}), unlinked)] * (
            list(state.links.values()).count(column) == 1
        )
    return found


def without(names: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in names.items() if key != name}


def changed(state: State, old: Col, **facts: Any) -> State:
    return replace(state, columns=tuple(replace(one, **facts) if one is old else one for one in state.columns))


def _of_column(state: State, column: Col, free: list[str]) -> Iterator[tuple[Change, State]]:
    name = column.name
    for new in free:
        yield ("rename_column", (name, new), {}), renamed(state, name, new)
    shared = state.uses(name)
    yield ("drop_column", (name,), {"cascade": True} if shared else {}), dropped(state, name)
    if column.double_of:
        return
    if column.null and all(row[name] is not None for row in state.rows):
        yield ("add_not_null", (name,), {}), changed(state, column, null=False)
    if not column.null:
        yield ("drop_not_null", (name,), {}), changed(state, column, null=True)
    value, words = (
        (7, "7") if column.family == INT else ("de\\f 'x", r"'de\\f \'x'" if column.type == "text" else r"'de\\f ''x'")
    )
    yield ("add_column_default", (name, value), {}), changed(state, column, default=words)
    yield ("drop_column_default", (name,), {}), changed(state, column, default=None)
    if column.check:
        yield ("drop_constraint", (name,), {}), changed(state, column, check="")
    yield from _types(state, column)


def _types(state: State, column: Col) -> Iterator[tuple[Change, State]]:
    if column.name in state.links.values():
        return
    is_used = any(column.name in key.columns for key in state.keys)
    for type_, (family, made) in TYPES.items():
        if type_ == column.type or family != column.family or (type_ == "text" and (is_used or column.default)):
            continue
        if column.type == "text" and column.default:
            continue  # the words of its default change
        yield ("alter_column_type", (column.name, made), {}), changed(state, column, type=type_)


def renamed(state: State, old: str, new: str) -> State:
    def name(one: str) -> str:
        return new if one == old else one

    keys = []
    for key in state.keys:
        columns = tuple(map(name, key.columns))
        now = key.name
        for prefix in (state.name, state.name.replace("_", "")):
            if key.name.lower() == "_".join((prefix, *key.columns)).lower() and columns != key.columns:
                now = "_".join((prefix, *columns))
        taken = {one.name.lower() for one in (*state.keys, *keys)}
        keys.append(Key(key.name if now.lower() in taken else now, columns, key.is_unique))
    return replace(
        state,
        columns=tuple(replace(one, name=name(one.name), double_of=name(one.double_of)) for one in state.columns),
        keys=tuple(keys),
        checks={check: (name(column), words) for check, (column, words) in state.checks.items()},
        links={link: name(column) for link, column in state.links.items()},
        rows=tuple({name(key): value for key, value in row.items()} for row in state.rows),
    )


def dropped(state: State, name: str) -> State:
    gone = {name, *(one.name for one in state.columns if one.double_of == name)}
    return replace(
        state,
        columns=tuple(one for one in state.columns if one.name not in gone),
        keys=tuple(key for key in state.keys if not gone & set(key.columns)),
        checks={check: rest for check, rest in state.checks.items() if rest[0] not in gone},
        links={link: column for link, column in state.links.items() if column not in gone},
        rows=tuple({key: value for key, value in row.items() if key not in gone} for row in state.rows),
    )


def added(state: State, column: Col, value: Any) -> State:
    return replace(
        state, columns=(*state.columns, column), rows=tuple({**row, column.name: value} for row in state.rows)
    )


def _additions(state: State, free: list[str]) -> Iterator[tuple[Change, State]]:
    for name in free[:1]:
        key = Key(f"{state.name}_{name}", (name,))
        is_free = all(key.name.lower() != one.name.lower() for one in state.keys)
        yield ("add_column", (name, IntegerField(default=3)), {}), added(state, Col(name, "int(11)", False), 3)
        yield ("add_column", (name, CharField(40, null=True)), {}), added(state, Col(name, "varchar(40)"), None)
        yield ("add_column", (name, IntegerField(default=lambda: 8)), {}), added(state, Col(name, "int(11)", False), 8)
        declared = CharField(60, default="u", constraints=[SQL("DEFAULT 'v' COMMENT '%'")])
        yield (
            ("add_column", (name, declared), {}),
            added(state, Col(name, "varchar(60)", False, "'v'", comment="%"), "v"),
        )
        link = f"fk_{state.name}_{name}_refs_other"
        if is_free and link not in state.links and all(link != one.name for one in state.keys):
            field_ = ForeignKeyField(reference("other", field=BigIntegerField()), null=True)
            after = added(state, Col(name, "bigint(20)"), None)
            after = replace(after, keys=(*after.keys, key), links={**after.links, link: name})
            yield ("add_column", (name, field_), {}), after
    plain = [one for one in state.columns if one.type != "text"]
    for column in plain[:3]:
        key = Key(f"{state.name}_{column.name}", (column.name,))
        if all(key.name.lower() != one.name.lower() for one in state.keys):
            yield ("add_index", ((column.name,),), {}), replace(state, keys=(*state.keys, key))
        check = f"ck {column.name}"
        if check not in state.checks and not column.double_of:
            words = "> -1000" if column.family == INT else "<> 'none'"
            constraint = Check(f"{q(column.name)} {words}".replace("%", "%"))
            after = replace(state, checks={**state.checks, check: (column.name, words)})
            yield ("add_constraint", (check, constraint), {}), after
