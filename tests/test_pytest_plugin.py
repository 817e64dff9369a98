"""The pytest plugin, as projects use it: each test runs pytest in a project of its own."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import peewee
import pytest
from places import MARIA, MYSQL, PG, POSTGRESQL, Place, place_of

from ormmigrate.urls import database_from_url

pytest_plugins = ["pytester"]

SWITCHED_ON = "from ormmigrate.testing import TestMigrations  # noqa: F401\n"
CREATE, PHONE, CENTS = "20240101_090000_create_tables", "20240102_090000_add_phone", "20240103_090000_count_cents"
MIGRATIONS = {
    CREATE: """
        migrator.create_table("customer", {"id": AutoField(), "email": CharField(unique=True)})
        migrator.create_table("orders", {
            "id": AutoField(),
            "customer_id": ForeignKeyField(reference("customer"), on_delete="CASCADE"),
            "total": IntegerField(),
        })
        """,
    PHONE: 'migrator.add_column("customer", "phone", CharField(null=True))',
    CENTS: """
        migrator.rename_column("orders", "total", "cents")
        migrator.add_index("orders", ("cents",))
        migrator.sql("UPDATE orders SET cents = cents * 100", reverse="UPDATE orders SET cents = cents / 100")
        """,
}
NEXT = "20240104_090000_next"
MODELS = """
from peewee import CharField, ForeignKeyField, IntegerField
from shop.db import db

class Customer(db.Model):
    email = CharField(unique=True)
    phone = CharField(null=True)

class Order(db.Model):
    customer = ForeignKeyField(Customer, on_delete="CASCADE")
    cents = IntegerField(index=True)

    class Meta:
        table_name = "orders"
"""
DATABASE = """
from peewee import SqliteDatabase
from ormmigrate import Database
from shop.migrations import registry

db = Database(SqliteDatabase("shop.db", pragmas={"foreign_keys": 1}), migrations=registry)
"""


@dataclass(frozen=True)
class Shop:
    """A project with two models, three migrations, and a test module that switches the ready-made tests on."""

    pytester: pytest.Pytester

    @property
    def root(self) -> Path:
        return self.pytester.path

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")

    def migrate(self, id: str, up: str, down: str | None = None, file: str | None = None) -> None:
        """Write a migration's file; `list_all` puts it into the registry."""
        methods = {"up": up, "down": down}
        body = "".join(
            f"\n    def {name}(self, migrator):\n{textwrap.indent(textwrap.dedent(code).strip(), ' ' * 8)}\n"
            for name, code in methods.items()
            if code is not None
        )
        head = "from peewee import *\nfrom ormmigrate import BaseMigration, reference\n"
        self.write(
            f"shop/migrations/{file or f'm{id}'}.py", f'{head}\nclass Step(BaseMigration):\n    id = "{id}"\n{body}'
        )

    def list_all(self, *modules: str) -> None:
        names = modules or sorted(path.stem for path in (self.root / "shop/migrations").glob("m*.py"))
        imports = "".join(f"from shop.migrations import {name}\n" for name in names)
        steps = ", ".join(f"{name}.Step" for name in names)
        self.write(
            "shop/migrations/__init__.py", f"from ormmigrate import Registry\n{imports}registry = Registry([{steps}])\n"
        )

    def and_then(self, up: str, down: str | None = None) -> None:
        """Add a fourth migration."""
        self.migrate(NEXT, up, down)
        self.list_all()

    def set(self, *lines: str) -> None:
        """pytest's settings."""
        self.write("pytest.ini", "\n".join(["[pytest]", "pythonpath = .", *lines]))

    def test(self, *arguments: str) -> pytest.RunResult:
        # What this project's own tests need besides takes longer to import than all of the rest.
        without = ["cacheprovider", "hypothesispytest"] + ["xdist"] * ("-n" not in arguments)
        options = [part for name in without for part in ("-p", f"no:{name}")]
        return self.pytester.runpytest_subprocess(*options, "-rsf", *arguments)


