from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from naslib_archlock.studies.methods import KINDS
from naslib_archlock.studies.study import Study
from naslib_archlock.studies.study_reference import reference

REPO = Path(__file__).resolve().parents[2]


def test_the_page_is_equal_to_the_code():
    """If this fails, run: python -m naslib_archlock.studies.study_reference > docs/studies.md"""
    assert (REPO / "docs" / "studies.md").read_text(encoding="utf-8") == reference()


def test_the_command_writes_the_page():
    command = [sys.executable, "-m", "naslib_archlock.studies.study_reference"]
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    assert subprocess.run(command, env=env, capture_output=True, check=True).stdout.decode() == reference()


def test_each_key_and_each_method_has_a_row():
    page = reference()
    for key in fields(Study):
        assert f"| `{key.name}` |" in page
        assert key.metadata["meaning"] in page
        assert key.metadata["meaning"].endswith(".")
    for name, kind in KINDS.items():
        assert f"| `{name}` | {kind.about} |" in page


def test_rows_say_defaults_and_options():
    page = reference()
    assert "| `seeds` | `10` | an integer from 1 to 10,000 | " in page
    assert "| `budgets` | `[2.0, 5.0]` | " in page
    assert "| `name` | none: it must be given | " in page
    assert "| `two_stage` | " in page and "| `target_queries`: an integer from 1 |" in page


def test_no_cell_of_a_table_is_cut_in_two():
    for line in reference().splitlines():
        if line.startswith("|"):
            assert line.count("|") in (4, 5)
