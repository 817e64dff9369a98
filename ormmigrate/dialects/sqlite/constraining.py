"""What adding and dropping a constraint makes of a draft. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ormmigrate.dialects.sqlite import edits
from ormmigrate.dialects.sqlite.drafts import Demand, Draft, check_names, key_demand
from ormmigrate.dialects.sqlite.reading import UnreadableTable, read_table
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.sought import Fits
from ormmigrate.dialects.sqlite.tokens import folded


def add_constraint(draft: Draft, words: str) -> Draft:
    """Add a constraint of the table: `CONSTRAINT name CHECK (...)`, UNIQUE or FOREIGN KEY."""
    try:
        definition = read_table(edits.add_constraint(draft.definition, words))
    except UnreadableTable as error:
        raise Refused(f"{words} is no constraint: {error}.", "write Check('...'), or SQL('UNIQUE (...)').") from error
    if len(definition.constraints) != len(draft.definition.constraints) + 1:
        raise Refused(f"{words} is not one constraint.", "write Check('...'), or SQL('UNIQUE (...)').")
    constraint = definition.constraints[-1]
    if constraint.kind == "NAME" or constraint.kind == "PRIMARY KEY":
        raise Refused(
            f"{words} cannot be added to a table that is there.",
            "create a table with the new definition, copy the rows with migrator.sql(...), and rename it.",
        )
    for named in draft.definition.all_constraints:
        if constraint.name is not None and named.name is not None and folded(named.name) == folded(constraint.name):
            raise Refused(
                f"The table {draft.table.name} has a constraint {constraint.name} already.",
                "drop that one first, or choose another name.",
            )
    columns = tuple(draft.column(name).name for name in constraint.columns)
    if constraint.kind == "CHECK":
        check_names(draft, definition.inner_of(constraint))
    demands = {
        "CHECK": (Demand("CHECK", (), definition.inner_of(constraint)),),
        "UNIQUE": (Demand("UNIQUE", columns),),
        "FOREIGN KEY": (key_demand(constraint),),
    }
    return replace(
        draft,
        text=definition.text,
        demands=(*draft.demands, *demands.get(constraint.kind, ())),
        must_rewrite=draft.must_rewrite or constraint.kind == "UNIQUE",
    )


@dataclass(frozen=True)
class Sought:
    """Which constraint is meant.

    Attributes:
        fits: whether one is it.
        wanted: what is looked for, in words.
        advice: how to say it where there are several.
        kinds: those that are looked at.
        is_exact: whether all that fit mean the same, so that any of them will do.
    """

    fits: Fits
    wanted: str
    advice: str
    kinds: tuple[str, ...] = ("CHECK", "UNIQUE", "FOREIGN KEY")
    is_exact: bool = False


def drop_constraint(draft: Draft, sought: Sought) -> Draft:
    """Drop the one constraint that is sought.

    Raises:
        Refused: there is none, or there are several.
    """
    definition = draft.definition
    there = [one for one in definition.all_constraints if one.kind in sought.kinds]
    found = [one for one in there if sought.fits(definition, one)]
    if sought.is_exact:
        found = sorted(found, key=lambda one: one.name is None)[-1:]  # rather one that nobody can name
    if len(found) != 1:
        listed = "; ".join(definition.text[one.start : one.end] for one in found or there)
        raise Refused(
            f"The table {draft.table.name} has {'more than one' if found else 'no'} {sought.wanted}."
            + (f" It has: {listed}." if listed else ""),
            sought.advice if found else "correct the name or the columns.",
        )
    constraint = found[0]
    gone = Demand(constraint.kind, constraint.columns, definition.inner_of(constraint))
    return replace(
        draft,
        text=edits.drop_constraint(definition, constraint),
        must_rewrite=draft.must_rewrite or constraint.kind == "UNIQUE",
        demands=tuple(
            one
            for one in draft.demands
            if (one.kind, one.columns) != (gone.kind, gone.columns) or one.expression not in ("", gone.expression)
        ),
    )
