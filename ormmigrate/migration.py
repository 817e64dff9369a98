"""What a migration is: `BaseMigration`, its id, and `reference`, the stand-in for another table."""

from __future__ import annotations

import re
from datetime import datetime
from types import SimpleNamespace

from peewee import AutoField, Field

from ormmigrate.errors import InvalidMigrationId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ormmigrate.migrator import Migrator

DEFAULT_REGISTRY = "app"
BUILTIN_REGISTRY = "ormmigrate"
#: The states of a migration in the history. Where a batch is not one transaction: begun; run, but its batch has not
#: ended; and everywhere: finished.
RUNNING, RAN, DONE = "running", "ran", "done"
ID_FORM = re.compile(r"(\d{8}_\d{6})_([a-z0-9]+(?:_[a-z0-9]+)*)", re.ASCII)
ID_MAX_LENGTH = 200


class BaseMigration:
    """One step of a schema: subclass it, give it an `id`, write `up`.

    Attributes:
        id: `YYYYMMDD_HHMMSS_description`, UTC. Never changes once the migration has run anywhere.
        name: one line for people; made from the id where it is not given.
        depends_on: ids that must come earlier; `"registry:id"` for those of another registry.
        transactional: False for what cannot run in a transaction (VACUUM, CREATE INDEX CONCURRENTLY).

    The class docstring is kept in the history as the migration's description.

    Example:
        class AddBio(BaseMigration):
            id = "20240602_130000_add_bio"

            def up(self, migrator):
                migrator.add_column("user", "bio", TextField(null=True))
    """

    id: str = ""
    name: str = ""
    depends_on: tuple[str, ...] = ()
    transactional: bool = True

    #: The registry that this instance stands in; set when the registry is built.
    registry: str = DEFAULT_REGISTRY

    def up(self, migrator: Migrator) -> None:
        """Change the schema, or its rows. Must be written."""
        raise NotImplementedError

    def down(self, migrator: Migrator) -> None:
        """Take `up` back. Where it is not written, the reverse of `up` is derived."""
        raise NotImplementedError

    def before(self, migrator: Migrator) -> None:
        """Run ahead of `up` and of `down`, in the same transaction."""

    def after(self, migrator: Migrator) -> None:
        """Run behind `up` and `down`, in the same transaction."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label}>"

    @property
    def label(self) -> str:
        """The id, with its registry in front where that is not the default one."""
        return label_of(self.registry, self.id)

    @property
    def key(self) -> tuple[str, str]:
        return self.registry, self.id

    @property
    def title(self) -> str:
        """`name`, or the words of the id."""
        return self.name or self.id[16:].replace("_", " ").capitalize()

    @property
    def description(self) -> str:
        """The class's own docstring, or nothing."""
        return (type(self).__dict__.get("__doc__") or "").strip()

    @property
    def writes_down(self) -> bool:
        """Whether `down` is written, rather than derived from `up`."""
        return type(self).down is not BaseMigration.down


def label_of(registry: str, id: str) -> str:
    return id if registry == DEFAULT_REGISTRY else f"{registry}:{id}"


def check_id(id: object, where: str) -> None:
    """Raise InvalidMigrationId unless `id` is `YYYYMMDD_HHMMSS_description` with a real date and time.

    `where` names the class (or the argument) in the message.
    """
    if not isinstance(id, str) or not id:
        raise InvalidMigrationId(id=id, where=where, reason="an id is a text, and it must be given")
    form = ID_FORM.fullmatch(id)
    if form is None:
        raise InvalidMigrationId(id=id, where=where, reason=_what_is_wrong(id))
    if len(id) > ID_MAX_LENGTH:
        raise InvalidMigrationId(id=id, where=where, reason=f"it is longer than {ID_MAX_LENGTH} characters")
    stamp = form[1]
    try:
        datetime(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]), int(stamp[9:11]), int(stamp[11:13]), int(stamp[13:]))
    except ValueError as error:
        raise InvalidMigrationId(id=id, where=where, reason=f"{stamp} is no date and time ({error})") from None


def _what_is_wrong(id: str) -> str:
    if not re.match(r"\d{8}_\d{6}(_|$)", id, re.ASCII):
        return "it does not start with a timestamp"
    if len(id) <= 16:
        return "it has no description after the timestamp"
    return "the description may hold lower-case letters, digits and single underscores between them"


class Reference:
    """A table named in a foreign key, without the application's model of it. Made by `reference()`."""

    def __init__(self, table: str, column: str, field: Field, schema: str | None) -> None:
        self.table, self.column, self.schema = table, column, schema
        self.field = field.clone()
        self.field.name = self.field.column_name = column
        # What playhouse.migrate and peewee's rendering ask of a foreign key's model.
        self._meta = SimpleNamespace(table_name=table, schema=schema, fields={column: self.field})

    def __repr__(self) -> str:
        return f"reference({self.table!r}, {self.column!r})"


def reference(table: str, column: str = "id", field: Field | None = None, schema: str | None = None) -> Reference:
    """Stand for a table in a ForeignKeyField, so that a migration never imports the application's models.

    Args:
        table: the referenced table's name in the database, as it is when the migration runs.
        column: the referenced column.
        field: that column's field, where it is not an AutoField: `field=UUIDField()`, `field=BigAutoField()`.
        schema: its schema, where it is not the default one.

    Example:
        migrator.add_column("order", "user_id", ForeignKeyField(reference("user"), null=True))
    """
    return Reference(table, column, field or AutoField(), schema)