@pytest.fixture
def shop(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.delenv("ORMMIGRATE_TEST_DATABASE", raising=False)
    found = Shop(pytester)
    found.write("pyproject.toml", '[tool.ormmigrate]\napp = "shop.db:db"\nmodels = "shop.models"\n')
    found.write("shop/__init__.py", "")
    found.write("shop/db.py", DATABASE)
    found.write("shop/models.py", MODELS)
    for id, up in MIGRATIONS.items():
        found.migrate(id, up)
    found.list_all()
    found.set()
    found.write("test_migrations.py", SWITCHED_ON)
    return found


def assert_one_fails(result: pytest.RunResult, test: str, *lines: str, **others: int) -> None:
    """That test alone fails, and says those lines in their order; the last one is what to do."""
    failed = [line for line in result.outlines if line.startswith("FAILED")]
    assert len(failed) == 1, result.outlines
    assert test in failed[0]
    assert result.parseoutcomes()["failed"] == 1
    for outcome, number in others.items():
        assert result.parseoutcomes().get(outcome, 0) == number, result.outlines
    result.stdout.fnmatch_lines([f"*{line}*" for line in lines])
    assert any(line.lstrip("E ").startswith("Next: ") for line in result.outlines), result.outlines


# -- the ready-made tests -------------------------------------------------------------------------


def test_one_line_tests_every_migration_under_its_id(shop: Shop):
    result = shop.test("-v")
    result.assert_outcomes(passed=3 + 2 * 3)
    result.stdout.fnmatch_lines(
        [
            "*TestMigrations::test_the_registry_is_valid PASSED*",
            "*::test_the_migrations_run_on_an_empty_database?memory? PASSED*",
            "*::test_the_migrations_make_what_the_models_describe?memory? PASSED*",
            f"*::test_a_migration_keeps_the_rows?memory-{CENTS}? PASSED*",
            f"*::test_down_takes_back_what_up_did?memory-{CENTS}? PASSED*",
        ]
    )
    assert not (shop.root / "shop.db").exists()


def test_a_test_can_be_left_out(shop: Shop):
    shop.write(
        "test_migrations.py",
        """
        import ormmigrate.testing

        class TestMigrations(ormmigrate.testing.TestMigrations):
            test_the_registry_is_valid = None
        """,
    )
    shop.test().assert_outcomes(passed=8)


def test_the_ready_made_tests_run_in_several_processes(shop: Shop):
    shop.test("-n", "2").assert_outcomes(passed=9)


def test_a_migration_that_loses_rows_is_named_with_what_is_gone(shop: Shop):
    shop.and_then('migrator.sql("DELETE FROM orders WHERE id > 1", reverse="SELECT 1")')
    result = shop.test("-k", "keeps_the_rows")
    assert_one_fails(
        result,
        f"test_a_migration_keeps_the_rows[memory-{NEXT}]",
        f"{NEXT} does not keep the rows that were there before it:",
        "- orders: 2 of 3 rows are gone",
        f'Next: correct the migration; or, if it is meant to: add "{NEXT}" to ormmigrate_changes_rows',
        passed=3,
    )


def test_a_migration_may_say_that_it_deletes_rows(shop: Shop):
    shop.and_then('migrator.sql("DELETE FROM orders WHERE id > 1", reverse="SELECT 1")')
    shop.set(f"ormmigrate_changes_rows = {NEXT}")
    shop.test().assert_outcomes(passed=11)


def test_values_that_a_migration_changes_and_names_nowhere_are_found(shop: Shop):
    shop.and_then(
        """
        migrator.sql("CREATE TABLE copied (id INTEGER PRIMARY KEY, email VARCHAR(255), phone VARCHAR(255))")
        migrator.sql("INSERT INTO copied SELECT id, email, '' FROM customer")
        migrator.sql("DROP TABLE customer")
        migrator.sql("ALTER TABLE copied RENAME TO customer")
        """,
        down="pass",
    )
    result = shop.test("-k", "keeps_the_rows")
    assert_one_fails(result, NEXT, "- customer.phone: '1' became '' (where id = 1, and in 2 more)")


def test_values_are_followed_through_renames(shop: Shop):
    shop.and_then(
        """
        migrator.rename_table("orders", "purchase")
        migrator.rename_column("purchase", "cents", "price")
        migrator.sql("CREATE TABLE kept AS SELECT * FROM purchase")
        migrator.sql("DELETE FROM purchase")
        migrator.sql("INSERT INTO purchase SELECT id, customer_id, price + 1 FROM kept")
        migrator.sql("DROP TABLE kept")
        """,
        down="""
        migrator.rename_column("purchase", "price", "cents")
        migrator.rename_table("purchase", "orders")
        """,
    )
    result = shop.test("-k", f"keeps_the_rows and {NEXT}")
    assert_one_fails(result, NEXT, "- orders.cents: 1 became 2 (where id = 1, and in 2 more)")


def test_a_migration_that_does_not_run_on_rows_is_named_with_its_reason(shop: Shop):
    shop.and_then('migrator.add_not_null("customer", "phone")')
    result = shop.test("-k", NEXT)
    assert_one_fails(
        result,
        f"test_a_migration_keeps_the_rows[memory-{NEXT}]",
        f"{NEXT} does not run on tables that hold rows.",
        f"The migration {NEXT} failed at: forbid NULL in customer.phone",
        "Next: *the fixture ormmigrate_rows can put others there",
        skipped=1,
    )


def test_a_project_gives_its_own_rows(shop: Shop):
    shop.and_then('migrator.add_not_null("customer", "phone")')
    shop.write("shop/models.py", MODELS.replace("CharField(null=True)", "CharField()"))
    shop.write(
        "conftest.py",
        f"""
        import pytest

        @pytest.fixture
        def ormmigrate_rows():
            return {{"{NEXT}": customers_with_phones, "*": lambda db: None}}

        def customers_with_phones(db):
            db.execute_sql("INSERT INTO customer (email, phone) VALUES ('ann@example.org', '1')")
        """,
    )
    shop.test().assert_outcomes(passed=11)


def test_rows_for_a_migration_that_is_not_there_are_refused(shop: Shop):
    shop.write("conftest.py", "import pytest\n@pytest.fixture\ndef ormmigrate_rows():\n    return {'2024_x': print}\n")
    result = shop.test("-k", f"keeps_the_rows and {PHONE}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*The fixture ormmigrate_rows names migrations that there are not: 2024_x.*"])


