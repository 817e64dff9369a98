"""Alembic: `revision --autogenerate` and `upgrade`, with every comparison that it has switched on.

Batch mode, named constraints and no foreign keys while it runs, as its documentation asks for on SQLite.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.config import Config
from alembic.migration import MigrationContext

from changes_peers.sqlalchemy_metadata import metadata
from changes_peers.states import State
from changes_peers.tool import Tool

OPTIONS: dict[str, Any] = {
    "compare_type": True,
    "compare_server_default": True,
    "render_as_batch": True,
    "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
}
ENVIRONMENT = """\
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, **context.config.attributes["options"])
with context.begin_transaction():
    context.run_migrations()
"""


class Alembic(Tool):
    tables = ("alembic_version",)

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        warnings.simplefilter("ignore")
        logging.getLogger("alembic").setLevel(logging.CRITICAL)
        self.engine = sa.create_engine(url)
        self.state = State(())

    def create(self, state: State) -> None:
        metadata(state).create_all(self.engine)

    def differences(self, state: State, renamed: str | None = None) -> Sequence[str]:
        self.state = state
        with self.engine.connect() as connection:
            wanted = metadata(state)
            context = MigrationContext.configure(connection, opts={**OPTIONS, "target_metadata": wanted})
            operations = produce_migrations(context, wanted).upgrade_ops
        assert operations is not None
        if operations.is_empty():
            return []
        lines = (line.strip() for line in render_python_code(operations, render_as_batch=True).splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    def apply(self) -> None:
        scripts = self.folder / "migrations"
        (scripts / "versions").mkdir(parents=True)
        (scripts / "env.py").write_text(ENVIRONMENT)
        template = Path(command.__file__).parent / "templates" / "generic" / "script.py.mako"
        (scripts / "script.py.mako").write_text(template.read_text())
        config = Config()
        config.set_main_option("script_location", str(scripts))
        for step in ("revision", "upgrade"):
            with self.engine.connect() as connection:
                config.attributes["connection"] = connection
                config.attributes["options"] = {**OPTIONS, "target_metadata": metadata(self.state)}
                if step == "revision":
                    command.revision(config, "change", autogenerate=True)
                else:
                    command.upgrade(config, "head")
