"""The changes: each a schema before and after, of a small shop for books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from peewee import IntegerField

from changes_peers.states import (
    MARIA,
    PG,
    SQLITE,
    Change,
    State,
    expression_index,
    id_column,
    index,
    key,
    unique_constraint,
    with_column,
    with_parts,
    without_column,
)
from ormmigrate.schema import Check, Column, ForeignKey, Table

AUTHOR = Table("author", (id_column(), Column("name", "VARCHAR(40)", null=False)), ("id",))
EDITOR = Table("editor", (id_column(), Column("name", "VARCHAR(40)", null=False)), ("id",))
STORE = Table(
    "store",
    (
        id_column(),
        Column("country", "VARCHAR(20)", null=False),
        Column("code", "VARCHAR(20)", null=False),
        Column("city", "TEXT"),
    ),
    ("id",),
    (unique_constraint("country", "code", name="store_country_code"),),
)
BOOK = Table(
    "book",
    (
        id_column(),
        Column("author_id", "INTEGER", null=False),
        Column("title", "VARCHAR(80)", null=False),
        Column("isbn", "VARCHAR(20)"),
        Column("pages", "INTEGER"),
        Column("price", "INTEGER", null=False),
        Column("status", "VARCHAR(10)", null=False, default="'new'"),
        Column("published", "DATE"),
    ),
    ("id",),
    (index("author_id"),),
    (key("author_id", "author"),),
)
#: What would be lost if the books were dropped while they are rebuilt.
COPY = Table(
    "copy",
    (id_column(), Column("book_id", "INTEGER", null=False), Column("shelf", "VARCHAR(10)")),
    ("id",),
    (index("book_id"),),
    (key("book_id", "book", "CASCADE"),),
)
TAG = Table(
    "tag",
    (
        Column("word", "VARCHAR(20)", null=False),
        Column("language", "VARCHAR(20)", null=False),
        Column("weight", "INTEGER"),
    ),
    ("word",),
)
SHOP = State((AUTHOR, EDITOR, STORE, BOOK, COPY))
TITLES = "CREATE VIEW titles AS SELECT id, title FROM book"
COLLATIONS = {SQLITE: "NOCASE", PG: '"C"', MARIA: "utf8mb4_bin"}
TRIGGERS = {
    SQLITE: ("CREATE TRIGGER book_seen {} UPDATE ON book BEGIN UPDATE editor SET name = name WHERE id = new.id; END",),
    PG: (
        "CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER book_seen {} UPDATE ON book FOR EACH ROW EXECUTE FUNCTION seen()",
    ),
    MARIA: ("CREATE TRIGGER book_seen {} UPDATE ON book FOR EACH ROW SET @seen = 1",),
}


def changes(kind: str) -> list[Change]:
    """Those that exist on that kind of database: `sqlite`, `postgresql`, `mysql`."""
    found = [
        *of_tables(),
        *of_columns(kind),
        *of_defaults(),
        *of_indexes(kind),
        *of_uniques(),
        *of_foreign_keys(kind),
        *of_checks(),
        *of_generated(kind),
        *of_what_models_seldom_say(kind),
        *of_options(kind),
    ]
    assert len({change.slug for change in found}) == len(found)
    return found


def of_tables() -> Iterator[Change]:
    yield Change("table added", SHOP, SHOP.having(TAG))
    yield Change("table dropped", SHOP.having(TAG), SHOP)
    yield Change("table renamed", SHOP, SHOP.without("editor").having(replace(EDITOR, name="person")), "editor=person")


def of_columns(kind: str) -> Iterator[Change]:
    yield book("column added", BOOK, with_column(BOOK, Column("summary", "TEXT")))
    yield book(
        "column added, NOT NULL with a default",
        BOOK,
        with_column(BOOK, Column("edition", "INTEGER", null=False, default="1")),
    )
    counted = Column("edition", "INTEGER", null=False, field=IntegerField(default=1))
    yield book("column added, NOT NULL with a default of the model", BOOK, with_column(BOOK, counted))
    bare = Column("edition", "INTEGER", null=False)
    yield book("column added, NOT NULL without a default", BOOK, with_column(BOOK, bare))
    yield book("column dropped", BOOK, without_column(BOOK, "published"))
    yield book("column dropped with its index", with_parts(BOOK, indexes=[index("isbn")]), without_column(BOOK, "isbn"))
    renamed = replace(
        BOOK,
        columns=tuple(replace(column, name="heading") if column.name == "title" else column for column in BOOK.columns),
    )
    yield book("column renamed", BOOK, renamed, "book.title=book.heading")
    yield column("type", "pages", type="TEXT")
    yield column("length, longer", "isbn", type="VARCHAR(40)")
    yield column("length, shorter", "status", type="VARCHAR(8)")
    narrow, wide = (with_column(BOOK, Column("weight", f"DECIMAL({size})")) for size in ("8, 2", "12, 4"))
    yield book("precision", narrow, wide)
    yield column("NULL forbidden", "isbn", null=False)
    yield column("NULL allowed", "title", null=True)
    yield column("collation", "title", collation=COLLATIONS[kind])
    seen = tuple(text.format("AFTER") for text in TRIGGERS[kind])
    before = replace(SHOP, sql=seen)
    yield Change(
        "type, on a table with a trigger",
        before,
        before.having(with_column(BOOK, Column("pages", "TEXT"))),
    )


def of_defaults() -> Iterator[Change]:
    yield column("default set", "price", default="0")
    yield column("default changed", "status", default="'used'")
    yield column("default dropped", "status", default=None)


def of_indexes(kind: str) -> Iterator[Change]:
    one, two = with_parts(BOOK, indexes=[index("isbn")]), with_parts(BOOK, indexes=[index("title", "isbn")])
    yield book("index added", BOOK, one)
    yield book("index dropped", one, BOOK)
    yield book("index made unique", one, with_parts(BOOK, indexes=[index("isbn", unique=True)]))
    yield book("index over two columns added", BOOK, two)
    turned = with_parts(BOOK, indexes=[index("isbn", "title")])
    yield book("columns of an index in another order", two, turned)
    falling = with_parts(BOOK, indexes=[index("title", "isbn DESC", name="book_title_isbn")])
    yield book("index added, descending", BOOK, falling)
    rising = with_parts(BOOK, indexes=[index("title", "isbn", name="book_title_isbn")])
    yield book("index made descending", rising, falling)
    if kind == MARIA:
        return  # knows neither expressions nor predicates in an index
    lower, upper = (
        with_parts(BOOK, indexes=[expression_index(f"{case}(title)", "book_title_case")]) for case in ("lower", "upper")
    )
    yield book("index of an expression added", BOOK, lower)
    yield book("expression of an index changed", lower, upper)
    some, other = (
        with_parts(BOOK, indexes=[index("isbn", where=f"pages > {pages}", name="book_isbn_some")]) for pages in (9, 99)
    )
    yield book("partial index added", BOOK, some)
    yield book("predicate of an index changed", some, other)


def of_uniques() -> Iterator[Change]:
    plain = with_parts(BOOK, indexes=[index("title", "isbn", unique=True)])
    yield book("unique index over two columns added", BOOK, plain)
    said = with_parts(BOOK, indexes=[unique_constraint("title", "isbn", name="book_title_isbn")])
    yield book("UNIQUE constraint added", BOOK, said)
    yield book("UNIQUE constraint dropped", said, BOOK)


def of_foreign_keys(kind: str) -> Iterator[Change]:
    bare = replace(BOOK, foreign_keys=())
    yield book("foreign key added", bare, BOOK)
    yield book("foreign key dropped", BOOK, bare)
    yield book("ON DELETE changed", BOOK, replace(BOOK, foreign_keys=(key("author_id", "author", "CASCADE"),)))
    yield book("target of a foreign key changed", BOOK, replace(BOOK, foreign_keys=(key("author_id", "editor"),)))
    both = (Column("store_country", "VARCHAR(20)"), Column("store_code", "VARCHAR(20)"))
    wide = replace(BOOK, columns=(*BOOK.columns, *both))
    pair = ForeignKey(("store_country", "store_code"), "store", ("country", "code"), name="book_store")
    yield book("foreign key over two columns added", wide, with_parts(wide, foreign_keys=[pair]))
    if kind != MARIA:
        late = replace(BOOK, foreign_keys=(key("author_id", "author", deferrable="INITIALLY DEFERRED"),))
        yield book("foreign key made deferrable", BOOK, late)


def of_checks() -> Iterator[Change]:
    few, many = (with_parts(BOOK, checks=[Check(f"pages > {pages}", ("pages",), "book_pages")]) for pages in (0, -5))
    yield book("CHECK added", BOOK, few)
    yield book("CHECK dropped", few, BOOK)
    yield book("CHECK changed", few, many)


def of_generated(kind: str) -> Iterator[Change]:
    # PostgreSQL stores each; SQLite's ALTER TABLE can add none that is stored.
    twice, thrice = (
        with_column(BOOK, Column("sides", "INTEGER", generated=f"pages * {times}", stored=kind == PG))
        for times in (2, 3)
    )
    yield book("generated column added", BOOK, twice)
    yield book("expression of a generated column changed", twice, thrice)


def of_what_models_seldom_say(kind: str) -> Iterator[Change]:
    tagged = SHOP.having(TAG)
    yield Change("primary key changed", tagged, tagged.having(replace(TAG, primary_key=("word", "language"))))
    yield Change("view added", SHOP, replace(SHOP, sql=(TITLES,)))
    yield Change("view changed", replace(SHOP, sql=(TITLES,)), replace(SHOP, sql=(f"{TITLES} WHERE pages > 0",)))
    before, after = (
        replace(SHOP, sql=tuple(text.format(moment) for text in TRIGGERS[kind])) for moment in ("BEFORE", "AFTER")
    )
    yield Change("trigger changed", before, after)
    if kind == PG:
        yield Change("comment of a column", SHOP, replace(SHOP, sql=("COMMENT ON COLUMN book.isbn IS 'as printed'",)))
        yield Change("comment of a table", SHOP, replace(SHOP, sql=("COMMENT ON TABLE book IS 'all of them'",)))
    if kind == MARIA:
        text = "ALTER TABLE book MODIFY isbn VARCHAR(20) COMMENT 'as printed'"
        yield Change("comment of a column", SHOP, replace(SHOP, sql=(text,)))
        yield Change("comment of a table", SHOP, replace(SHOP, sql=("ALTER TABLE book COMMENT = 'all of them'",)))


def of_options(kind: str) -> Iterator[Change]:
    tagged = SHOP.having(TAG)
    if kind == SQLITE:
        plain = Table("tally", (id_column(), Column("word", "TEXT"), Column("count", "INTEGER")), ("id",))
        tallied = SHOP.having(plain)
        yield Change("STRICT", tallied, tallied.having(replace(plain, options=("STRICT",))))
        yield Change("WITHOUT ROWID", tagged, tagged.having(replace(TAG, options=("WITHOUT ROWID",))))
        numbered = replace(id_column(), identity="AUTOINCREMENT")
        yield Change("AUTOINCREMENT", SHOP, SHOP.having(with_column(EDITOR, numbered)))
    if kind == PG:
        yield Change(
            "identity in place of SERIAL",
            SHOP,
            SHOP.having(with_column(EDITOR, replace(id_column(), identity="BY DEFAULT"))),
        )
    if kind == MARIA:
        yield Change("engine of a table", tagged, tagged.having(replace(TAG, options=("ENGINE=Aria",))))


def book(name: str, before: Table, after: Table, renamed: str | None = None) -> Change:
    return Change(name, SHOP.having(before), SHOP.having(after), renamed)


def column(name: str, column: str, **changed: object) -> Change:
    """A change of one column of the books."""
    found = next(found for found in BOOK.columns if found.name == column)
    return book(name, BOOK, with_column(BOOK, replace(found, **changed)))