def test_an_index_that_down_leaves_is_found(shop: Shop):
    shop.and_then(
        """
        migrator.add_column("orders", "note", CharField(null=True))
        migrator.add_index("orders", ("customer_id", "cents"))
        """,
        down='migrator.drop_column("orders", "note")',
    )
    result = shop.test("-k", NEXT)
    assert_one_fails(
        result,
        f"test_down_takes_back_what_up_did[memory-{NEXT}]",
        f"up() and down() of {NEXT} leave something behind, as if this had been run:",
        "- add the index orders_customer_id_cents on orders (customer_id, cents)",
        "Next: let down() take back all that up() does.",
        passed=1,
    )


def test_rows_that_down_leaves_are_found(shop: Shop):
    shop.and_then("""migrator.sql("INSERT INTO customer (email) VALUES ('x@example.org')", reverse="SELECT 1")""")
    result = shop.test("-k", NEXT)
    assert_one_fails(
        result, "test_down", "- customer: 4 rows, where there were 3", "Next: let down() bring back", passed=1
    )


def test_a_migration_without_a_way_back_is_skipped_with_the_reason(shop: Shop):
    shop.and_then('migrator.drop_column("customer", "phone")')
    result = shop.test("-k", NEXT)
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines([f"SKIPPED*{NEXT} has no way back: drop the column customer.phone and its values"])
    shop.and_then('migrator.sql("SELECT 1")', down='raise NotImplementedError("nobody knows how")')
    result = shop.test("-k", NEXT)
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*NotImplementedError('nobody knows how')"])


