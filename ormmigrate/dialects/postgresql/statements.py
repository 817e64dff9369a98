"""What a statement is, by its words: whether it takes strong locks, and whether it may run in a transaction. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ormmigrate.dialects import script

DIALECT = "PostgreSQL"
#: Statements that lock what they name against those who read or write it.
LOCKING = frozenset(
    {"ALTER", "CLUSTER", "COMMENT", "CREATE", "DROP", "LOCK", "REFRESH", "REINDEX", "SECURITY", "TRUNCATE"}
)
#: What is in a CREATE that has to do with something that is there already.
JOINING = frozenset(
    {"INDEX", "TRIGGER", "RULE", "POLICY", "REPLACE", "REFERENCES", "PARTITION", "INHERITS", "PUBLICATION"}
)


def words_of(text: str) -> list[str]:
    """The bare words of a statement in capitals, without quoted texts, quoted names and comments."""
    return [token.upper() for token in _significant(text) if _is_word(token)]


def names_in(text: str) -> frozenset[str]:
    """Every word that may be a name, as the server folds it; words of the language are among them."""
    found = set()
    for token in _significant(text):
        if token.startswith('"'):
            found.add(token[1:-1].replace('""', '"'))
        elif _is_word(token):
            found.add(token.lower())
    return frozenset(found)


def first_word(text: str) -> str:
    """The word that says what a statement does; the rest, which may be long, is not looked at."""
    return next((token.upper() for token in _significant(text) if _is_word(token)), "")


def significant(text: str) -> list[str]:
    """Its tokens, without space and comments."""
    return list(_significant(text))


def takes_strong_lock(text: str) -> bool:
    """Whether a statement may keep others waiting while it waits itself.

    What runs CONCURRENTLY asks for a lock that readers and writers do not wait behind, and then waits for old
    transactions: a timeout would only end it (postgresql.org/docs/current/sql-createindex.html).
    """
    first = first_word(text)
    if first not in LOCKING and first != "VACUUM":
        return False
    words = words_of(text)
    if runs_concurrently(text):
        return False
    if first == "CREATE":
        return not JOINING.isdisjoint(words)
    return first != "VACUUM" or "FULL" in words


def runs_concurrently(text: str) -> bool:
    # REFRESH MATERIALIZED VIEW CONCURRENTLY is another matter: an ordinary statement with a weaker lock.
    return first_word(text) in ("ALTER", "CREATE", "DROP", "REINDEX") and "CONCURRENTLY" in words_of(text)


def without_concurrently(text: str) -> str:
    """The same statement in its plain form, which runs in a transaction."""
    return "".join(token for _, token in script.tokens(text, DIALECT) if token.upper() != "CONCURRENTLY")


def refuses_transaction(text: str) -> bool:
    """Whether a statement cannot run inside a transaction block."""
    first = first_word(text)
    if first not in ("ALTER", "CLUSTER", "CREATE", "DROP", "REINDEX", "VACUUM"):
        return False
    words = words_of(text)
    second = words[1] if len(words) > 1 else ""
    return (
        runs_concurrently(text)
        or first == "VACUUM"
        or words == ["CLUSTER"]
        or (first in ("CREATE", "DROP") and second in ("DATABASE", "TABLESPACE"))
        or (first == "ALTER" and second == "SYSTEM")
        or (first == "REINDEX" and not {"DATABASE", "SCHEMA", "SYSTEM"}.isdisjoint(words[1:3]))
    )


def _significant(text: str) -> Iterator[str]:
    for _, token in script.tokens(text, DIALECT):
        if not (token.isspace() or token.startswith(("--", "/*"))):
            yield token


def _is_word(token: str) -> bool:
    return token[0].isalpha() or token[0] == "_"
