"""What is measured: a long history as migration files, for ormmigrate and for playhouse.migrations.

Each migration creates a table, adds a nullable column and adds an index; each stands in a file of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

OURS = '''\
from peewee import AutoField, CharField, IntegerField

from ormmigrate import BaseMigration


class Step{number:04}(BaseMigration):
    """What the parcel service asked for, part {number}."""

    id = "{id}"
    name = "Step {number}"

    def up(self, migrator):
        migrator.create_table("step_{number:04}", {{"id": AutoField(), "name": CharField()}})
        migrator.add_column("step_{number:04}", "size", IntegerField(null=True))
        migrator.add_index("step_{number:04}", ("size",))
'''

PLAYHOUSE = '''\
"""What the parcel service asked for, part {number}."""

from peewee import CharField, IntegerField, Model


def up(migrator, db):
    class Step{number:04}(Model):
        name = CharField()

        class Meta:
            database = db
            table_name = "step_{number:04}"

    db.create_tables([Step{number:04}])
    migrator.migrate(
        migrator.add_column("step_{number:04}", "size", IntegerField(null=True)),
        migrator.add_index("step_{number:04}", ("size",)),
    )
'''

MODEL = """\
class Model{number}(Model):
    name = CharField(unique=True)
    size = IntegerField(null=True)
"""

MODELS = 10
FIRST = datetime(2020, 1, 1)


def write(folder: Path, size: int) -> None:
    """Write the packages `steps` and `models` and the directory `playhouse_steps` into `folder`."""
    steps, playhouse_steps = folder / "steps", folder / "playhouse_steps"
    steps.mkdir(parents=True)
    playhouse_steps.mkdir()
    ids = [f"{FIRST + timedelta(hours=number):%Y%m%d_%H%M%S}_step_{number:04}" for number in range(1, size + 1)]
    for number, id in enumerate(ids, 1):
        (steps / f"m{id}.py").write_text(OURS.format(number=number, id=id))
        (playhouse_steps / f"{number:04}_step.py").write_text(PLAYHOUSE.format(number=number))
    imports = "".join(f"from .m{id} import Step{number:04}\n" for number, id in enumerate(ids, 1))
    listed = "".join(f"    Step{number:04},\n" for number in range(1, size + 1))
    (steps / "__init__.py").write_text(f"{imports}\nSTEPS = [\n{listed}]\n")
    models = "\n\n".join(MODEL.format(number=number) for number in range(MODELS))
    listed = ", ".join(f"Model{number}" for number in range(MODELS))
    (folder / "models.py").write_text(
        f"from peewee import CharField, IntegerField, Model\n\n\n{models}\n\nMODELS = [{listed}]\n"
    )