def test_a_project_may_want_a_way_back_everywhere(shop: Shop):
    shop.and_then('migrator.drop_column("customer", "phone")')
    shop.set("ormmigrate_allow_irreversible = false")
    result = shop.test("-k", NEXT)
    assert_one_fails(result, NEXT, f"The migration {NEXT} cannot be reversed", "Next: name the field it had", passed=1)


def test_a_model_without_a_migration_is_told_with_the_command(shop: Shop):
    shop.write("shop/models.py", MODELS.replace("cents =", "paid = IntegerField(null=True)\n    cents ="))
    assert_one_fails(
        shop.test(),
        "test_the_migrations_make_what_the_models_describe",
        "The models describe what no migration makes:",
        "- add the column orders.paid (IntegerField, null)",
        "Next: python -m ormmigrate new NAME --auto writes the migration",
        passed=8,
    )


def test_a_migration_that_does_not_run_on_an_empty_database_is_shown_with_its_line(shop: Shop):
    shop.and_then('raise ValueError("not today")')
    result = shop.test()
    result.assert_outcomes(passed=7, failed=3, skipped=1)
    result.stdout.fnmatch_lines(
        [
            f"*The migration {NEXT} failed*",
            "*ValueError: not today*",
            f'*m{NEXT}.py", line 8, in up*',
        ]
    )


def test_migrations_behind_one_that_does_not_run_are_skipped(shop: Shop):
    shop.migrate(PHONE, 'migrator.drop_column("customer", "phone")')
    result = shop.test("-k", f"keeps_the_rows and {CENTS}")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"SKIPPED*{PHONE} does not run, so there is nothing to try {CENTS} on"])


def test_a_registry_in_the_wrong_order_fails_one_test_and_the_others_say_so(shop: Shop):
    shop.list_all(*(f"m{id}" for id in (PHONE, CREATE, CENTS)))
    assert_one_fails(
        shop.test(),
        "test_the_registry_is_valid",
        f"The registry 'app' lists '{CREATE}' after '{PHONE}'",
        "Next: put the lines in ascending order",
        skipped=4,
    )


def test_files_that_are_not_what_the_registry_says_are_found(shop: Shop):
    shop.migrate("20240105_090000_misnamed", "pass", file="m20240105_090000_named")
    shop.list_all()
    shop.migrate("20240106_090000_forgotten", "pass")
    assert_one_fails(
        shop.test("-k", "registry"),
        "test_the_registry_is_valid",
        "m20240105_090000_named.py holds the migration 20240105_090000_misnamed",
        "m20240106_090000_forgotten.py is in no registry, so it never runs",
    )


def test_a_migration_that_is_still_to_be_written_is_found(shop: Shop):
    shop.and_then('raise NotImplementedError("write what this migration does")')
    assert_one_fails(
        shop.test("-k", "registry"),
        "test_the_registry_is_valid",
        f"{NEXT} refuses to run (write what this migration does)",
        "Next: ",
    )


def test_an_application_that_is_not_found_says_where_it_is_looked_for(shop: Shop):
    shop.write("pyproject.toml", "")
    assert_one_fails(
        shop.test(),
        "test_the_registry_is_valid",
        "Nothing says where the application's Database is",
        "Next: python -m ormmigrate init writes it",
        skipped=4,
    )
    shop.set("ormmigrate_app = shop.db:db")
    shop.write("conftest.py", "import shop.models\n")
    shop.test().assert_outcomes(passed=9)


def test_tables_that_take_no_rows_are_told_beside_a_failure(shop: Shop):
    shop.and_then(
        """
        migrator.create_table("picky", {"id": AutoField(), "a": IntegerField()}, constraints=["CHECK (a * a = 1369)"])
        """
    )
    shop.migrate("20240105_090000_fails", 'migrator.sql("SELECT 1 FROM nothing")')
    shop.list_all()
    result = shop.test("-k", "keeps_the_rows and fails")
    result.stdout.fnmatch_lines(["*No rows could be made up for these tables, which stood empty:*", "*- picky: CHECK*"])


# -- databases ------------------------------------------------------------------------------------


