"""Registries and history rows to what will run, and to what is wrong: pure functions on values."""

from __future__ import annotations

from datetime import datetime

import pytest
from making import assert_helps, migration

from ormmigrate import (
    ChecksumMismatch,
    ConfigurationError,
    DatabaseAhead,
    HistoryError,
    OutOfOrder,
    Registry,
    UnfinishedMigration,
    UnknownMigration,
)
from ormmigrate.environments import environment_named
from ormmigrate.migrations import registry as builtin
from ormmigrate.plan import (
    AppliedMigration,
    errors_in,
    is_changed,
    own_rows,
    pending,
    plan_down_all,
    plan_down_batch,
    plan_down_only,
    plan_down_steps,
    plan_down_to,
    plan_up,
    raise_or_warn,
    verdict_on,
)
from ormmigrate.registry import Registries, is_complete

A, B, C, D = "20240101_000000_a", "20240102_000000_b", "20240103_000000_c", "20240104_000000_d"
OURS = [("ormmigrate", one.id, "done") for one in builtin]


def registry(*ids: str, name: str = "app", baseline: str | None = None) -> Registry:
    return Registry([migration(id) for id in ids], name=name, baseline=baseline)


APP = Registries([registry(A, B, C)])
BOTH = Registries([registry(A, B, D), registry(A, C, name="billing")])


def rows(*labels: str, batch: int = 1, state: str = "done", checksum: str | None = "1:x") -> list[AppliedMigration]:
    """Rows in the order in which they were applied."""
    return [
        AppliedMigration(
            seq=seq,
            registry=label.rpartition(":")[0] or "app",
            id=label.rpartition(":")[2],
            name="",
            description="",
            checksum=checksum,
            source=None,
            batch=batch,
            applied_at=datetime(2024, 1, 1),
            duration_ms=1.0,
            state=state,
            application_version=None,
            package_version=None,
            details={},
        )
        for seq, label in enumerate(labels, 1)
    ]


def up(registries: Registries, *labels: str, to: str | None = None, has_tables: bool = True) -> tuple[str, ...]:
    return plan_up(registries, rows(*labels), to=to, has_tables=has_tables).labels


# -- up -----------------------------------------------------------------------------------------


def test_everything_is_pending_where_nothing_is_applied():
    plan = plan_up(APP, [], has_tables=False)
    assert plan.labels == (A, B, C)
    assert plan.direction == "up"
    assert plan.baseline == ()
    assert plan


def test_nothing_is_planned_where_everything_is_applied():
    plan = plan_up(APP, rows(A, B, C), has_tables=True)
    assert plan.labels == ()
    assert not plan


def test_only_what_no_row_names_is_pending():
    assert up(APP, A) == (B, C)
    assert up(APP, A, C) == (B,)
    assert up(APP, C, A) == (B,)
    assert [one.id for one in pending(APP.migrations, rows(B))] == [A, C]


def test_to_is_the_last_that_is_applied_afterwards():
    assert up(APP, to=A) == (A,)
    assert up(APP, to=B) == (A, B)
    assert up(APP, A, to=C) == (B, C)
    assert up(APP, A, B, to=A) == ()
    assert up(APP, A, C, to=B) == (B,)


def test_several_registries_are_planned_in_the_order_of_their_ids():
    assert up(BOTH) == (A, f"billing:{A}", B, f"billing:{C}", D)
    assert up(BOTH, A, B) == (f"billing:{A}", f"billing:{C}", D)


def test_to_counts_in_the_order_in_which_all_registries_run():
    assert up(BOTH, to=f"billing:{C}") == (A, f"billing:{A}", B, f"billing:{C}")
    assert up(BOTH, to=B) == (A, f"billing:{A}", B)
    assert up(BOTH, to=A) == (A,)
    assert up(BOTH, to=f"billing:{A}") == (A, f"billing:{A}")


def test_rows_of_somebody_elses_registry_are_ignored():
    assert up(APP, "blog:" + A, "blog:" + D, A) == (B, C)
    assert [row.label for row in own_rows(APP, rows("blog:" + A, B, A))] == [B, A]


def test_an_unknown_id_to_go_to_is_refused():
    with pytest.raises(UnknownMigration) as caught:
        up(APP, to=D)
    assert_helps(caught.value, D)


# -- baseline -----------------------------------------------------------------------------------


