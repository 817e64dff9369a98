"""`Database`: wherever peewee takes a database, it takes this one; `register_models` migrates it."""

from __future__ import annotations

import logging

import peewee
from peewee import DeferredForeignKey

from ormmigrate.connection import inner
from ormmigrate.errors import ConfigurationError, MigrationError
from ormmigrate.report import Report
from ormmigrate.runner import LOCK_TIMEOUT_S, Runner, is_binding_only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Literal

    from ormmigrate.events import Observer
    from ormmigrate.limits import Limits

logger = logging.getLogger("ormmigrate")


class Database(peewee.DatabaseProxy):
    """A peewee database that carries its migrations.

    Args:
        database: a URL (`sqlite:///shop.db`, `postgresql://user:password@host/name`, `mysql://...`), or a
            peewee Database. `initialize()` points it at another one, in tests say.
        migrations: a Registry, a list of migrations, or a list of registries.
        environment: `development`, `test` or `production`; by default ORMMIGRATE_ENV, or production.
        version: the application's version, kept in the history.
        on_failure: `raise`, or `continue`: a failed batch is rolled back, logged and left in
            `Report.error`, and the application goes on with the schema it had.
        observers: callables that are given each event.
        lock_timeout_s: how long to wait for another process's batch, in seconds.
        limits: how long a statement may keep others waiting on a server, and what it may copy.
        schema: on PostgreSQL, the schema in which the history and the tables live; made if it is missing. Models
            that name none get it.

    Attributes:
        models: those that were registered, and their through models, in the order in which they were; under the
            command line, where nothing is migrated, as well.

    Raises:
        ConfigurationError: a URL that names no database, or an unknown kind of one.
        RegistryError: the list of migrations is not valid.

    Example:
        db = Database("sqlite:///shop.db", migrations=registry)
        db.register_models([User, Order])
    """

    __slots__ = (*peewee.DatabaseProxy.__slots__, "_compared", "migrations", "models", "on_failure")

    migrations: Runner
    models: tuple[type[peewee.Model], ...]

    def __init__(
        self,
        database: str | peewee.Database,
        migrations: object = (),
        *,
        environment: str | None = None,
        version: str | None = None,
        on_failure: Literal["raise", "continue"] = "raise",
        observers: Sequence[Observer] = (),
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        limits: Limits | None = None,
        schema: str | None = None,
    ) -> None:
        super().__init__()
        if on_failure not in ("raise", "continue"):
            raise ConfigurationError(f"on_failure={on_failure!r} is not known.", 'use "raise" or "continue".')
        self.on_failure = on_failure
        self._compared: set[type[peewee.Model]] = set()
        self.models = ()
        self.migrations = Runner(
            self,
            migrations,
            environment=environment,
            version=version,
            observers=observers,
            lock_timeout_s=lock_timeout_s,
            limits=limits,
            schema=schema,
        )
        self.initialize(database)

    def initialize(self, obj: str | peewee.Database | None) -> None:
        """Point at another database: a URL or a peewee Database. Models that are bound here follow."""
        if isinstance(obj, str):
            from ormmigrate.urls import database_from_url

            obj = database_from_url(obj)
        elif obj is not None:
            obj = _database(obj)
        super().initialize(obj)

    @property
    def Model(self) -> Any:
        """A base class for models of this database; they follow `initialize()`."""
        # The inherited property may answer with the inner database's Model.
        if not hasattr(self, "_Model"):
            meta = type("Meta", (), {"database": self})
            self._Model = type("BaseModel", (peewee.Model,), {"Meta": meta, "__module__": __name__})
        return self._Model

    def register_models(self, models: Iterable[type[peewee.Model]]) -> Report:
        """Migrate, then create the tables that `models` still lack, in one transaction. Idempotent.

        Models without a database are bound to this one. A connection is opened if none is open, and closed
        if it was opened here. Where nothing is pending and every table exists this costs one query.

        Returns:
            What was done; true if anything was.

        Raises:
            ConfigurationError: called inside a transaction; a model of another database; a database that
                cannot be used.
            HistoryError: the database and the program disagree.
            MigrationFailed, IntegrityCheckFailed, LockTimeout: the batch was rolled back.
        """
        chosen = self._bound(models)
        self.models = tuple(dict.fromkeys((*self.models, *chosen)))
        if is_binding_only():
            return Report()
        try:
            report = self.migrations.up(models=chosen)
        except MigrationError as error:
            if self.on_failure == "raise":
                raise
            logger.error("The batch failed; the application goes on with the schema it had. %s", error)
            return Report(error=error)
        return self._with_comparison(report, chosen)

    def _bound(self, models: Iterable[type[peewee.Model]]) -> list[type[peewee.Model]]:
        """The models and their through models; those without a database are bound here."""
        chosen = _with_through_models(models)
        mine = inner(self)
        unbound = []
        for model in chosen:
            if model._meta.database is None:
                unbound.append(model)
            elif (bound := model._meta.get_database_instance()) is not mine:
                raise ConfigurationError(
                    f"The model {model.__name__} belongs to another database ({_described(bound)}).",
                    "register it with that one, or derive it from db.Model of this one.",
                )
        for model in unbound:
            model.bind(self, bind_refs=False, bind_backrefs=False)
        for model in chosen:
            if self.migrations.schema is not None and model._meta.schema is None:
                model._meta.schema = self.migrations.schema
        return chosen

    def _with_comparison(self, report: Report, models: Sequence[type[peewee.Model]]) -> Report:
        """Hold the models against their tables where the environment asks for it, once."""
        verdict = self.migrations.environment.compare_models
        # A warning is given once, an error each time.
        open_ones = [model for model in models if model not in self._compared]
        if verdict == "allowed" or not open_ones:
            return report
        from ormmigrate.comparison import compare_models

        if verdict == "warning":
            self._compared.update(open_ones)
        return compare_models(self.migrations, open_ones, report)


