"""Random tables, random operations: SQLite's own descriptions, and what the tables do, are as a model has them.

ORMMIGRATE_EXAMPLES=5000 looks longer than the default does.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import peewee
import pytest
from hypothesis import HealthCheck, Phase, given, note, reject, settings
from hypothesis import strategies as st
from making import migration
from sqlite_changes import Change, Group
from sqlite_model import Refused
from sqlite_probes import outcomes
from sqlite_reference import State, contents, differences, everything, facts, following, quoted, read_state
from sqlite_starts import Made, Start, make, spelling, starts
from sqlite_steps import Step, steps
from sqlite_tables import Column, Constraint, Ref, Tab, clauses, folded, with_table_renamed
from sqlite_text import table_text

from ormmigrate import BaseMigration, IrreversibleMigration, MigrationError, Registry, Runner
from ormmigrate.dialects.sqlite.reading import read_table
from ormmigrate.dialects.sqlite.tokens import tokenize

EXAMPLES = int(os.environ.get("ORMMIGRATE_EXAMPLES", "150"))
#: What adds to a statement, or changes names in it, and takes nothing out.
KEEPING_COMMENTS = (
    *("rename_table", "rename_column", "add_column", "add_not_null", "add_index", "drop_index"),
    *("add_constraint", "add_unique", "add_foreign_key_constraint"),
)
#: What cannot come back as it was: values, the place of a column, a constraint that was not named in full.
LOSING = (
    *("drop_column", "drop_column_default", "drop_constraint", "drop_foreign_key_constraint", "drop_index"),
    *("alter_column_type", "drop_not_null"),
)
quick = settings(
    max_examples=EXAMPLES * 2,
    # The same examples each time, but for those who go looking.
    derandomize="ORMMIGRATE_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    phases=[phase for phase in Phase if phase is not Phase.explain],
)
thorough = settings(quick, max_examples=EXAMPLES)


@st.composite
def cases(draw: Any) -> tuple[Start, list[Step]]:
    start = draw(starts())
    return start, draw(steps(start))


@contextmanager
def database() -> Iterator[peewee.SqliteDatabase]:
    found = peewee.SqliteDatabase(":memory:", pragmas={"foreign_keys": 1})
    found.connect()
    try:
        yield found
    finally:
        found.close()


def made(start: Start, connection: sqlite3.Connection) -> Made:
    """The database of an example; one that SQLite does not accept is no example."""
    try:
        return make(start, connection)
    except sqlite3.Error:
        reject()
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


@dataclass
class Course:
    """Where steps lead.

    Attributes:
        states: from the first one through every change.
        middles: what the table in the middle is called in each of them.
        allowed: the steps that can be done.
        refused: the one behind them that is to be refused.
        reason: why.
    """

    states: list[State]
    middles: list[str]
    allowed: list[Step] = field(default_factory=list)
    refused: Step | None = None
    reason: str = ""

    def follow(self, changes: Sequence[Change]) -> None:
        states, middles = list(self.states), list(self.middles)
        for number, change in enumerate(changes, 1):
            try:
                states.append(following(states[-1], change))
            except Refused as error:
                self.reason = f"{change}: {error}"
                raise RefusedAt(number) from error
            is_renamed = change.kind == "rename_table" and folded(change.table) == folded(middles[-1])
            middles.append(change.arguments[0] if is_renamed else middles[-1])
        self.states, self.middles = states, middles


class RefusedAt(Exception):
    """The number of the change that is to be refused."""


def course_of(origin: State, start: Start, wanted: Sequence[Step]) -> Course:
    course = Course([origin], [start.middle])
    for step in wanted:
        try:
            course.follow(changes_of(step))
        except RefusedAt as error:
            course.refused = Group(step.table, step.changes[: error.args[0]]) if isinstance(step, Group) else step
            break
        course.allowed.append(step)
    return course


def changes_of(step: Step) -> Sequence[Change]:
    return step.changes if isinstance(step, Group) else (step,)


def migrating(id: str, wanted: Sequence[Step]) -> type[BaseMigration]:
    return migration(id, lambda migrator: [step.perform(migrator) for step in wanted])


@thorough
@given(cases())
def test_an_operation_changes_what_it_says_and_nothing_else_and_down_takes_it_back(case: tuple[Start, list[Step]]):
    start, wanted = case
    with database() as db:
        connection = db.connection()
        begun = made(start, connection)
        note(";\n".join(begun.statements))
        origin = read_state(connection, start.schema)
        note(f"rows: {origin.rows}")
        note("steps:\n" + "\n".join(map(repr, wanted)))
        course = course_of(origin, start, wanted)
        texts = texts_of(connection)
        migrations = [migrating("20240101_000000_allowed", course.allowed)] if course.allowed else []
        if course.allowed:
            Runner(db, Registry(migrations), environment="production").up()
            assert_is(connection, course.states[-1])
            assert_untouched(texts, texts_of(connection), begun, start, course)
        if course.refused is not None:
            migrations_then = [*migrations, migrating("20240102_000000_refused", [course.refused])]
            runner = Runner(db, Registry(migrations_then), environment="production")
            assert_refused(db, runner.up, course)
        if course.allowed:
            assert_taken_back(db, migrations, course)


def assert_is(connection: sqlite3.Connection, state: State) -> None:
    """The database is as the state says, and does what one that is built from the state does."""
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    for pragma, value in {"foreign_keys": 1, "legacy_alter_table": 0, "writable_schema": 0}.items():
        assert (pragma, connection.execute(f"PRAGMA {pragma}").fetchone()[0]) == (pragma, value)
    assert not connection.in_transaction
    with closing(state.database()) as reference, closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        assert_same(facts(connection, state.schema), facts(reference, state.schema))
        assert_same(contents(read_state(connection, state.schema, state.called)), contents(state))
        if not state.called:
            connection.backup(copy)
            assert_same(outcomes(copy, state.schema), outcomes(reference, state.schema))
            after, meant = read_state(copy, state.schema), read_state(reference, state.schema)
            assert_same(contents(after), contents(meant))


def assert_same(said: dict[str, Any], meant: dict[str, Any]) -> None:
    found = differences(said, meant)
    assert not found, "\n".join(found)


def texts_of(connection: sqlite3.Connection) -> dict[str, str]:
    """The statements that the schema is made of, by the names of what they make."""
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    return dict(connection.execute(query).fetchall())


def assert_untouched(before: dict[str, str], after: dict[str, str], begun: Made, start: Start, course: Course) -> None:
    """What no operation was about is there byte for byte, in CREATE TABLE of the table in the middle as well."""
    schemas = [state.schema for state in course.states]
    for kind in ("tables", "indexes", "triggers", "views"):
        for one in getattr(start.schema, kind):
            if all(one in getattr(schema, kind) for schema in schemas):
                assert after[one.name] == before[one.name], one.name
    text = after[course.middles[-1]]
    tables = [
        with_table_renamed(schema, middle, start.middle).table(start.middle)
        for schema, middle in zip(schemas, course.middles)
    ]
    for piece, written in begun.written.pieces.items():
        is_there = all(piece in (*table.columns, *table.constraints) for table in tables)
        if is_there and (len(set(course.middles)) == 1 or not names_table(piece, start.middle)):
            assert written in text, f"{written} is not in {text}"
    if all(change.kind in KEEPING_COMMENTS for step in course.allowed for change in changes_of(step)):
        kept = [comment for comment in begun.written.comments if comment in before[start.middle]]
        lost = [comment for comment in kept if comment not in text]
        assert not lost, f"{lost} are not in {text}"


def names_table(piece: Column | Constraint, table: str) -> bool:
    tokens = [token for one in getattr(piece, "constraints", (piece,)) for token in one.tokens]
    return any(token == Tab(table) or (isinstance(token, Ref) and token.prefix == "table") for token in tokens)


def assert_refused(db: peewee.SqliteDatabase, run: Callable[[], object], course: Course) -> MigrationError:
    """With an error of ours, and nothing has changed."""
    tables = [table.name for table in course.states[-1].schema.tables]
    before = everything(db.connection(), tables)
    try:
        run()
    except MigrationError as error:
        cause = error.__cause__
        assert cause is None or isinstance(cause, (MigrationError, peewee.PeeweeException)), cause
        assert everything(db.connection(), tables) == before
        assert db.connection().execute("PRAGMA foreign_keys").fetchone() == (1,)
        return error
    pytest.fail(f"not refused: {course.reason}")


def assert_taken_back(db: peewee.SqliteDatabase, migrations: Sequence[type[BaseMigration]], course: Course) -> None:
    """The derived reverse leads where the model says; where nothing was dropped, back to the start."""
    runner = Runner(db, Registry(migrations), environment="production")
    undone = [step.undone() for step in reversed(course.allowed)]
    back = Course(course.states[-1:], course.middles[-1:])
    if None in undone:
        back.reason = "there is no reverse"
        assert isinstance(assert_refused(db, runner.down, back), IrreversibleMigration)
        return
    try:
        back.follow([change for step in undone if step is not None for change in changes_of(step)])
    except RefusedAt:
        assert_refused(db, runner.down, back)
        return
    runner.down()
    assert_is(db.connection(), back.states[-1])
    origin = course.states[0]
    says_null = any(one.kind == "NULL" for table in origin.schema.tables for one in clauses(table))
    if not says_null and not any(change.kind in LOSING for step in course.allowed for change in changes_of(step)):
        with closing(origin.database()) as reference:
            assert_same(facts(db.connection(), origin.schema), facts(reference, origin.schema))
        assert_same(contents(read_state(db.connection(), origin.schema)), contents(origin))


# -- reading ------------------------------------------------------------------------------------

#: What changes the meaning of what stands beside it.
SPLINTERS = (
    *("'", '"', "`", "[", "]", "(", ")", ",", ";", "--", "/*", "*/", "\n", " ", "\t", "\r", "\f", "\v", "\xa0", "\x00"),
    *("NOT", "NULL", "CHECK", "CONSTRAINT x", "DEFAULT", "x'", "0x", "1e", ".", "e5", "$", ":a", "?1", "||", "->>"),
    *(
        "AS",
        "GENERATED ALWAYS",
        "PRIMARY KEY",
        "UNIQUE",
        "\ufeff",
        "\u2028",
        "é",
        "\\",
        "#",
        "@v",
        "=",
        "==",
        "<",
        "1_0",
    ),
)


@st.composite
def edited(draw: Any) -> str:
    """A CREATE TABLE in any spelling, into which something may have been put, or of which something may be missing."""
    start = draw(starts())
    text = table_text(replace(start.schema.table(start.middle), late=0), spelling(start)).text
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from((0, 0, 1, 2, 5)))
        text = text[:place] + draw(st.sampled_from(("", *SPLINTERS))) + text[place + length :]
    return text


@quick
@given(edited())
def test_a_create_table_is_read_as_sqlite_reads_it_and_comes_back_byte_for_byte(text: str):
    assert "".join(token.text for token in tokenize(text)) == text
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        try:
            connection.execute(text)
        except (sqlite3.Error, sqlite3.Warning, ValueError):
            return
        for name, kept in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql <> ''"):
            if name == "sqlite_sequence":
                continue
            definition = read_table(kept)
            said = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
            assert definition.name == name
            assert [column.name for column in definition.columns] == [row[1] for row in said]
            for column, row in zip(definition.columns, said):
                type_ = definition.type_of(column)
                # Of a type in quotes SQLite drops the first character and the last, whatever the last one is.
                if not type_.startswith(("'", '"', "`", "[")):
                    assert squeezed(type_) == squeezed(row[2])


def squeezed(type_: str) -> str:
    """A type without what SQLite may leave out of it: white space, quotes, case, and a last word that is ALWAYS."""
    return "".join(filter(str.isalnum, type_.upper())).removesuffix("ALWAYS")


@quick
@given(st.text(st.sampled_from("".join(SPLINTERS) + "ab1 ")))
def test_any_text_comes_back_byte_for_byte(text: str):
    assert "".join(token.text for token in tokenize(text)) == text