BASED = Registries([registry(A, B, C, baseline=B)])


def test_a_database_with_tables_and_no_history_is_taken_to_be_at_the_baseline():
    plan = plan_up(BASED, [], has_tables=True)
    assert [one.id for one in plan.baseline] == [A, B]
    assert plan.labels == (C,)


def test_an_empty_database_runs_everything_whatever_the_baseline_says():
    plan = plan_up(BASED, [], has_tables=False)
    assert plan.baseline == ()
    assert plan.labels == (A, B, C)


def test_a_database_with_a_history_runs_everything_that_it_lacks():
    plan = plan_up(BASED, rows(A), has_tables=True)
    assert plan.baseline == ()
    assert plan.labels == (B, C)


def test_a_baseline_that_is_all_there_is_is_still_something_to_do():
    plan = plan_up(Registries([registry(A, B, baseline=B)]), [], has_tables=True)
    assert plan.labels == ()
    assert plan


def test_each_registry_has_its_own_baseline():
    both = Registries([registry(A, B, baseline=A), registry(A, C, D, name="billing", baseline=C)])
    plan = plan_up(both, [], has_tables=True)
    assert [one.label for one in plan.baseline] == [A, f"billing:{A}", f"billing:{C}"]
    assert plan.labels == (B, f"billing:{D}")


def test_a_registry_without_a_baseline_runs_from_the_beginning():
    both = Registries([registry(A, B), registry(A, C, name="billing", baseline=C)])
    assert plan_up(both, [], has_tables=True).labels == (A, B)


# -- down ---------------------------------------------------------------------------------------


def test_steps_are_taken_back_newest_first():
    plan = plan_down_steps(APP, rows(A, B, C), 2)
    assert plan.direction == "down"
    assert plan.labels == (C, B)
    assert plan_down_steps(APP, rows(A, B, C), 1).labels == (C,)
    assert plan_down_steps(APP, rows(A, B, C), 9).labels == (C, B, A)
    assert plan_down_steps(APP, [], 1).labels == ()


@pytest.mark.parametrize("steps", [0, -1])
def test_no_steps_are_refused(steps: int):
    with pytest.raises(ConfigurationError) as caught:
        plan_down_steps(APP, rows(A), steps)
    assert_helps(caught.value, str(steps))


def test_the_order_of_application_counts_not_that_of_the_ids():
    applied = rows(C, A, B)
    assert plan_down_steps(APP, applied, 2).labels == (B, A)
    assert plan_down_to(APP, applied, C).labels == (B, A)
    assert plan_down_to(APP, applied, A).labels == (B,)
    assert plan_down_only(APP, applied, B).labels == (B,)
    assert plan_down_all(APP, applied).labels == (B, A, C)


def test_rows_are_ordered_by_their_running_number_however_they_were_read():
    applied = list(reversed(rows(C, A, B)))
    assert plan_down_all(APP, applied).labels == (B, A, C)
    assert plan_down_steps(APP, applied, 1).labels == (B,)


def test_down_to_leaves_that_one_applied():
    assert plan_down_to(APP, rows(A, B, C), A).labels == (C, B)
    assert plan_down_to(APP, rows(A, B, C), C).labels == ()


def test_down_to_one_that_is_not_applied_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        plan_down_to(APP, rows(A), C)
    assert_helps(caught.value, C)


def test_down_to_an_unknown_one_is_refused():
    for plan_down in (plan_down_to, plan_down_only):
        with pytest.raises(UnknownMigration) as caught:
            plan_down(APP, rows(A), D)
        assert_helps(caught.value, D)


def test_down_only_is_refused_with_the_list_when_later_ones_are_applied():
    with pytest.raises(ConfigurationError) as caught:
        plan_down_only(APP, rows(A, B, C), A)
    assert_helps(caught.value, A, B, C)
    assert "--steps 3" in caught.value.advice


def test_down_only_of_one_that_is_not_applied_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        plan_down_only(APP, rows(A), B)
    assert_helps(caught.value, B)


def test_a_batch_is_taken_back_whole():
    applied = rows(A, batch=1) + [row for row in rows(A, B, C, batch=2) if row.id != A]
    assert plan_down_batch(APP, applied).labels == (C, B)
    assert plan_down_batch(APP, []).labels == ()


