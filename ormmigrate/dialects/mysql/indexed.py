"""An index of a draft. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ormmigrate.dialects.mysql.definition import Key, folded, identifiers, quoted

#: Indexes by which nothing is found in order.
UNORDERED = ("FULLTEXT", "SPATIAL", "VECTOR")
#: A part of an index that is to be made: a column, and what stands behind it; or None, and an expression.
IndexPart = tuple["str | None", str]


@dataclass(frozen=True)
class Indexed:
    """An index of a draft.

    Attributes:
        columns: as they are called then; None for an expression.
        origin: the index as it is; None for one that is new.
        words: of one that is new: `UNIQUE INDEX`, and what stands behind its name.
        behind: of one that is new, of each column what stands behind it, `(10)` or ` DESC`; or the expression.
        is_again: whether it is new only because one that is there has to be made again; see `keeping`.
    """

    name: str
    columns: tuple[str | None, ...]
    origin: Key | None
    words: tuple[str, str] = ("INDEX", "")
    behind: tuple[str, ...] = ()
    is_again: bool = False

    @property
    def is_unique(self) -> bool:
        return self.origin.is_unique if self.origin else self.words[0].startswith("UNIQUE")

    @property
    def whole(self) -> tuple[str, ...]:
        """The columns that it holds in their order and all of them, neither words nor the start."""
        if (self.origin.text if self.origin else self.words[0]).startswith(UNORDERED):
            return ()
        if self.origin is not None:
            return tuple(now for now, was in zip(self.columns, self.origin.columns) if now and was in self.origin.whole)
        behind = self.behind or ("",) * len(self.columns)
        return tuple(name for name, text in zip(self.columns, behind) if name and not text.startswith("("))

    @property
    def names(self) -> set[str]:
        """The columns that it means, those in expressions too, folded."""
        if self.origin is not None:
            return self.origin.names
        plain = {folded(column) for column in self.columns if column is not None}
        return plain.union(*(identifiers(text) for column, text in zip(self.columns, self.behind) if column is None))

    @property
    def parts(self) -> str:
        """What stands in the parentheses of one that is new."""
        behind = self.behind or ("",) * len(self.columns)
        return ", ".join(f"{quoted(name) if name else ''}{text}" for name, text in zip(self.columns, behind))
