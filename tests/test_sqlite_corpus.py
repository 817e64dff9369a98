"""The corpus of SQLite cases that lies beside the repository, on both SQLites."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT.parent / "shared" / "sqlite_corpus" / "run.py"


@pytest.mark.skipif(not RUN.exists(), reason="the corpus does not lie beside this checkout")
@pytest.mark.parametrize("adapter", ["apply", "apply_with_newest"])
def test_every_case_of_the_corpus_passes(adapter: str):
    command = [sys.executable, str(RUN), "--adapter", f"tests.sqlite_corpus_adapter:{adapter}"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "46 cases" in result.stdout
    assert "'pass': 46}" in result.stdout, result.stdout
