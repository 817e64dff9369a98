"""The list of migrations: every way in which it can be wrong has its own clear error, when it is built."""

from __future__ import annotations

import copy
import pickle

import pytest
from making import assert_helps, migration

from ormmigrate import (
    BackupError,
    BaseMigration,
    ChecksumMismatch,
    ConfigurationError,
    Database,
    DatabaseAhead,
    DuplicateMigration,
    HistoryError,
    IntegrityCheckFailed,
    InvalidMigrationId,
    IrreversibleMigration,
    LockTimeout,
    MigrationError,
    MigrationFailed,
    OutOfOrder,
    Registry,
    RegistryError,
    TableInUse,
    UnfinishedMigration,
    UnknownDependency,
    UnknownMigration,
    UnorderedMigrations,
    UnsupportedOperation,
)
from ormmigrate.errors import InterruptedMigration
from ormmigrate.registry import Registries, as_registries

A, B, C = "20240101_000000_a", "20240102_000000_b", "20240103_000000_c"


class First(BaseMigration):
    """The first."""

    id = A

    def up(self, migrator):
        pass


class Second(BaseMigration):
    id = B
    name = "The second one"

    def up(self, migrator):
        pass


# -- ids ----------------------------------------------------------------------------------------


WRONG_IDS = {
    "nothing": "",
    "None": None,
    "a number": 20240601_120000,
    "bytes": b"20240601_120000_add_user",
    "a tuple": ("20240601_120000_add_user",),
    "no timestamp": "add_user",
    "a date alone": "20240601_add_user",
    "a timestamp alone": "20240601_120000",
    "a timestamp and an underscore": "20240601_120000_",
    "a counter": "0001_add_user",
    "dashes in the date": "2024-06-01_120000_add_user",
    "seconds left out": "20240601_1200_add_user",
    "a digit too many": "202406011_120000_add_user",
    "a T in the timestamp": "20240601T120000_add_user",
    "no underscore in the timestamp": "20240601120000_add_user",
    "month 13": "20241301_120000_add_user",
    "30 February": "20240230_120000_add_user",
    "29 February in a common year": "20230229_120000_add_user",
    "day 0": "20240600_120000_add_user",
    "year 0": "00000601_120000_add_user",
    "24 o'clock": "20240601_240000_add_user",
    "minute 60": "20240601_126000_add_user",
    "second 60": "20240601_120060_add_user",
    "upper case": "20240601_120000_Add_User",
    "a double underscore": "20240601_120000_add__user",
    "an underscore at the end": "20240601_120000_add_user_",
    "two underscores after the timestamp": "20240601_120000__add_user",
    "a dash": "20240601_120000_add-user",
    "a space": "20240601_120000_add user",
    "a space in front": " 20240601_120000_add_user",
    "a space behind": "20240601_120000_add_user ",
    "a newline behind": "20240601_120000_add_user\n",
    "a dot": "20240601_120000_add.user",
    "the file's name": "m20240601_120000_add_user",
    "the file's ending": "20240601_120000_add_user.py",
    "the registry in front": "billing:20240601_120000_add_user",
    "a letter that is not ASCII": "20240601_120000_añadir",
    "Arabic digits in the date": "\u0662\u0660\u0662\u06640601_120000_add_user",
    "full-width digits in the description": "20240601_120000_add_user_\uff12",
    "superscript digits": "20240601_12000\xb2_add_user",
    "a NUL": "20240601_120000_add_user\0",
    "too long": "20240601_120000_" + "a" * 185,
}


@pytest.mark.parametrize("id", WRONG_IDS.values(), ids=WRONG_IDS)
def test_an_id_of_the_wrong_form_is_refused_and_the_class_named(id: object):
    with pytest.raises(InvalidMigrationId) as caught:
        Registry([migration(id, name="AddUser")])
    assert_helps(caught.value, "AddUser", repr(id))
    assert caught.value.id == id
    assert "20240602_130000_add_user_preferences" in caught.value.advice


@pytest.mark.parametrize(
    "id",
    [
        "20240229_000000_leap_day",
        "20240601_235959_x",
        "20240601_120000_2",
        "20240601_120000_add_2_columns_to_v3",
        "19700101_000000_long_ago",
        "99991231_235959_far_away",
        "20240601_120000_" + "a" * 184,
    ],
)
def test_an_id_of_the_right_form_is_taken(id: str):
    registry = Registry([migration(id)])
    assert id in registry
    assert registry[id].label == id


def test_a_class_without_an_id_is_named():
    class Forgetful(BaseMigration):
        def up(self, migrator):
            pass

    with pytest.raises(InvalidMigrationId) as caught:
        Registry([Forgetful])
    assert_helps(caught.value, "Forgetful", "''")


