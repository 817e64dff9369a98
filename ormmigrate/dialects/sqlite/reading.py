"""CREATE TABLE read as SQLite reads it (sqlite.org/src/file/src/parse.y). Pure."""

from __future__ import annotations

from functools import lru_cache

from ormmigrate.dialects.sqlite.definition import NOWHERE, ColumnDefinition, Constraint, Span, TableDefinition
from ormmigrate.dialects.sqlite.tokens import CACHED, NAME, STRING, SYMBOL, WORD, Token, significant, unquoted

# What ends a column's type: the words that cannot be part of a name (those without a fallback in parse.y).
AFTER_TYPE = (
    "CONSTRAINT", "DEFAULT", "NULL", "NOT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "COLLATE", "AS", "DEFERRABLE",
)  # fmt: skip
TABLE_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN")
GENERATED_KINDS = ("STORED", "VIRTUAL")


class UnreadableTable(Exception):
    """A CREATE TABLE that is not what SQLite's grammar says."""


@lru_cache(maxsize=CACHED)
def read_table(text: str) -> TableDefinition:
    """Read a CREATE TABLE.

    Raises:
        UnreadableTable: it is none, or says something that this reader does not know.
    """
    return _Reader(text).table()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = significant(text)
        # What keywords and symbols say; nothing for the rest, and for the end.
        self.words = [*(token.text if token.kind == SYMBOL else token.word for token in self.tokens), ""]
        self.place = 0

    # -- moving on --------------------------------------------------------------------------

    @property
    def token(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def at(self, *words: str) -> bool:
        return self.words[self.place] in words

    def at_symbol(self, symbol: str) -> bool:
        return self.words[self.place] == symbol

    def then(self, offset: int, *words: str) -> bool:
        place = self.place + offset
        return place < len(self.tokens) and self.words[place] in words

    def take(self) -> Token:
        token = self.token
        if token is None:
            raise UnreadableTable(f"it ends too early: {self.text[-60:]!r}")
        self.place += 1
        return token

    def take_words(self, *words: str) -> None:
        for word in words:
            if not self.at(word):
                raise self.unexpected(word)
            self.take()

    def take_symbol(self, symbol: str) -> Token:
        if not self.at_symbol(symbol):
            raise self.unexpected(symbol)
        return self.take()

    def take_name(self) -> Token:
        token = self.take()
        if token.kind not in (WORD, NAME, STRING):
            raise UnreadableTable(f"a name was expected at {self.text[token.start : token.start + 40]!r}")
        return token

    def skip_words(self, *words: str) -> bool:
        """Take these words if they stand here, all of them."""
        if all(self.then(offset, word) for offset, word in enumerate(words)):
            self.place += len(words)
            return True
        return False

    def unexpected(self, wanted: str) -> UnreadableTable:
        there = "the end" if self.token is None else repr(self.text[self.token.start : self.token.start + 40])
        return UnreadableTable(f"{wanted} was expected at {there}")

    @property
    def start(self) -> int:
        return len(self.text) if self.token is None else self.token.start

    @property
    def last_end(self) -> int:
        return self.tokens[self.place - 1].end

    def parenthesised(self) -> Span:
        """Go over ( ... ), and say where what is inside stands."""
        opening = self.take_symbol("(")
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(self.words[self.place], 0)
            token = self.take()
        return opening.end, token.start

    def listed_columns(self) -> tuple[tuple[str, ...], Span]:
        """The names in ( ... ), each the first token of its part, and where they stand."""
        start, end = self.parenthesised()
        names, depth, is_first = [], 0, True
        for token in significant(self.text[start:end]):
            if is_first and token.kind in (WORD, NAME, STRING):
                names.append(unquoted(token.text))
            depth += token.is_symbol("(") - token.is_symbol(")")
            is_first = not depth and token.is_symbol(",")
        return tuple(names), (start, end)

    # -- the statement ----------------------------------------------------------------------

    def table(self) -> TableDefinition:
        self.take_words("CREATE")
        if self.at("TEMP", "TEMPORARY"):
            self.take()
        self.take_words("TABLE")
        self.skip_words("IF", "NOT", "EXISTS")
        name = self.take_name()
        if self.at_symbol("."):
            self.take()
            name = self.take_name()
        self.take_symbol("(")
        columns = [self.column()]
        constraints: list[Constraint] = []
        while self.at_symbol(","):
            self.take()
            if self.at(*TABLE_CONSTRAINTS):
                constraints += self.table_constraints()
                break
            columns.append(self.column())
        self.take_symbol(")")
        options = tuple(token.text.upper() for token in self.tokens[self.place :] if token.kind == WORD)
        return TableDefinition(
            self.text, unquoted(name.text), name.start, name.end,
            tuple(columns), tuple(constraints), options,
        )  # fmt: skip

    def column(self) -> ColumnDefinition:
        name = self.take_name()
        type_start = type_end = name.end
        while self.token is not None and self.token.kind in (WORD, NAME, STRING) and not self.at(*AFTER_TYPE):
            if self.at("GENERATED") and self.then(1, "ALWAYS") and self.then(2, "AS"):
                break
            token = self.take()
            type_start, type_end = (token.start if type_end == name.end else type_start), token.end
        if type_end != name.end and self.at_symbol("("):
            self.parenthesised()
            type_end = self.last_end
        constraints = []
        while not (self.token is None or self.at_symbol(",") or self.at_symbol(")")):
            constraints.append(self.column_constraint(unquoted(name.text)))
        return ColumnDefinition(
            unquoted(name.text), name.start, name.end, type_start, type_end, self.last_end, tuple(constraints)
        )

    def name_of_constraint(self) -> str | None:
        return unquoted(self.take_name().text) if self.skip_words("CONSTRAINT") else None

    def column_constraint(self, column: str) -> Constraint:
        start = self.start
        name = self.name_of_constraint()
        kind, inner = "NAME", NOWHERE
        if self.skip_words("NOT", "NULL"):
            kind = "NOT NULL"
            self.on_conflict()
        elif self.skip_words("NULL"):
            kind = "NULL"
            self.on_conflict()
        elif self.skip_words("PRIMARY", "KEY"):
            kind = "PRIMARY KEY"
            if self.at("ASC", "DESC"):
                self.take()
            self.on_conflict()
            self.skip_words("AUTOINCREMENT")
        elif self.skip_words("UNIQUE"):
            kind = "UNIQUE"
            self.on_conflict()
        elif self.skip_words("CHECK"):
            kind, inner = "CHECK", self.parenthesised()
            self.on_conflict()
        elif self.skip_words("DEFAULT"):
            kind, inner = "DEFAULT", self.default()
        elif self.skip_words("COLLATE"):
            collation = self.take_name()
            kind, inner = "COLLATE", (collation.start, collation.end)
        elif self.at("REFERENCES"):
            return self.foreign_key(name, start, (column,), NOWHERE)
        elif self.skip_words("GENERATED", "ALWAYS", "AS") or self.skip_words("AS"):
            kind, inner = "GENERATED", self.parenthesised()
            if self.at(*GENERATED_KINDS):
                self.take()
        elif self.deferrable():
            kind = "DEFERRABLE"
        elif name is None:
            raise self.unexpected("a constraint")
        return Constraint(kind, name, start, self.last_end, (column,), inner)

    def table_constraints(self) -> list[Constraint]:
        """All of them; the commas between them may be missing."""
        found = []
        while not (self.token is None or self.at_symbol(")")):
            if self.at_symbol(","):
                self.take()
            found.append(self.table_constraint())
        return found

    def table_constraint(self) -> Constraint:
        start = self.start
        name = self.name_of_constraint()
        if self.skip_words("CHECK"):
            inner = self.parenthesised()
            self.on_conflict()
            return Constraint("CHECK", name, start, self.last_end, (), inner)
        for words in (("PRIMARY", "KEY"), ("UNIQUE",), ("FOREIGN", "KEY")):
            if self.skip_words(*words):
                columns, listed = self.listed_columns()
                if words[0] == "FOREIGN":
                    return self.foreign_key(name, start, columns, listed)
                self.on_conflict()
                return Constraint(" ".join(words), name, start, self.last_end, columns, NOWHERE, listed)
        if name is None:
            raise self.unexpected("a constraint")
        return Constraint("NAME", name, start, self.last_end)

    def foreign_key(self, name: str | None, start: int, columns: tuple[str, ...], listed: Span) -> Constraint:
        """From REFERENCES on."""
        self.take_words("REFERENCES")
        target = self.take_name()
        target_columns, target_listed = self.listed_columns() if self.at_symbol("(") else ((), NOWHERE)
        while self.at("MATCH") or (self.at("ON") and self.then(1, "DELETE", "UPDATE", "INSERT")):
            if self.skip_words("MATCH"):
                self.take_name()
            else:
                self.place += 2
                is_two = self.at("SET", "NO")
                self.place += 2 if is_two else 1
        self.deferrable()
        return Constraint(
            "FOREIGN KEY", name, start, self.last_end, columns, (target.start, target.end), listed,
            unquoted(target.text), target_columns, target_listed,
        )  # fmt: skip

    def on_conflict(self) -> None:
        if self.skip_words("ON", "CONFLICT"):
            self.take()

    def default(self) -> Span:
        start = self.start
        if self.at_symbol("("):
            self.parenthesised()
        else:
            if self.at_symbol("+") or self.at_symbol("-"):
                self.take()
            self.take()
        return start, self.last_end

    def deferrable(self) -> bool:
        if not (self.at("DEFERRABLE") or (self.at("NOT") and self.then(1, "DEFERRABLE"))):
            return False
        self.skip_words("NOT")
        self.take_words("DEFERRABLE")
        if self.skip_words("INITIALLY"):
            self.take()
        return True
