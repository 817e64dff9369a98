"""Which tables and columns were renamed: what a person has said already, and what is asked. Nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ormmigrate.comparison import on_equal_terms
from ormmigrate.diff import Rename, renames
from ormmigrate.errors import ConfigurationError, listed
from ormmigrate.operations import Operation
from ormmigrate.schema import Column, Schema, Table, by_name

Decide = Callable[[Rename], bool]
Read = Callable[[Sequence[Operation]], Schema]


def settle(read: Read, wanted: Schema, answers: Iterable[str], decide: Decide) -> tuple[tuple[Operation, ...], Schema]:
    """The renames that are agreed on, those of tables first, and the schema with them.

    Args:
        read: what the migrations make, with operations run behind them.
        wanted: the schema of the models.
        answers: `user=person`, `person.name=person.full_name`: a column with its table as that is called afterwards.
        decide: asked of each that may be one and is not answered, likeliest first.

    Raises:
        ConfigurationError: an answer names what there is not.
    """
    waiting = list(answers)
    ahead: tuple[Operation, ...] = ()
    before = read(ahead)
    for possible in (_of_tables, _of_columns):
        there, models = on_equal_terms(before, wanted)
        fold = models.kind.folded
        known = {fold(one.answer): one for one in possible(there, models)}
        answered = [known[fold(answer)] for answer in waiting if fold(answer) in known]
        waiting = [answer for answer in waiting if fold(answer) not in known]
        if waiting and possible is _of_columns:
            raise _unknown(waiting[0], there, models)
        likely = [one for one in renames(there, models) if fold(one.answer) in known]
        if agreed := _agreed(answered, likely, decide, fold):
            ahead += tuple(one.operation for one in agreed)
            before = read(ahead)
    return ahead, before


def _agreed(
    answered: Sequence[Rename], likely: Sequence[Rename], decide: Decide, fold: Callable[[str], str]
) -> list[Rename]:
    """The renames that hold; each name is one side of one of them at most."""
    agreed: list[Rename] = []
    used: set[tuple[str, str]] = set()
    for one in (*answered, *likely):
        old, _, new = fold(one.answer).partition("=")
        sides = {("old", old), ("new", new)}
        if not used & sides and (one in answered or decide(one)):
            agreed.append(one)
            used |= sides
        elif one in answered:
            raise ConfigurationError(
                f"--rename {one.answer} names a table or column that another --rename names already.", "leave one out."
            )
    return agreed


# -- what there is --------------------------------------------------------------------------------


def _of_tables(there: Schema, models: Schema) -> list[Rename]:
    gone, new = _tables(there, models), _tables(models, there)
    return [Rename(old.name, None, one.name) for old in gone for one in new]


def _of_columns(there: Schema, models: Schema) -> list[Rename]:
    return [
        Rename(table.name, old.name, one.name)
        for table, wanted in _in_both(there, models)
        for old in _columns(table, wanted, models)
        for one in _columns(wanted, table, models)
    ]


def _tables(schema: Schema, other: Schema) -> list[Table]:
    """The tables that the other lacks."""
    return [table for table in schema.tables if other.table(table.name) is None]


def _columns(table: Table, other: Table, schema: Schema) -> list[Column]:
    """The columns that the other lacks."""
    fold = schema.kind.folded_column
    there = by_name(other.columns, fold)
    return [column for column in table.columns if fold(column.name) not in there]


def _in_both(there: Schema, models: Schema) -> list[tuple[Table, Table]]:
    return [(table, wanted) for table in there.tables if (wanted := models.table(table.name)) is not None]


def _unknown(answer: str, there: Schema, models: Schema) -> ConfigurationError:
    pairs = _in_both(there, models)
    gone = [table.name for table in _tables(there, models)]
    gone += [f"{one.name}.{column.name}" for one, other in pairs for column in _columns(one, other, models)]
    new = [table.name for table in _tables(models, there)]
    new += [f"{one.name}.{column.name}" for other, one in pairs for column in _columns(one, other, models)]
    return ConfigurationError(
        f"--rename {answer} is not old=new, of something that the models no longer have and something that they have "
        f"now.\n  No longer there: {listed(gone) or 'nothing'}\n  New: {listed(new) or 'nothing'}",
        "write --rename user=person for a table, --rename person.name=person.full_name for a column, with its table as "
        "that is called afterwards.",
    )