def test_the_reason_says_which_part_of_an_id_is_wrong():
    def reason(id: str) -> str:
        with pytest.raises(InvalidMigrationId) as caught:
            Registry([migration(id)])
        return caught.value.reason

    assert "timestamp" in reason("add_user")
    assert "description" in reason("20240601_120000_")
    assert "description" in reason("20240601_120000_Add")
    assert "20240230_120000" in reason("20240230_120000_add")
    assert "200" in reason("20240601_120000_" + "a" * 300)


# -- order and uniqueness -----------------------------------------------------------------------


def test_two_migrations_of_one_id_are_refused():
    with pytest.raises(DuplicateMigration) as caught:
        Registry([migration(A), migration(B), migration(B)])
    assert_helps(caught.value, B, "'app'")
    assert (caught.value.id, caught.value.registry) == (B, "app")


def test_the_same_class_twice_is_refused():
    with pytest.raises(DuplicateMigration) as caught:
        Registry([First, Second, First])
    assert_helps(caught.value, A)


def test_a_class_and_an_instance_of_it_are_the_same_migration():
    with pytest.raises(DuplicateMigration):
        Registry([First, First()])


def test_ids_that_do_not_ascend_are_refused_and_both_lines_named():
    with pytest.raises(UnorderedMigrations) as caught:
        Registry([migration(A), migration(C), migration(B)])
    assert_helps(caught.value, B, C)
    assert (caught.value.id, caught.value.after) == (B, C)


def test_ids_of_one_second_are_ordered_by_their_description():
    assert len(Registry([migration("20240101_000000_a"), migration("20240101_000000_b")])) == 2
    with pytest.raises(UnorderedMigrations):
        Registry([migration("20240101_000000_b"), migration("20240101_000000_a")])


def test_a_registry_keeps_its_order_and_finds_by_id():
    registry = Registry([First, Second])
    assert [one.id for one in registry] == [A, B]
    assert registry[B].title == "The second one"
    assert registry[A].title == "A"
    assert registry[A].description == "The first."
    assert registry[B].description == ""
    assert len(registry) == 2
    assert A in registry
    assert C not in registry


def test_an_empty_registry_is_one():
    assert len(Registry()) == len(Registry([])) == 0
    assert list(as_registries([]).migrations) == []


def test_an_unknown_id_is_answered_with_the_nearest_ones():
    registry = Registry([migration("20240101_000000_add_user"), migration(B)], name="billing")
    with pytest.raises(UnknownMigration) as caught:
        registry["20240101_000000_add_usr"]
    assert_helps(caught.value, "20240101_000000_add_usr")
    assert "20240101_000000_add_user" in caught.value.advice


# -- classes ------------------------------------------------------------------------------------


def test_a_class_without_up_is_refused():
    class Idle(BaseMigration):
        id = A

        def down(self, migrator):
            pass

    with pytest.raises(RegistryError) as caught:
        Registry([Idle])
    assert_helps(caught.value, "Idle", A, "up()")


def test_an_up_that_is_inherited_counts():
    class Child(First):
        id = B

    assert len(Registry([First, Child])) == 2


@pytest.mark.parametrize(
    "thing",
    [
        None,
        5,
        "20240101_000000_a",
        object(),
        dict,
        int,
        lambda migrator: None,
        [First],
        Registry([First]),
        BaseMigration,
    ],
    ids=["None", "number", "id", "object", "dict", "int", "function", "list", "registry", "the base class"],
)
def test_a_thing_that_is_no_migration_is_refused(thing: object):
    with pytest.raises(RegistryError) as caught:
        Registry([First, thing])
    assert_helps(caught.value)
    if not isinstance(thing, type):
        assert repr(thing) in caught.value.problem


def test_a_module_in_the_list_is_refused_by_name():
    with pytest.raises(RegistryError) as caught:
        Registry([pickle])
    assert_helps(caught.value, "pickle")


@pytest.mark.parametrize("migrations", [First, None, 5, "20240101_000000_a"], ids=["class", "None", "number", "text"])
def test_what_is_no_list_is_refused(migrations: object):
    with pytest.raises(RegistryError) as caught:
        Registry(migrations)
    assert_helps(caught.value, "'app'")


@pytest.mark.parametrize("migrations", [First, None, 5, "20240101_000000_a", {A: First}])
def test_what_is_no_list_is_refused_by_a_database_as_well(migrations: object):
    with pytest.raises(RegistryError) as caught:
        Database("sqlite:///:memory:", migrations=migrations)
    assert_helps(caught.value, repr(migrations))


def test_a_class_that_needs_arguments_is_refused():
    class Needy(First):
        def __init__(self, table):
            self.table = table

    with pytest.raises(RegistryError) as caught:
        Registry([Needy])
    assert_helps(caught.value, "Needy")
    assert len(Registry([Needy("user")])) == 1