def assert_all_pass(shop: Shop, module: str, *arguments: str) -> pytest.RunResult:
    """The tests of a module that the project is given pass."""
    shop.write("test_shop.py", module)
    result = shop.test("test_shop.py", *arguments)
    result.assert_outcomes(passed=module.count("\ndef test_") or module.count("    def test_"))
    return result


def test_each_test_has_a_migrated_database_of_its_own_and_models_follow(shop: Shop):
    assert_all_pass(
        shop,
        """
import pytest
from shop.db import db
from shop.models import Customer, Order

@pytest.fixture(autouse=True)
def as_before():
    own = db.obj
    yield
    assert db.obj is own and db.is_closed() and own.database == "shop.db"
    assert db.migrations.environment.name == "production"

def test_one(migrated_db):
    assert migrated_db is db
    Order.create(customer=Customer.create(email="ann@example.org"), cents=1250)
    assert Order.select().count() == 1

def test_another(migrated_db):
    assert Order.select().count() == 0
    assert db.migrations.environment.name == "test"
    assert [m.state for m in db.migrations.status().migrations] == ["applied"] * 3

def test_a_third_goes_up_by_itself(unmigrated_db):
    assert unmigrated_db is db and db.get_tables() == []
    db.migrations.up(to="20240101_090000_create_tables")
    db.execute_sql("INSERT INTO customer (email) VALUES ('ann@example.org')")
    assert db.migrations.up().applied == ("20240102_090000_add_phone", "20240103_090000_count_cents")
    assert Customer.get().phone is None
""",
    )
    assert not (shop.root / "shop.db").exists()


def test_in_memory_the_application_may_connect_and_close_as_it_likes_and_in_any_thread(shop: Shop):
    assert_all_pass(
        shop,
        """
import threading
from shop.db import db
from shop.models import Customer

def test_with_closes_and_nothing_is_lost(migrated_db):
    with db.connection_context() if db.is_closed() else db:
        Customer.create(email="ann@example.org")
    db.close()
    assert db.is_closed()
    with db:
        assert Customer.select().count() == 1
    db.connect()
    db.close()

def test_another_thread_sees_and_changes_the_same_rows(migrated_db):
    Customer.create(email="ann@example.org")

    def answer():
        with db.connection_context():
            Customer.update(phone=str(Customer.select().count())).execute()

    thread = threading.Thread(target=answer)
    thread.start()
    thread.join()
    assert Customer.get().phone == "1"
""",
    )


def test_in_memory_the_database_is_set_up_as_the_application_has_it(shop: Shop):
    shop.write(
        "shop/db.py",
        DATABASE + 'db.obj.func("shout")(str.upper)\ndb.obj.collation("plain")(lambda a, b: (a > b) - (a < b))\n',
    )
    assert_all_pass(
        shop,
        """
import peewee
import pytest
from shop.db import db
from shop.models import Order

def test_pragmas_functions_and_collations_are_there(migrated_db):
    assert db.execute_sql("SELECT shout('a')").fetchone() == ("A",)
    assert db.execute_sql("SELECT 'a' < 'b' COLLATE plain").fetchone() == (1,)
    with pytest.raises(peewee.IntegrityError):
        Order.create(customer=7, cents=1)
""",
    )


def test_fixtures_may_end_in_any_order(shop: Shop):
    assert_all_pass(
        shop,
        """
import pytest
from shop.db import db
from shop.models import Customer

@pytest.fixture(autouse=True)
def as_before():
    own = db.obj
    yield
    assert db.obj is own

def test_one_in_the_other(migrated_db_of, migrated_db):
    Customer.create(email="ann@example.org")
    migrated_db_of("sqlite:///:memory:")
    assert Customer.select().count() == 0

def test_the_other_way_round(migrated_db, migrated_db_of):
    Customer.create(email="ann@example.org")
    migrated_db_of("sqlite:///file.db")
    assert Customer.select().count() == 0
""",
    )


