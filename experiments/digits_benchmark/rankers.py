"""Trains the shipped rankers on the zero-cost scores of the digits tasks: on all tasks, and on all but each one.

python -m experiments.digits_benchmark.rankers
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from naslib_archlock import data
from naslib_archlock.commands import main as cli
from naslib_archlock.locking.find_ranker import box_names
from naslib_archlock.spaces.known import DIGITS


def main() -> None:
    total = 0
    for name, left_out in zip(box_names(), ("", *DIGITS.tasks)):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "ranker.safetensors"
            overrides = ["search_space", "digits", "archlock.embedding", "task2vec"]
            overrides += ["archlock.leave_out", left_out] if left_out else []
            print(f"\n{name}: archlock train-ranker {' '.join(overrides)}")
            if cli.main(["train-ranker", "--out", str(out), *overrides]) != 0:
                raise SystemExit(1)
            data.publish(name, out.read_bytes())
            total += out.stat().st_size
    print(f"\n{total / 1e3:.0f} kB in all")


if __name__ == "__main__":
    main()
