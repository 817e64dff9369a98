"""CHECKs and indexes that a change of type would leave with casts to the type that a column had.

The server keeps `n > 0` over a numeric column as `n > (0)::numeric`. Made into an integer, the column has to be cast
for that: `(n)::numeric > (0)::numeric`, which no query finds an index by. So those that a column's type concerns are
made again, without the casts that the server had put in: without the same casts it understands the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peewee import PeeweeException

from ormmigrate.dialects.engine import SCRATCH_TABLE
from ormmigrate.dialects.postgresql import concerned
from ormmigrate.dialects.postgresql.canonical import index_text
from ormmigrate.dialects.postgresql.expressions import casts_in, definition_of, part_text, tokens_of, without_casts
from ormmigrate.dialects.postgresql.literals import quoted_text

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine

SAVEPOINT = "ormmigrate_look"
UNDERSTOOD = """
SELECT conname::text, pg_get_expr(conbin, conrelid) FROM pg_catalog.pg_constraint
WHERE conrelid = to_regclass(%s) AND contype = 'c'
"""
#: Those behind that are not tried one by one.
MOST_CASTS = 12


@dataclass(frozen=True)
class Remade:
    """What is made again around a change of type.

    Attributes:
        before, behind: statements.
        drops, adds: clauses of the ALTER TABLE that changes the type.
        names: the constraints that they name.
    """

    before: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


def remade(engine: PostgresqlEngine, table: str, column: str) -> Remade:
    """What stands on a column and says more than it would have to."""
    checks = concerned.checks_on(engine.catalogue, table, column)
    indexes = [
        (index, definition_of(index.definition)) for index in concerned.indexes_on(engine.catalogue, table, column)
    ]
    texts = [check.expression for check in checks]
    for _, said in indexes:
        texts += [text for text, _ in said.parts] + ([said.where] if said.where else [])
    texts = [text for text in texts if casts_in(tokens_of(text))]
    shorter = _Shortening(engine, table).shortened(texts) if texts else {}
    before, drops, adds, behind, names = [], [], [], [], set()
    for check in checks:
        if check.expression in shorter:
            name = engine.quoted(check.name)
            drops.append(f"DROP CONSTRAINT {name}")
            adds.append(f"ADD CONSTRAINT {name} CHECK ({shorter[check.expression]}){check.suffix}")
            names.add(check.name)
            if check.comment is not None:
                place = f"CONSTRAINT {name} ON {engine.quoted(table)}"
                behind.append(f"COMMENT ON {place} IS {quoted_text(check.comment)}")
    for index, said in indexes:
        parts = tuple((_as_part(shorter.get(text, text)), suffix) for text, suffix in said.parts)
        where = said.where and shorter.get(said.where, said.where)
        if (parts, where) != (said.parts, said.where):
            before.append(f"DROP INDEX {index.path}")
            behind.append(str(said._replace(parts=parts, where=where)))
            if index.comment is not None:
                behind.append(f"COMMENT ON INDEX {index.path} IS {quoted_text(index.comment)}")
    return Remade(tuple(before), tuple(drops), tuple(adds), tuple(behind), frozenset(names))


def _as_part(text: str) -> str:
    """An expression as it may stand in an index: in parentheses, or the call of a function."""
    value, suffix = part_text(text)
    return value if not suffix else f"({text})"


class _Shortening:
    """Expressions over a table's columns, as they are before the change."""

    def __init__(self, engine: PostgresqlEngine, table: str) -> None:
        self.engine, self.table = engine, table
        self.types = concerned.types_of(engine.catalogue, table)

    def shortened(self, texts: list[str]) -> dict[str, str]:
        """The shortest form of each that the server understands as it does this one; without those that have none."""
        simple = {text: index_text(text, self.types) for text in texts}
        bare = {text: without_casts(one, range(_casts(one))) for text, one in simple.items()}
        if self._mean_the_same(bare):
            return bare
        found = {text: self._one_by_one(text, simple[text]) for text in texts}
        return {text: shorter for text, shorter in found.items() if shorter != text}

    def _one_by_one(self, text: str, simple: str) -> str:
        if not self._mean_the_same({text: simple}):
            return text
        number = _casts(simple)
        if self._mean_the_same({text: without_casts(simple, range(number))}):
            return without_casts(simple, range(number))
        gone: set[int] = set()
        for one in range(min(number, MOST_CASTS)):
            if self._mean_the_same({text: without_casts(simple, {*gone, one})}):
                gone.add(one)
        return without_casts(simple, gone)

    def _mean_the_same(self, texts: dict[str, str]) -> bool:
        """Whether the server understands both of each pair as the same: they are read back from an empty table."""
        engine, name = self.engine, self.engine.quoted(SCRATCH_TABLE)
        columns = [f"LIKE {engine.quoted(self.table)}"]
        for number, pair in enumerate(texts.items()):
            columns += [f'CONSTRAINT "{number}{side}" CHECK (({text}) IS NULL)' for side, text in zip("ab", pair)]
        engine.execute(f"SAVEPOINT {SAVEPOINT}")
        try:
            engine.execute(f"CREATE TEMPORARY TABLE {name} ({', '.join(columns)})")
            rows = engine.database.execute_sql(UNDERSTOOD, (f"pg_temp.{name}",)).fetchall()
        except PeeweeException:
            return False
        finally:
            engine.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            engine.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")
        understood = {name: index_text(text, self.types) for name, text in rows}
        return all(understood[f"{number}a"] == understood[f"{number}b"] for number in range(len(texts)))


def _casts(text: str) -> int:
    """How many casts may be left out of an expression; where it divides, they say whether whole numbers are meant."""
    tokens = tokens_of(text)
    return 0 if any(one.text == "/" for one in tokens) else len(casts_in(tokens))
