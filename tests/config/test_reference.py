from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from naslib_archlock.config.keys import keys_of
from naslib_archlock.config.reference import reference
from naslib_archlock.config.sections import SECTIONS, Config

REPO = Path(__file__).resolve().parents[2]


def test_the_page_is_equal_to_the_code():
    """If this fails, run: python -m naslib_archlock.config.reference > docs/config.md"""
    assert (REPO / "docs" / "config.md").read_text(encoding="utf-8") == reference()


def test_the_command_writes_the_page():
    command = [sys.executable, "-m", "naslib_archlock.config.reference"]
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    assert subprocess.run(command, env=env, capture_output=True, check=True).stdout.decode() == reference()


@pytest.mark.parametrize("cls", [Config, *SECTIONS.values()])
def test_each_key_has_one_row_with_its_meaning(cls):
    lines = reference().splitlines()
    for name, declared in keys_of(cls).items():
        rows = [line for line in lines if line.startswith(f"| `{name}` |") and line.endswith(f" {declared.meaning} |")]
        assert len(rows) == 1, name


@pytest.mark.parametrize(
    "row",
    [
        '| `scheme` | `"tu"` | `s`, `tk`, `tu` | ',
        "| `cosine` | `0.9` | a number from -1 to 1 | ",
        "| `seed` | `0` | an integer from 0 to 4,294,967,295 | ",
        "| `skip_unreadable` | `false` | `true`, `false` | ",
        '| `out_dir` | `"run"` | text | ',
    ],
)
def test_rows_say_default_and_allowed_values(row):
    assert sum(line.startswith(row) for line in reference().splitlines()) == 1


def test_keys_that_count_as_training_keys_are_named_there():
    training = reference().partition("### Training of the ranker")[2].partition("###")[0]
    assert "The same holds for `tables`, `zero_cost`, `reference_cells`." in training
    assert "| `proxies` |" in training
    assert "| `tables` |" not in training


def test_meanings_are_sentences():
    for cls in (Config, *SECTIONS.values()):
        for name, declared in keys_of(cls).items():
            assert declared.meaning[0].isupper(), name
            assert declared.meaning.endswith("."), name
            assert "|" not in declared.meaning, name  # a bar would end the table's cell