def test_an_instance_keeps_what_it_was_given():
    one = First()
    one.color = "red"
    assert Registry([one])[A].color == "red"


def test_one_instance_in_two_registries_belongs_to_each_under_its_own_name():
    one = First()
    ours, theirs = Registry([one]), Registry([one], name="billing")
    assert ours[A].key == ("app", A)
    assert theirs[A].key == ("billing", A)


# -- dependencies -------------------------------------------------------------------------------


def test_a_dependency_that_comes_earlier_is_taken():
    registries = as_registries([First, migration(B, depends_on=(A,)), migration(C, depends_on=[A, B])])
    assert [one.id for one in registries.migrations] == [A, B, C]


def test_an_unknown_dependency_is_refused():
    with pytest.raises(UnknownDependency) as caught:
        as_registries([First, migration(B, depends_on=("20200101_000000_gone",))])
    assert_helps(caught.value, B, "20200101_000000_gone", "none of the registries")
    assert not caught.value.is_later


@pytest.mark.parametrize("dependency", [B, C], ids=["itself", "a later one"])
def test_a_later_dependency_is_refused(dependency: str):
    with pytest.raises(UnknownDependency) as caught:
        as_registries([First, migration(B, depends_on=(dependency,)), migration(C)])
    assert_helps(caught.value, B, dependency, "comes later")
    assert caught.value.is_later


def test_a_dependency_on_another_registry_carries_its_name():
    billing = Registry([First], name="billing")
    app = Registry([migration(B, depends_on=(f"billing:{A}",)), migration(C, depends_on=(f"app:{B}", B))])
    assert len(as_registries([app, billing]).migrations) == 3


def test_a_dependency_without_a_name_is_looked_for_in_its_own_registry_alone():
    billing = Registry([First], name="billing")
    with pytest.raises(UnknownDependency) as caught:
        as_registries([billing, Registry([migration(B, depends_on=(A,))])])
    assert_helps(caught.value, B, A)
    assert "billing:" in caught.value.advice


def test_a_dependency_on_an_unknown_registry_is_refused():
    with pytest.raises(UnknownDependency) as caught:
        as_registries([First, migration(B, depends_on=(f"billing:{A}",))])
    assert_helps(caught.value, B, f"billing:{A}")


def test_a_later_dependency_in_another_registry_is_refused():
    billing = Registry([migration(C)], name="billing")
    app = Registry([migration(B, depends_on=(f"billing:{C}",))])
    with pytest.raises(UnknownDependency) as caught:
        as_registries([billing, app])
    assert_helps(caught.value, B, f"billing:{C}", "comes later")


def test_depends_on_as_a_text_is_refused_with_the_tuple_to_write():
    with pytest.raises(RegistryError) as caught:
        Registry([First, migration(B, name="Careless", depends_on=A)])
    assert_helps(caught.value, "Careless", A)
    assert f"('{A}',)" in caught.value.advice


@pytest.mark.parametrize(
    "depends_on", [(First,), (None,), (5,), None, 5], ids=["class", "None in it", "5 in it", "None", "5"]
)
def test_dependencies_that_are_no_ids_are_refused(depends_on: object):
    with pytest.raises(RegistryError) as caught:
        Registry([First, migration(B, name="Careless", depends_on=depends_on)])
    assert_helps(caught.value, "Careless", "depends_on")


# -- registries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["app", "billing", "x", "my_app_2", "Billing", "a" * 50])
def test_a_registry_can_be_called(name: str):
    assert Registry([First], name=name).name == name


@pytest.mark.parametrize(
    "name", ["", "my app", "a:b", "my-app", "a.b", "_", "app\n", "a" * 51, None, 5, ["app"]], ids=repr
)
def test_a_registry_cannot_be_called(name: object):
    with pytest.raises(RegistryError) as caught:
        Registry([First], name=name)
    assert_helps(caught.value, repr(name))


def test_the_packages_own_name_is_refused_where_an_application_uses_it():
    with pytest.raises(RegistryError) as caught:
        Database("sqlite:///:memory:", migrations=Registry([First], name="ormmigrate"))
    assert_helps(caught.value, "'ormmigrate'")


def test_an_unknown_baseline_is_refused():
    with pytest.raises(UnknownMigration) as caught:
        Registry([First, Second], baseline="20240102_000000_bb")
    assert_helps(caught.value, "20240102_000000_bb")
    assert B in caught.value.advice


def test_several_registries_of_one_name_are_refused():
    with pytest.raises(RegistryError) as caught:
        as_registries([Registry([First], name="billing"), Registry([Second], name="billing")])
    assert_helps(caught.value, "'billing'")
    with pytest.raises(RegistryError):
        as_registries([Registry([First]), Registry([Second])])