def test_a_file_is_written_into_the_folder_of_the_test(shop: Shop):
    assert_all_pass(
        shop,
        """
import sqlite3

def test_a_url_of_a_file(migrated_db_of, tmp_path):
    database = migrated_db_of("sqlite:////somewhere/else/copy.db")
    assert database.pragma("foreign_keys") == 1
    database.execute_sql("INSERT INTO customer (email) VALUES ('ann@example.org')")
    rows = sqlite3.connect(tmp_path / "copy.db").execute("SELECT email FROM customer").fetchall()
    assert rows == [("ann@example.org",)]
""",
    )


def test_one_setting_moves_all_tests_to_another_place(shop: Shop):
    shop.set("ormmigrate_database = sqlite:///test.db")
    module = "\ndef test_it_is_in_a_file(migrated_db, tmp_path):\n    assert (tmp_path / 'test.db').exists()\n"
    assert_all_pass(shop, module)
    result = shop.test("-v", "test_migrations.py")
    result.assert_outcomes(passed=1 + 2 * (2 + 2 * 3))
    result.stdout.fnmatch_lines([f"*test_a_migration_keeps_the_rows?sqlite-{CENTS}? PASSED*"])


def test_a_failure_that_the_application_would_go_on_after_fails_the_test(shop: Shop):
    shop.write("shop/db.py", DATABASE.replace("migrations=registry", 'migrations=registry, on_failure="continue"'))
    shop.and_then('migrator.sql("SELECT 1 FROM nothing")')
    shop.write("test_shop.py", "def test_it(migrated_db):\n    pass\n")
    result = shop.test("test_shop.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*The migration {NEXT} failed*"])


def test_importing_the_application_migrates_nothing(shop: Shop):
    shop.write("shop/models.py", MODELS + "\ndb.register_models([Customer, Order])\n")
    assert_all_pass(
        shop,
        """
def test_it(ormmigrate_app, migrated_db):
    assert [model.__name__ for model in ormmigrate_app.models()] == ["Customer", "Order"]
""",
    )
    assert not (shop.root / "shop.db").exists()


def test_a_model_that_differs_from_its_table_is_said_by_the_first_database(shop: Shop):
    shop.write("shop/models.py", MODELS.replace("cents =", "paid = IntegerField(null=True)\n    cents ="))
    shop.write("test_shop.py", "def test_it(migrated_db):\n    pass\n")
    result = shop.test("test_shop.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Models differ from their tables:*", "*add the column orders.paid*"])


# -- servers --------------------------------------------------------------------------------------

SERVERS = {PG: POSTGRESQL, MARIA: MYSQL}
WHERE = {PG: "SELECT current_schema()", MARIA: "SELECT DATABASE()"}
NAMES = {PG: "SELECT nspname FROM pg_namespace", MARIA: "SHOW DATABASES"}


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The kind of a server that answers."""
    with place_of(request.param, tmp_path):
        return str(request.param)


def names_on(server: str, query: str = "") -> set[str]:
    database = database_from_url(SERVERS[server])
    try:
        return {name for (name,) in database.execute_sql(query or NAMES[server]).fetchall()}
    finally:
        database.close()


def test_on_a_server_each_test_has_a_place_of_its_own_that_is_gone_afterwards(shop: Shop, server: str):
    result = assert_all_pass(
        shop,
        f"""
import threading
from shop.db import db
from shop.models import Customer

def test_one(migrated_db):
    Customer.create(email="ann@example.org")
    print("place:", db.execute_sql("{WHERE[server]}").fetchone()[0])

def test_another(migrated_db_of):
    migrated_db_of("{SERVERS[server]}")
    assert Customer.select().count() == 0
    # As a server that answers in a thread of its own.
    thread = threading.Thread(target=lambda: Customer.create(email="ann@example.org"))
    thread.start()
    thread.join()
    assert Customer.select().count() == 1
    print("place:", db.execute_sql("{WHERE[server]}").fetchone()[0])