def _with_through_models(models: Iterable[type[peewee.Model]]) -> list[type[peewee.Model]]:
    # A model is iterable: that would query its rows.
    if isinstance(models, type) or not hasattr(models, "__iter__"):
        name = models.__name__ if isinstance(models, type) else "User"
        raise ConfigurationError(
            f"register_models() was given {models!r}, which is no list.", f"write db.register_models([{name}])."
        )
    chosen = list(models)
    for model in chosen:
        if not (isinstance(model, type) and issubclass(model, peewee.Model)):
            raise ConfigurationError(
                f"register_models() was given {model!r}, which is no model class.",
                "give it a list of classes: db.register_models([User, Order]).",
            )
    _refuse_unresolved(chosen)
    if any(model._meta.manytomany for model in chosen):
        from ormmigrate.sync import with_through_models

        return with_through_models(chosen)
    return chosen


def _refuse_unresolved(models: Sequence[type[peewee.Model]]) -> None:
    # peewee keeps a set of them, which is empty in most applications: this is part of every start.
    for field in tuple(DeferredForeignKey._unresolved):  # type: ignore[attr-defined]
        if getattr(field, "model", None) in models:
            raise ConfigurationError(
                f"{field.model.__name__}.{field.name} refers to {field.rel_model_name!r}, and there is no such model.",
                "import the module that defines it before register_models(), or correct the name.",
            )


def _database(found: object) -> peewee.Database:
    """What was given in place of a URL, if it is a database; the one behind it, if it is a proxy."""
    if isinstance(found, peewee.Proxy):
        return inner(found)
    if not isinstance(found, peewee.Database):
        raise ConfigurationError(
            f"Database() was given {found!r}, which is neither a URL nor a peewee database.",
            'write Database("sqlite:///shop.db"), or Database(SqliteDatabase("shop.db")).',
        )
    return found


def _described(database: peewee.Database | peewee.DatabaseProxy | None) -> str:
    return "an uninitialized proxy" if database is None else f"{type(database).__name__} {database.database}"
