"""The table of changes in the documentation: what it says of ours is so, on each kind of database."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from places import FILE, MARIA, PG, place_of

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from changes import ASKS, OURS, REPORTED, YES, cell, title  # noqa: E402
from changes_peers.cases import changes  # noqa: E402
from changes_peers.measure import measured, tool_of  # noqa: E402
from changes_peers.states import SQLITE, Change  # noqa: E402

KINDS = {SQLITE: FILE, "postgresql": PG, "mysql": MARIA}
#: What no operation does.
REPORTED_ONLY = {
    "primary key changed",
    "view added",
    "view changed",
    "trigger changed",
    "comment of a column",
    "comment of a table",
    "STRICT",
    "WITHOUT ROWID",
    "AUTOINCREMENT",
    "identity in place of SERIAL",
    "engine of a table",
}
CASES = [pytest.param(kind, change, id=f"{kind}-{change.slug}") for kind in KINDS for change in changes(kind)]


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, str]]:
    """The cells of the documentation's table by change, by column."""
    text = (ROOT / "docs" / "generating.md").read_text(encoding="utf-8")
    head, _, *lines = [line for line in text.partition("## What is found")[2].splitlines() if line.startswith("|")]
    titles = cells_of(head)
    return {name: dict(zip(titles[1:], cells)) for name, *cells in map(cells_of, lines)}


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(("kind", "change"), CASES)
def test_each_change_is_found_and_made_with_all_rows_kept_or_reported(
    kind: str, change: Change, table: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    with place_of(KINDS[kind], tmp_path) as place, place_of(KINDS[kind], tmp_path / "other") as other:
        outcome = measured(tool_of(OURS), change, kind, tmp_path, [place.url, other.url])
    assert outcome.found
    assert not outcome.false
    assert outcome.failed is None
    assert not outcome.lost
    expected = (REPORTED,) if change.name in REPORTED_ONLY else (YES, ASKS)
    assert cell(outcome) in expected, outcome
    assert cell(outcome) == table[change.name][title(OURS, kind)]


def test_the_table_names_every_change(table: dict[str, dict[str, str]]) -> None:
    assert {change.name for kind in KINDS for change in changes(kind)} <= set(table)