def test_the_last_batch_is_that_of_the_last_row_of_ours():
    applied = rows(A, B, batch=1) + [row for row in rows(A, B, "blog:" + C, batch=2) if row.registry == "blog"]
    assert plan_down_batch(APP, applied).labels == (B, A)


def test_down_goes_back_through_several_registries():
    applied = rows(A, f"billing:{A}", B, f"billing:{C}")
    assert plan_down_steps(BOTH, applied, 2).labels == (f"billing:{C}", B)
    assert plan_down_to(BOTH, applied, A).labels == (f"billing:{C}", B, f"billing:{A}")
    assert plan_down_to(BOTH, applied, f"billing:{A}").labels == (f"billing:{C}", B)
    with pytest.raises(ConfigurationError) as caught:
        plan_down_only(BOTH, applied, B)
    assert_helps(caught.value, B, f"billing:{C}")


def test_somebody_elses_later_rows_do_not_stand_in_the_way():
    applied = rows(A, B, "blog:" + C)
    assert plan_down_only(APP, applied, B).labels == (B,)
    assert plan_down_all(APP, applied).labels == (B, A)
    assert plan_down_steps(APP, applied, 1).labels == (B,)


def test_down_over_a_migration_that_the_program_lacks_is_refused():
    for plan in (
        lambda: plan_down_steps(APP, rows(A, D), 1),
        lambda: plan_down_to(APP, rows(A, B, D), A),
        lambda: plan_down_all(APP, rows(A, D)),
        lambda: plan_down_batch(APP, rows(A, D)),
    ):
        with pytest.raises(DatabaseAhead) as caught:
            plan()
        assert_helps(caught.value, D)


def test_down_stops_short_of_a_migration_that_the_program_lacks():
    assert plan_down_steps(APP, rows(A, D, B), 1).labels == (B,)


# -- what is wrong ------------------------------------------------------------------------------


def errors(registries: Registries, *labels: str, checksums: dict | None = None) -> tuple[HistoryError, ...]:
    return errors_in(registries, rows(*labels), checksums or {})


def test_nothing_is_wrong_with_a_history_that_is_a_beginning_of_the_list():
    for applied in ([], [A], [A, B], [A, B, C]):
        assert errors(APP, *applied) == ()


def test_an_applied_migration_that_the_program_lacks_means_that_the_database_is_ahead():
    (error,) = errors(APP, A, B, C, D)
    assert isinstance(error, DatabaseAhead)
    assert error.unknown == (D,)
    assert_helps(error, D)


def test_a_missing_one_in_the_middle_is_ahead_as_well():
    found = errors(Registries([registry(A, C)]), A, B)
    assert [type(error) for error in found] == [DatabaseAhead]


def test_somebody_elses_migrations_are_never_ahead():
    assert errors(APP, A, "blog:" + D) == ()
    assert errors(APP, A, "ormmigrate:20991231_000000_newer") == ()


def test_a_pending_migration_older_than_an_applied_one_is_out_of_order():
    (error,) = errors(APP, A, C)
    assert isinstance(error, OutOfOrder)
    assert (error.pending, error.applied) == ((B,), C)
    assert_helps(error, B, C)


def test_rows_that_were_applied_out_of_id_order_are_not_wrong_in_themselves():
    assert errors(APP, C, A, B) == ()
    assert errors(APP, B, A) == ()


def test_order_is_kept_within_each_registry_alone():
    assert errors(BOTH, f"billing:{C}", f"billing:{A}") == ()
    assert errors(BOTH, A, f"billing:{A}", f"billing:{C}") == ()
    (error,) = errors(BOTH, A, f"billing:{C}")
    assert isinstance(error, OutOfOrder)
    assert error.pending == (f"billing:{A}",)
    assert error.applied == f"billing:{C}"


def test_a_checksum_that_differs_means_changed():
    (error,) = errors(APP, A, B, checksums={("app", A): "1:x", ("app", B): "1:y"})
    assert isinstance(error, ChecksumMismatch)
    assert error.changed == (B,)
    assert_helps(error, B)
    assert f"accept {B}" in error.advice


def test_a_checksum_that_is_not_known_is_not_compared():
    (row,) = rows(A)
    (without,) = rows(A, checksum=None)
    assert is_changed(row, "1:y")
    assert not is_changed(row, "1:x")
    assert not is_changed(row, None)
    assert not is_changed(without, "1:y")


