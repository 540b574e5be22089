"""Counts how many kills the commands survive, and how many changed bytes their readers notice.

python -m experiments.faults.run [--kills 300] [--only bytes|kills]      # proxies are killed where NASLib is found

Real processes of every long command are killed with SIGKILL, at random moments and before each of their file
operations. Then they continue, and their output is compared, byte for byte, with an uninterrupted run. After that,
every byte of a file of each kind that the package reads back is changed, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiments.common import write_results
from experiments.faults.damage import flip, kinds, spread
from experiments.faults.killing import (
    Command,
    Kill,
    by_steps,
    commands,
    kill_at_operations,
    kill_at_random,
    proxies,
    run_whole,
)
from experiments.toy import write_digit_folders, write_tables
from naslib_archlock.errors import NaslibError
from naslib_archlock.plugin.compat import naslib_home

FOLDER = Path(__file__).resolve().parent

# The share of kills for each command; the commands that start fastest get most.
SHARES = {
    "search, bayesian": 0.3, "search, evolution, training a ranker": 0.1,
    "search, exhaustive, training a ranker": 0.1, "search --train-top": 0.1, "train-ranker": 0.1, "compare": 0.15,
    "audit": 0.1, "proxies": 0.05,
}  # fmt: skip
BY_OPERATION = "search, bayesian"  # killed before each of its file operations, because it starts fast


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill commands, and change bytes of files.")
    parser.add_argument("--kills", type=int, default=300, help="number of kills at random moments (default 300)")
    parser.add_argument(
        "--bytes", type=int, default=10**9, metavar="N", help="bytes to change in each file (default: all)"
    )
    parser.add_argument("--only", choices=("bytes", "kills"), help="run one part; results.json keeps the other")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=FOLDER / "results.json")
    args = parser.parse_args()
    results: dict[str, Any] = {"bytes changed": {}, "kills": {}}
    if args.only:
        results = json.loads(args.out.read_text(encoding="utf-8")) if args.out.exists() else results
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(base / "cache")
        write_tables(base / "tables")
        images = write_digit_folders(base / "images")["low"]
        for part, run in (("bytes", _change_bytes), ("kills", _kill)):
            if args.only in (None, part):
                run(args, base, images, results)
    print(results["sum"])


def _change_bytes(args: argparse.Namespace, base: Path, images: Path, results: dict[str, Any]) -> None:
    """Change the bytes of one file after the other."""
    results["bytes changed"] = {}
    (base / "files").mkdir()
    for kind in kinds(base / "files", base / "tables", images):
        results["bytes changed"][kind.name] = dict(flip(kind, spread(kind, args.bytes), args.seed))
        print(kind.name, results["bytes changed"][kind.name], flush=True)
        _write(args.out, results)


def _kill(args: argparse.Namespace, base: Path, images: Path, results: dict[str, Any]) -> None:
    """Kill the processes of one command after the other."""
    results["kills"] = {}
    for command in _commands(base, images):
        folder = base / command.name.replace(" ", "-").replace(",", "")
        n_kills = round(SHARES[command.name] * args.kills)
        kills = kill_at_random(command, run_whole(command, folder / "a"), folder / "a", n_kills, args.seed)
        _report(results["kills"], command.name, kills)
        if command.name == BY_OPERATION:
            command = by_steps(command)
            whole = run_whole(command, folder / "b")
            kills = kill_at_operations(command, whole, folder / "b", range(1, whole.operations + 1))
            _report(results["kills"], f"{command.name}, before each operation on files", kills)
        _write(args.out, results)


def _write(path: Path, results: dict[str, Any]) -> None:
    results["sum"] = _sum(results)
    write_results(path, results)


def _commands(base: Path, images: Path) -> Iterable[Command]:
    yield from commands(base / "tables", images, base / "study.yaml")
    try:
        naslib_home()
    except NaslibError as err:
        print(f"proxies are not killed: {err}")
    else:
        yield proxies(images)


def _report(results: dict[str, Any], name: str, kills: list[Kill]) -> None:
    tried, survived = Counter(k.stage for k in kills), Counter(k.stage for k in kills if k.survived)
    results[name] = {stage: {"kills": n, "survived": survived[stage]} for stage, n in tried.items()}
    print(name, results[name], flush=True)


def _sum(results: dict[str, Any]) -> dict[str, int]:
    stages = [stage for of_command in results["kills"].values() for stage in of_command.values()]
    changed = sum((Counter(found) for found in results["bytes changed"].values()), Counter())
    return {
        "kills": sum(stage["kills"] for stage in stages),
        "survived": sum(stage["survived"] for stage in stages),
        "bytes changed": sum(changed.values()),
        **{what: changed[what] for what in ("noticed", "harmless: the same content", "missed")},
    }


if __name__ == "__main__":
    main()