""",
        "-s",
        f"--ormmigrate-database={SERVERS[server]}",
    )
    places = {line.partition("place: ")[2] for line in result.outlines if "place: " in line}
    assert len(places) == 2
    assert all(place.startswith("ormmigrate_test_") for place in places)
    assert not places & names_on(server)


def test_the_ready_made_tests_run_on_a_server_too(shop: Shop, server: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ORMMIGRATE_TEST_DATABASE", SERVERS[server])
    result = shop.test("-v")
    scheme = SERVERS[server].partition(":")[0]
    result.assert_outcomes(passed=1 + 2 * (2 + 2 * 3))
    result.stdout.fnmatch_lines([f"*test_a_migration_keeps_the_rows?{scheme}-{CENTS}? PASSED*"])


@pytest.fixture
def server_shop(shop: Shop, server: str) -> Shop:
    """A shop whose own database is on a server."""
    shop.write(
        "shop/db.py", DATABASE.replace('SqliteDatabase("shop.db", pragmas={"foreign_keys": 1})', f'"{SERVERS[server]}"')
    )
    return shop


def test_an_application_on_a_server_needs_one_for_its_tests(server_shop: Shop, server: str):
    server_shop.write("test_shop.py", "def test_it(migrated_db):\n    pass\n")
    result = server_shop.test()
    result.assert_outcomes(passed=1, skipped=4, errors=1)
    result.stdout.fnmatch_lines(["*its tests cannot run in memory*", "SKIPPED*pytest --ormmigrate-database*"])
    server_shop.set(f"ormmigrate_database = {SERVERS[server]}")
    server_shop.test().assert_outcomes(passed=10)


def test_an_application_that_names_a_schema_gets_a_whole_database(shop: Shop, postgresql_place: Place):
    shop.write("shop/db.py", DATABASE.replace("migrations=registry", 'migrations=registry, schema="shop"'))
    result = assert_all_pass(
        shop,
        """
from shop.db import db
from shop.models import Customer

def test_it(migrated_db):
    Customer.create(email="ann@example.org")
    assert db.execute_sql("SELECT email FROM shop.customer").fetchall() == [("ann@example.org",)]
    print("place:", db.execute_sql("SELECT current_database()").fetchone()[0])
""",
        "-s",
        f"--ormmigrate-database={POSTGRESQL}",
    )
    (place,) = {line.partition("place: ")[2] for line in result.outlines if "place: " in line}
    assert place not in names_on(PG, "SELECT datname FROM pg_database")
    assert "shop" not in names_on(PG)
    shop.set(f"ormmigrate_database = {POSTGRESQL}")
    shop.test("test_migrations.py", "-k", "postgresql").assert_outcomes(passed=2 + 2 * 3)


def test_on_postgresql_other_schemas_are_seen_where_the_url_names_them(shop: Shop, postgresql_place: Place):
    database = database_from_url(postgresql_place.url)
    database.execute_sql("CREATE DOMAIN shared_type AS integer")
    database.execute_sql("CREATE TABLE customer (id integer)")
    assert_all_pass(
        shop,
        """
from shop.models import Customer

def test_it(migrated_db):
    assert migrated_db.execute_sql("SELECT 1::shared_type").fetchone() == (1,)
    assert Customer.select().count() == 0
""",
        f"--ormmigrate-database={postgresql_place.url}",
    )
    assert [column.name for column in database.get_columns("customer", schema=current(database))] == ["id"]
    database.close()


def current(database: peewee.Database) -> str:
    return str(database.execute_sql("SELECT current_schema()").fetchone()[0])


def test_a_password_is_never_shown(shop: Shop):
    result = shop.test("-v", "--ormmigrate-database=postgresql://ann:secret@127.0.0.1:1/none")
    assert "secret" not in result.stdout.str() + result.stderr.str()


# -- what it costs --------------------------------------------------------------------------------


def test_a_project_that_does_not_use_the_plugin_imports_nothing_for_it(pytester: pytest.Pytester):
    assert [one.value for one in entry_points(group="pytest11", name="ormmigrate")] == ["ormmigrate.pytest_plugin"]
    pytester.makepyfile(
        """
        import sys

        def test_it():
            ours = {name for name in sys.modules if name.partition(".")[0] in ("ormmigrate", "peewee", "playhouse")}
            assert ours == {"ormmigrate", "ormmigrate.version", "ormmigrate.pytest_plugin"}
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
