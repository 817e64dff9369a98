"""Random operations on a schema: most of them can be done, some are to be refused."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from sqlite_changes import ARGUMENTS, TYPES, Calls, Change, CheckSpec, FieldSpec, Group, index_name, unique_name
from sqlite_model import OWN, Refused, changed, implies_not_null, keys_of
from sqlite_starts import Start
from sqlite_strategies import NEW_NAMES, conditions, rarely
from sqlite_tables import Constraint, Schema, Table, clauses, folded

Step = Change | Group
#: Those that mean the same in a group, whatever stands around them.
GROUPED = (
    *("add_column", "drop_column", "rename_column", "add_not_null", "drop_not_null", "add_column_default"),
    *("drop_column_default", "alter_column_type", "add_constraint", "add_unique", "drop_constraint"),
)
ADDED = (
    FieldSpec("TextField", null=True),
    FieldSpec("IntegerField", default=5),
    FieldSpec("CharField", default="it's, (x)"),
    FieldSpec("IntegerField", default=Calls()),
    FieldSpec("TextField", null=True, index=True),
    FieldSpec("IntegerField", default=Calls(), unique=True),
    FieldSpec("TextField", null=True, default="not in the database"),
    FieldSpec("IntegerField", null=True, unique=True),
    FieldSpec("FloatField", default=1.5),
    FieldSpec("BlobField", default=b"\x00'"),
    FieldSpec("DecimalField", null=True),
    FieldSpec("TextField", default="100% %s"),
    FieldSpec("DateField", null=True, index=True),
    FieldSpec("IntegerField", default=-1, unique=True),
    FieldSpec("TextField"),
)
NEW_TYPES = tuple(FieldSpec(kind) for kind in TYPES if kind not in ("ForeignKeyField", "DateField"))
NEW_DEFAULTS = (5, -7, 1.5, "word", "it's, (no", b"\x00\xff", "", "'quoted'", "(abs(-3))", "NOT NULL", "%s", 0)
ACTIONS = ({}, {"on_delete": "CASCADE"}, {"on_delete": "SET NULL", "on_update": "CASCADE"})


class Drawer:
    """Draws operations on one table of a schema; each method gives None where there is nothing that it could do."""

    def __init__(self, draw: Any, schema: Schema, table: Table, parent: str) -> None:
        self.draw, self.schema, self.table, self.parent = draw, schema, table, parent

    def pick(self, choices: Any) -> Any:
        return self.draw(st.sampled_from(list(choices)))

    def change(self, kind: str, *arguments: Any, **options: Any) -> Change:
        return Change(kind, self.table.name, arguments, options)

    def column(self, *, but: tuple[str, ...] = ()) -> str:
        return self.pick([name for name in self.table.names if name not in but] or self.table.names)

    def spelled(self, name: str) -> str:
        """A name as somebody may write it: the case of ASCII letters does not count."""
        return "".join(one.swapcase() if one.isascii() else one for one in name) if rarely(self.draw) else name

    def new_name(self) -> str | None:
        """A name that nothing has, and no index that is called by the convention would get."""
        taken = {folded(name) for name in self.table.names}
        taken |= {folded(one.name) for one in (*self.schema.tables, *self.schema.views)}
        free = [name for name in NEW_NAMES if folded(name) not in taken]
        free = [name for name in free if not any(folded(name) in folded(index.name) for index in self.schema.indexes)]
        return self.pick(free) if free else None

    def constraint_name(self) -> str:
        taken = {folded(one.name) for one in clauses(self.table) if one.name}
        return next(name for name in ("named", 'new "ck"', "n, (c)", "fourth", "fifth") if folded(name) not in taken)

    # -- tables and columns -----------------------------------------------------------------

    def rename_table(self) -> Change | None:
        name = self.new_name()
        return name and self.change("rename_table", name)

    def rename_column(self) -> Change | None:
        name = self.new_name()
        return name and self.change("rename_column", self.column(), name)

    def add_column(self) -> Change | None:
        name = self.new_name()
        field = self.pick((*ADDED, *self._keys()))
        if name is None or self.schema.has(index_name(self.table.name, (name,))):
            return None
        return self.change("add_column", name, field)

    def _keys(self) -> list[FieldSpec]:
        if not any(table.name == self.parent for table in self.schema.tables):
            return []
        target = (self.parent, "id")
        if not self.schema.table(self.parent).has("id"):
            return []
        return [
            FieldSpec("ForeignKeyField", null=True, target=target),
            FieldSpec("ForeignKeyField", null=True, target=target, index=True, on_delete="CASCADE"),
            FieldSpec("ForeignKeyField", default=1, target=target),
        ]

    def drop_column(self) -> Change:
        options: dict[str, Any] = {"cascade": True} if self.draw(st.booleans()) else {}
        if self.draw(st.booleans()):
            options["field"] = self.pick(ADDED[:8])
        return self.change("drop_column", self.spelled(self.column()), **options)

    def alter_column_type(self) -> Change:
        column = self.column(but=() if rarely(self.draw, 3) else self.table.primary_key)
        there = self.table.column(column).type
        kind = next((kind for kind, words in TYPES.items() if words == there and kind in {*ARGUMENTS, *TYPES}), None)
        replaces = {"replaces": FieldSpec(kind)} if kind in {one.kind for one in NEW_TYPES} else {}
        others = [field for field in NEW_TYPES if field.type != there]
        return self.change("alter_column_type", self.spelled(column), self.pick(others), **replaces)

    def add_not_null(self) -> Change | None:
        able = [one.name for one in self.table.columns if not one.has("NOT NULL")]
        able = [name for name in able if not implies_not_null(self.table, name)]
        return self.change("add_not_null", self.spelled(self.pick(able))) if able else None

    def drop_not_null(self) -> Change | None:
        able = [one.name for one in self.table.columns if one.has("NOT NULL")]
        return self.change("drop_not_null", self.spelled(self.pick(able))) if able else None

    def add_column_default(self) -> Change | None:
        able = [one.name for one in self.table.columns if not one.has("DEFAULT")]
        if not able:
            return None
        return self.change("add_column_default", self.spelled(self.pick(able)), self.pick(NEW_DEFAULTS))

    def drop_column_default(self) -> Change | None:
        able = [one.name for one in self.table.columns if one.has("DEFAULT")]
        if not able:
            return None
        default = {"default": self.pick(NEW_DEFAULTS)} if self.draw(st.booleans()) else {}
        return self.change("drop_column_default", self.spelled(self.pick(able)), **default)

    # -- indexes and constraints ------------------------------------------------------------

    def add_index(self) -> Change | None:
        columns = tuple(dict.fromkeys(self.column() for _ in range(self.draw(st.integers(1, 2)))))
        name = {"name": f"named {len(self.schema.indexes)}"} if rarely(self.draw, 3) else {}
        if self.schema.has(name.get("name", index_name(self.table.name, columns))) and not rarely(self.draw):
            return None
        return self.change("add_index", columns, rarely(self.draw, 4), **name)

    def drop_index(self) -> Change | None:
        indexes = self.schema.of(self.table.name)
        if not indexes:
            return None
        index = self.pick(indexes)
        is_plain = bool(index.columns) and self.draw(st.booleans())
        options = {"columns": index.columns, "unique": index.unique} if is_plain else {}
        return self.change("drop_index", index.name, **options)

    def add_constraint(self) -> Change:
        tokens = self.pick(conditions(self.table.name, self.column(), self.column()))
        return self.change("add_constraint", self.constraint_name(), CheckSpec(tokens))

    def add_unique(self) -> Change | None:
        columns = tuple(dict.fromkeys(self.column() for _ in range(self.draw(st.integers(1, 2)))))
        if any(one.name and folded(one.name) == folded(unique_name(columns)) for one in clauses(self.table)):
            return None
        return self.change("add_unique", *columns)

    def drop_constraint(self) -> Change | None:
        named = [one for one in clauses(self.table) if one.name and one.kind in OWN]
        if not named:
            return None
        one: Constraint = self.pick(named)
        is_check = one.kind == "CHECK" and self.draw(st.booleans())
        options = {"constraint": CheckSpec(one.tokens[2:-1])} if is_check else {}
        return self.change("drop_constraint", one.name, **options)

    def add_foreign_key_constraint(self) -> Change | None:
        if not any(table.name == self.parent for table in self.schema.tables):
            return None
        key = self.pick([name for name in self.schema.table(self.parent).names if name != "label"] or ["label"])
        name = {"constraint_name": self.constraint_name()} if rarely(self.draw, 3) else {}
        # A column with two keys cannot say which one is to be dropped.
        able = [column for column in self.table.names if not keys_of(self.table, column)]
        if not able:
            return None
        arguments = (self.pick(able), self.parent, key)
        return self.change("add_foreign_key_constraint", *arguments, **self.pick(ACTIONS), **name)

    def drop_foreign_key_constraint(self) -> Change | None:
        able = [one.name for one in self.table.columns if len(keys_of(self.table, one.name)) == 1]
        if not able:
            return None
        options = {"rel": self.parent, "rel_column": "id"} if self.draw(st.booleans()) else {}
        return self.change("drop_foreign_key_constraint", self.spelled(self.pick(able)), **options)


KINDS = (
    *GROUPED,
    *("drop_column", "drop_column", "alter_column_type"),  # which are refused most often, and do most
    *("rename_table", "add_index", "drop_index", "add_foreign_key_constraint", "drop_foreign_key_constraint"),
)


@st.composite
def steps(draw: Any, start: Start) -> list[Step]:
    """One to five operations, of which only the last may be one that the schema does not allow."""
    schema, middle, parent = start.schema, start.middle, start.parent
    found: list[Step] = []
    for _ in range(draw(st.integers(1, 5))):
        table = schema.table(middle)
        if rarely(draw, 6):
            table = draw(st.sampled_from(schema.tables[:3]))
        if rarely(draw, 5):
            group, after = _group(draw, schema, table, parent)
            if group.changes:
                found.append(group)
                schema = after
            continue
        change, after = _possible(draw, schema, table, parent, KINDS)
        if change is None:
            continue
        found.append(change)
        if after is None:
            break
        if change.kind == "rename_table":
            middle, parent = (change.arguments[0] if table.name == name else name for name in (middle, parent))
        schema = after
    return found


def _possible(
    draw: Any, schema: Schema, table: Table, parent: str, kinds: tuple[str, ...]
) -> tuple[Change | None, Schema | None]:
    """An operation, and the schema after it; None for that where it is to be refused."""
    change = None
    for _ in range(3):
        drawer = Drawer(draw, schema, table, parent)
        drawn = getattr(drawer, draw(st.sampled_from(kinds)))()
        if drawn is None:
            continue
        change = drawn
        try:
            return change, changed(schema, change)
        except Refused:
            continue
    return change, None


def _group(draw: Any, schema: Schema, table: Table, parent: str) -> tuple[Group, Schema]:
    """Operations that the schema allows."""
    name = table.name
    changes = []
    for _ in range(draw(st.integers(1, 4))):
        change, after = _possible(draw, schema, schema.table(name), parent, GROUPED)
        if change is not None and after is not None:
            if change.kind == "alter_column_type" and any(other.kind == change.kind for other in changes):
                continue  # one rewrite converts once
            changes.append(change)
            schema = after
    return Group(name, tuple(changes)), schema
