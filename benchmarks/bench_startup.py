"""Times of whole commands, as a user waits for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CONFIGS, Measure

START_UP = "start-up, whole processes"
SEARCH = "archlock search on the embedded benchmark, whole process"
YARDSTICK = "import torch"


REPO = Path(__file__).resolve().parents[1]


def run(*arguments: object) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(REPO), os.environ.get("PYTHONPATH"))))}
    subprocess.run([sys.executable, *map(str, arguments)], env=environment, stdout=subprocess.DEVNULL, check=True)


@pytest.mark.parametrize("work", [START_UP, SEARCH], ids=["help", "search"])
def bench_import_torch(measure: Measure, work: str) -> None:
    measure(work, "baseline", f'python -c "{YARDSTICK}"', lambda: run("-c", YARDSTICK))


def bench_help(measure: Measure) -> None:
    measure(START_UP, "ours", "archlock --help", lambda: run("-m", "naslib_archlock", "--help"))


def bench_search(measure: Measure, tmp_path: Path) -> None:
    arguments = ("--config-file", CONFIGS / "digits.yaml", "out_dir", tmp_path)
    measure(SEARCH, "ours", "archlock search", lambda: run("-m", "naslib_archlock", "search", *arguments))
