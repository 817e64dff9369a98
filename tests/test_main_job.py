"""The main job, from one body on every database: register models, migrate, and nothing the second time."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

from peewee import (
    SQL,
    AutoField,
    BooleanField,
    CharField,
    Check,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    TextField,
    UUIDField,
)
from places import Place

from ormmigrate import BaseMigration, Database, Registry, reference
from ormmigrate.history import TABLE


class Initial(BaseMigration):
    """Customers and their orders."""

    id = "20240601_120000_initial"
    name = "Initial tables"

    def up(self, migrator):
        migrator.create_table(
            "customer",
            {"id": AutoField(), "email": CharField(unique=True), "name": TextField(null=True)},
        )
        migrator.create_table(
            "purchase",
            {
                "id": AutoField(),
                "customer_id": ForeignKeyField(reference("customer"), on_delete="CASCADE"),
                "cents": IntegerField(constraints=[Check("cents >= 0")]),
                "placed_at": DateTimeField(),
            },
            indexes=[(("customer_id", "placed_at"), True)],
        )


class Fill(BaseMigration):
    """Rows, so that what follows has something to lose."""

    id = "20240601_130000_fill"

    def up(self, migrator):
        customer, purchase = migrator.table("customer"), migrator.table("purchase")
        for number in range(50):
            row = customer.create(email=f"{number}@example.org", name=None if number % 2 else f"n {number}")
            purchase.create(customer_id=row.id, cents=number, placed_at=datetime(2024, 1, 1) + timedelta(number))

    def down(self, migrator):
        migrator.sql("DELETE FROM purchase")
        migrator.sql("DELETE FROM customer")


class AddColumns(BaseMigration):
    id = "20240602_120000_add_columns"

    def up(self, migrator):
        migrator.add_column("customer", "bio", TextField(null=True))
        migrator.add_column("customer", "newsletter", BooleanField(default=True))
        migrator.add_column("customer", "token", UUIDField(default=uuid.uuid4, unique=True))
        migrator.add_index("customer", ("newsletter", "email"))


class Rename(BaseMigration):
    id = "20240603_120000_rename"

    def up(self, migrator):
        migrator.rename_column("purchase", "cents", "total_cents")
        migrator.rename_table("purchase", "orders")
        migrator.drop_not_null("orders", "placed_at")


class FillNames(BaseMigration):
    id = "20240604_120000_fill_names"

    def up(self, migrator):
        migrator.run(fill_names, reverse=empty_names)


def fill_names(migrator):
    customer = migrator.table("customer")
    customer.update(name=customer.email).where(customer.name.is_null()).execute()


def empty_names(migrator):
    customer = migrator.table("customer")
    customer.update(name=None).where(customer.name == customer.email).execute()


MIGRATIONS = [Initial, Fill, AddColumns, Rename, FillNames]


def models_of(database: Database) -> list:
    class Customer(database.Model):
        email = CharField(unique=True)
        name = TextField(null=True)
        bio = TextField(null=True)
        newsletter = BooleanField(default=True)
        token = UUIDField(default=uuid.uuid4, unique=True)

        class Meta:
            indexes = ((("newsletter", "email"), False),)

    class Order(database.Model):
        customer = ForeignKeyField(Customer, on_delete="CASCADE")
        total_cents = IntegerField(constraints=[Check("total_cents >= 0")])
        placed_at = DateTimeField(null=True)

        class Meta:
            table_name = "orders"
            indexes = ((("customer", "placed_at"), True),)

    class Tag(database.Model):
        order = ForeignKeyField(Order)
        word = CharField(index=True)

    return [Tag, Customer, Order]


def test_a_batch_creates_alters_indexes_renames_and_fills_populated_tables(place: Place):
    database = place.database(MIGRATIONS, version="2.0")
    before = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(seconds=2)
    models = models_of(database)
    report = database.register_models(models)

    tag, customer, order = models
    assert report.applied == tuple(migration.id for migration in MIGRATIONS)
    assert report.created_tables == ("tag",)
    assert customer.select().count() == order.select().count() == 50
    assert len({row.token for row in customer.select()}) == 50
    assert customer.select().where(customer.newsletter).count() == 50
    assert [row.name for row in customer.select().order_by(customer.id)][:3] == ["n 0", "1@example.org", "n 2"]
    assert sum(row.total_cents for row in order.select()) == sum(range(50))
    assert {row.customer.email for row in order.select()} == {f"{number}@example.org" for number in range(50)}
    tag.create(order=order.select().first(), word="first")

    columns = "registry, migration, name, checksum, batch, state, duration_ms, application_version, applied_at"
    rows = database.execute_sql(f"SELECT {columns} FROM {TABLE} WHERE registry = 'app' ORDER BY seq").fetchall()
    assert [row[1] for row in rows] == [migration.id for migration in MIGRATIONS]
    for _, _, name, checksum, batch, state, duration_ms, version, applied_at in rows:
        assert name
        assert checksum.startswith("1:")
        assert len(checksum) == 66
        assert (batch, state, version) == (1, "done", "2.0")
        assert duration_ms > 0
        moment = datetime.fromisoformat(str(applied_at))
        assert before <= moment <= datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(seconds=1)


def test_a_second_start_runs_nothing(place: Place):
    database = place.database(MIGRATIONS, environment="production")
    models = models_of(database)
    assert database.register_models(models)
    statements: list[str] = []
    database.query_hooks.append(lambda event: statements.append(event.sql))

    assert not database.register_models(models)
    assert len(statements) == 1
    assert models[1].select().count() == 50


def test_what_comes_later_runs_on_top_in_a_batch_of_its_own(place: Place):
    first = place.database(MIGRATIONS[:2])
    first.register_models([])
    # The same connection: an in-memory database is gone with it.
    later = Database(first.obj, migrations=Registry(MIGRATIONS), environment="test")
    report = later.register_models(models_of(later))

    assert report.applied == tuple(migration.id for migration in MIGRATIONS[2:])
    batches = later.execute_sql(f"SELECT batch FROM {TABLE} WHERE registry = 'app' ORDER BY seq").fetchall()
    assert [batch for (batch,) in batches] == [1, 1, 2, 2, 2]


def test_queries_inside_up_see_the_operations_before_them_and_belong_to_the_batch(place: Place):
    seen = []

    class Look(BaseMigration):
        id = "20240605_120000_look"

        def up(self, migrator):
            migrator.add_column("customer", "age", IntegerField(null=True))
            customer = migrator.table("customer", age=IntegerField(null=True))
            with migrator.database.atomic():
                customer.update(age=7).execute()
            seen.append(customer.select().where(customer.age == 7).count())
            seen.append(migrator.has_table("customer") and not migrator.has_table("nobody"))
            seen.append(migrator.has_column("customer", "age") and not migrator.has_column("customer", "nothing"))
            if place.rolls_back_ddl:
                seen.append(migrator.database.transaction_depth())

    database = place.database([*MIGRATIONS, Look])
    database.register_models([])
    assert seen[:3] == [50, True, True]
    assert seen[3:] == ([1] if place.rolls_back_ddl else [])
    assert database.execute_sql("SELECT count(*) FROM customer WHERE age = 7").fetchone() == (50,)


def test_before_and_after_run_around_up_and_down(place: Place):
    class Around(BaseMigration):
        id = "20240601_120000_around"

        def before(self, migrator):
            migrator.sql("CREATE TABLE step (word VARCHAR(20))")
            migrator.sql("INSERT INTO step VALUES ('before')")

        def up(self, migrator):
            migrator.sql("INSERT INTO step VALUES ('up')")

        def down(self, migrator):
            migrator.sql("INSERT INTO step VALUES ('down')")

        def after(self, migrator):
            words.append([word for (word,) in migrator.database.execute_sql("SELECT word FROM step").fetchall()])
            migrator.drop_table("step")

    words: list[list[str]] = []
    database = place.database([Around])
    database.connect()
    database.register_models([])
    database.migrations.down()
    assert words == [["before", "up"], ["before", "down"]]


def test_a_percent_sign_is_sent_as_written(place: Place):
    class Percent(BaseMigration):
        id = "20240606_120000_percent"

        def up(self, migrator):
            migrator.create_table("rate", {"id": AutoField(), "text": CharField(constraints=[SQL("DEFAULT 'none'")])})
            migrator.sql("INSERT INTO rate (text) VALUES ('100 %'), ('%s'), ('a%%b')")
            migrator.script("INSERT INTO rate (text) VALUES ('50 % ; off'); INSERT INTO rate (text) VALUES ('x')")

    database = place.database([Percent])
    database.register_models([])
    database.connect(reuse_if_open=True)
    texts = [text for (text,) in database.execute_sql("SELECT text FROM rate ORDER BY id").fetchall()]
    assert texts == ["100 %", "%s", "a%%b", "50 % ; off", "x"]