@pytest.mark.parametrize("mixed", [[Registry([First]), Second], [First, Registry([Second], name="b")]])
def test_a_list_that_mixes_registries_and_migrations_is_refused(mixed: list):
    with pytest.raises(RegistryError) as caught:
        Database("sqlite:///:memory:", migrations=mixed)
    assert_helps(caught.value, "mixes")


def test_what_a_database_takes():
    ours, theirs = Registry([First]), Registry([Second], name="billing")
    for given, labels in (
        ((), []),
        ([First, Second], [A, B]),
        ((First, Second), [A, B]),
        ([First(), Second], [A, B]),
        (ours, [A]),
        ([ours, theirs], [A, f"billing:{B}"]),
        ((theirs, ours), [A, f"billing:{B}"]),
        (Registries([theirs]), [f"billing:{B}"]),
    ):
        database = Database("sqlite:///:memory:", migrations=given)
        assert [one.label for one in database.migrations.registries.migrations] == labels


def test_migrations_of_several_registries_run_in_the_order_of_their_ids():
    app = Registry([migration(A), migration(C)])
    billing = Registry([migration(A), migration(B)], name="billing")
    assert [one.label for one in as_registries([app, billing]).migrations] == [A, f"billing:{A}", f"billing:{B}", C]
    assert [one.label for one in as_registries([billing, app]).migrations] == [f"billing:{A}", A, f"billing:{B}", C]


def test_an_id_is_found_with_and_without_its_registry():
    registries = as_registries([Registry([First, Second]), Registry([migration(A), migration(C)], name="billing")])
    assert registries.find(A).label == A
    assert registries.find(f"app:{A}").label == A
    assert registries.find(f"billing:{A}").label == f"billing:{A}"
    assert registries.find(C).label == f"billing:{C}"
    for id in (f"billing:{B}", f"shop:{A}", "nothing", ""):
        with pytest.raises(UnknownMigration) as caught:
            registries.find(id)
        assert_helps(caught.value, repr(id))


# -- the errors themselves ----------------------------------------------------------------------


ERRORS = [
    MigrationError("It broke.", "mend it."),
    RegistryError("The list is wrong.", "correct it."),
    DuplicateMigration(id=A, registry="app"),
    InvalidMigrationId(id="x", where="shop.X", reason="it does not start with a timestamp"),
    UnorderedMigrations(id=A, after=B, registry="app"),
    UnknownDependency(migration=B, dependency=A, is_later=False),
    UnknownMigration(id=A, nearest=[B]),
    UnknownMigration(id=A),
    HistoryError("The history is wrong.", "look at it."),
    ChecksumMismatch(changed=[A, B]),
    DatabaseAhead(unknown=[A]),
    OutOfOrder(pending=[A], applied=B),
    UnfinishedMigration(migration=A, effects=["create the table user (id)"]),
    UnfinishedMigration(migration=B, effects=()),
    UnfinishedMigration(migration=B, effects=None),
    UnfinishedMigration(migration=A, effects=["fill it"], obstacles=["no reverse of this: fill it"], can_resume=True),
    InterruptedMigration(migration=A),
    MigrationFailed(
        migration=A,
        operation="add the column user.bio",
        statement="ALTER TABLE user",
        cause=ValueError("no"),
        outcome="Everything was rolled back.",
        advice="correct it.",
    ),
    IrreversibleMigration(migration=A, operation="run the SQL: DELETE", advice="write down()."),
    IntegrityCheckFailed(problem="Rows refer to nothing.", findings=["row 1", "row 2"], advice="delete them."),
    LockTimeout(timeout_s=60.0, holder="process 7"),
    LockTimeout(timeout_s=0.5),
    TableInUse(timeout_s=2, tries=5, holder="process 7"),
    TableInUse(timeout_s=2, tries=5, suspects=["connection 4"]),
    UnsupportedOperation(operation="drop x", reason="It cannot.", advice="do without."),
    BackupError("The disk is full.", "make room."),
    ConfigurationError("The URL is wrong.", "correct it."),
]


def _all_subclasses(cls: type) -> set[type]:
    return {cls}.union(*(_all_subclasses(child) for child in cls.__subclasses__()))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "copied",
    [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_an_error_survives_being_copied(error: MigrationError, copied):
    other = copied(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert other.args == error.args
    assert vars(other) == vars(error)
    assert_helps(other)


def test_every_error_of_the_package_is_held_to_that():
    ours = {cls for cls in _all_subclasses(MigrationError) if cls.__module__ == "ormmigrate.errors"}
    assert ours == {type(error) for error in ERRORS}


def test_an_error_raised_by_a_real_list_crosses_a_process_pool_with_its_facts():
    with pytest.raises(UnorderedMigrations) as caught:
        Registry([migration(B), migration(A)])
    other = pickle.loads(pickle.dumps(caught.value))
    assert (other.id, other.after, other.registry) == (A, B, "app")
