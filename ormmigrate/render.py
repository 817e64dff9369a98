"""Operations as the file of a migration, the way a careful person would have written it. Pure.

It names tables and columns literally and imports nothing of the application. Where a person has to decide something
stands `...`, and the migration refuses to run until that is done. ruff finds nothing to mend in it.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from keyword import iskeyword

from ormmigrate.diff import losses
from ormmigrate.errors import ConfigurationError, listed
from ormmigrate.operations import AlterTable, Change, Operation
from ormmigrate.rendering.calls import arguments
from ormmigrate.rendering.expressions import ELLIPSIS, STEP, Call, Entry, Expression, Import, Text, Word, lines, walk
from ormmigrate.rendering.imports import import_lines
from ormmigrate.rendering.strings import comment

BASE = Import("ormmigrate", "BaseMigration")
IN_CLASS, IN_METHOD, IN_BLOCK = STEP, 2 * STEP, 3 * STEP
#: Names of tables that mean something else where they would be variables, or that ruff takes for another letter.
NO_VARIABLES = {"migrator", "self", "l", *dir(builtins)}


@dataclass(frozen=True)
class Statement:
    """An operation as a call, with the changes that stand in its block.

    Attributes:
        given: the call's arguments, the table in front.
    """

    operation: Operation
    given: tuple[Expression, ...]
    changes: tuple[Statement, ...] = ()

    @property
    def expressions(self) -> Iterator[Expression]:
        """All that it is made of, its changes as well."""
        for one in self.given:
            yield from walk(one)
        for change in self.changes:
            yield from change.expressions

    @property
    def undecided(self) -> list[str]:
        """The columns for which a person has to decide something."""
        if self.changes:
            return [subject for change in self.changes for subject in change.undecided]
        if ELLIPSIS not in self.expressions:
            return []
        table, column = getattr(self.operation, "table", ""), getattr(self.operation, "column", "")
        entries = (one for one in self.expressions if isinstance(one, Entry) and ELLIPSIS in walk(one.value))
        columns = [column] if column else [str(one.key.value) for one in entries if isinstance(one.key, Text)]
        return [f"{table}.{name}" for name in columns] or [table]


def render(
    operations: Sequence[Operation], id: str, class_name: str, title: str, unexpressed: Sequence[str] = ()
) -> str:
    """The source of a migration.

    Args:
        id: the migration's id.
        class_name: its class.
        title: its name, for people.
        unexpressed: what is to be done besides, in words.

    Raises:
        ConfigurationError: an operation cannot be written: it runs a function, or holds an object of the application.
    """
    statements = [_statement(one) for one in operations if not (isinstance(one, AlterTable) and not one.changes)]
    homes = {part.home for one in statements for part in one.expressions if isinstance(part, Word) and part.home}
    # A block's variable must not hide what is imported.
    taken = {home.name or home.module for home in homes} | {class_name}
    source = [
        *import_lines({BASE, *homes}),
        "",
        "",
        *lines(Call(Word(class_name), (Word("BaseMigration"),)), 0, "class ", ":"),
        *lines(Text(id), IN_CLASS, "id = "),
        *lines(Text(title), IN_CLASS, "name = "),
        "",
        *_left_to_people(unexpressed),
        f"{' ' * IN_CLASS}def up(self, migrator):",
        *_refusal(statements, unexpressed),
        *(line for one in statements for line in _written(one, taken)),
    ]
    return "\n".join(source) + "\n"


def _statement(operation: Operation) -> Statement:
    changes = operation.changes if isinstance(operation, AlterTable) else ()
    for change in changes:
        if not isinstance(change, Change) or isinstance(change, AlterTable) or _table(change) != _table(operation):
            raise ConfigurationError(
                f"A group of changes of {_table(operation)} cannot hold this: {change.describe()}.",
                "let it stand for itself, in front of the group or behind it.",
            )
    return Statement(operation, arguments(operation), tuple(map(_statement, changes)))


def _table(operation: Operation) -> str:
    return str(getattr(operation, "table", ""))


# -- what stands in front -------------------------------------------------------------------------


def _left_to_people(unexpressed: Sequence[str]) -> list[str]:
    if not unexpressed:
        return []
    found = comment("Not expressed by operations, and left to you:", IN_CLASS)
    for difference in unexpressed:
        found += comment(f"- {difference}", IN_CLASS, hanging="  ")
    return [*found, ""]


def _refusal(statements: Sequence[Statement], unexpressed: Sequence[str]) -> list[str]:
    """The line that keeps the migration from running until a person has looked; none where nobody has to."""
    undecided = list(dict.fromkeys(subject for one in statements for subject in one.undecided))
    if undecided:
        problem = f"say what rows get in {listed(undecided)}, in place of `...`, and delete this line"
        problem += "; and write what is left to you above" if unexpressed else ""
    elif unexpressed:
        # Run without it, the rest might destroy what a person would have kept.
        problem = "write what is left to you above, with migrator.sql(...) say, and delete this line"
    elif statements:
        return []
    else:
        problem = "write what this migration does"
    return lines(Call(Word("NotImplementedError"), (Text(problem),)), IN_METHOD, "raise ")


# -- statements -----------------------------------------------------------------------------------


def _written(statement: Statement, taken: Collection[str]) -> list[str]:
    operation = statement.operation
    if not isinstance(operation, AlterTable):
        return _called("migrator", statement, statement.given, IN_METHOD)
    variable = _variable(operation.table, taken)
    opening = Call(Word("migrator.alter_table"), statement.given)
    found = lines(opening, IN_METHOD, "with ", f" as {variable}:")
    for change in statement.changes:
        found += _called(variable, change, change.given[1:], IN_BLOCK)
    return found


def _called(receiver: str, statement: Statement, given: tuple[Expression, ...], indent: int) -> list[str]:
    """A call, with what it loses, and what is to be decided for it, in front."""
    found: list[str] = []
    lost = losses(statement.operation)
    if lost is not None:
        found += comment(f"Destroys: {lost}", indent)
    for subject in statement.undecided:
        found += comment(f"TODO: say what the rows that are there get in {subject}, in place of `...`.", indent)
    return found + lines(Call(Word(f"{receiver}.{statement.operation.kind}"), given), indent)


def _variable(table: str, taken: Collection[str]) -> str:
    """The name of a table for a block; `table` where that is none for a variable."""
    is_name = table.isascii() and table.isidentifier() and table.islower() and not table.startswith("_")
    return table if is_name and not iskeyword(table) and table not in NO_VARIABLES and table not in taken else "table"