def test_checksums_of_different_algorithms_are_not_compared():
    (row,) = rows(A)
    assert not is_changed(row, "2:y")
    (old,) = rows(A, checksum="2:x")
    assert not is_changed(old, "1:x")


def test_somebody_elses_checksums_are_not_compared():
    assert errors_in(APP, rows("blog:" + A), {("blog", A): "1:y"}) == ()


def test_an_interrupted_migration_is_named_with_the_two_ways_to_settle_it():
    applied = rows(A, B) + [row for row in rows(A, B, C, state="running") if row.id == C]
    (error,) = errors_in(APP, applied, {})
    assert isinstance(error, UnfinishedMigration)
    assert error.migration == C
    assert_helps(error, C)
    assert f"settle {C} --applied" in error.advice
    assert f"settle {C} --undone" in error.advice


def test_somebody_elses_interrupted_migration_is_not_ours_to_settle():
    assert errors_in(APP, rows("blog:" + A, state="running"), {}) == ()


def test_everything_that_is_wrong_is_found_the_worst_first():
    applied = rows(A, C, D) + [row for row in rows(A, C, D, "20240105_000000_e", state="running") if row.seq == 4]
    found = errors_in(APP, applied, {("app", A): "1:y"})
    assert [type(error) for error in found] == [UnfinishedMigration, DatabaseAhead, OutOfOrder, ChecksumMismatch]
    for error in found:
        assert_helps(error)


# -- environments -------------------------------------------------------------------------------


VERDICTS = {
    ChecksumMismatch(changed=[A]): ("warning", "warning", "error"),
    OutOfOrder(pending=[A], applied=B): ("allowed", "allowed", "error"),
    DatabaseAhead(unknown=[D]): ("error", "error", "error"),
    UnfinishedMigration(migration=A, effects=None): ("error", "error", "error"),
}


@pytest.mark.parametrize("error", VERDICTS, ids=lambda error: type(error).__name__)
def test_what_each_environment_makes_of_an_error(error: HistoryError):
    names = ("development", "test", "production")
    assert tuple(verdict_on(error, environment_named(name)) for name in names) == VERDICTS[error]


def test_the_first_forbidden_error_is_raised_and_the_warnings_returned():
    changed, late = ChecksumMismatch(changed=[A]), OutOfOrder(pending=[A], applied=B)
    assert raise_or_warn([late, changed], environment_named("development")) == [str(changed)]
    with pytest.raises(OutOfOrder):
        raise_or_warn([late, changed], environment_named("production"))
    with pytest.raises(DatabaseAhead):
        raise_or_warn([changed, DatabaseAhead(unknown=[D])], environment_named("test"))


# -- complete -----------------------------------------------------------------------------------


def complete(registries: Registries, *found: tuple[str, str, str]) -> bool:
    return is_complete(registries, builtin, [*OURS, *found])


DONE = [("app", A, "done"), ("app", B, "done"), ("app", C, "done")]


def test_a_history_with_every_migration_done_is_complete():
    assert complete(APP, *DONE)
    assert complete(APP, *reversed(DONE))
    assert complete(Registries([]))


def test_a_history_that_lacks_one_is_not():
    assert not complete(APP, *DONE[:2])
    assert not complete(APP, *DONE[1:])
    assert not complete(APP)


def test_a_history_that_has_one_more_is_not():
    assert not complete(APP, *DONE, ("app", D, "done"))
    assert not complete(APP, *DONE, ("app", D, "running"))


def test_a_history_with_an_interrupted_one_is_not():
    assert not complete(APP, *DONE[:2], ("app", C, "running"))


def test_a_history_that_lacks_a_built_in_migration_is_not():
    assert not is_complete(APP, builtin, DONE)
    assert not is_complete(APP, builtin, [*DONE, *((name, id, "running") for name, id, _ in OURS)])


def test_somebody_elses_rows_and_a_newer_packages_are_no_matter():
    assert complete(APP, *DONE, ("blog", D, "done"))
    assert complete(APP, *DONE, ("blog", D, "running"))
    assert complete(APP, *DONE, ("ormmigrate", "20991231_000000_newer", "done"))


def test_the_same_id_in_two_registries_is_two_migrations():
    found = [("app", A, "done"), ("app", B, "done"), ("app", D, "done"), ("billing", C, "done")]
    assert not complete(BOTH, *found)
    assert complete(BOTH, *found, ("billing", A, "done"))
