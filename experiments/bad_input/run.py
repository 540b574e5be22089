"""Shows what the commands do with bad input: passes seeded inputs of every kind to the readers that they use.

python -m experiments.bad_input.run
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from experiments.bad_input.targets import TARGETS, outcome
from experiments.common import add_worker_options, parallel, workers, write_results
from naslib_archlock.report.text import table

LIMIT_S = 60.0  # an input that takes longer counts as a hang; the limit allows for a busy machine
MEMORY = 4 << 30  # bytes that a process may use beyond its memory after the imports; an input that needs more is a bug
DEFAULT_N, PART = 2000, 1000
# Kinds whose inputs take tens of milliseconds get fewer inputs; each number divides theirs.
FEWER = {"config files": 2, "tables": 8, "packed tables": 4, "results of studies": 4}
_BUGS_SHOWN = 5


def try_inputs(name: str, numbers: tuple[int, int], seed: int) -> dict[str, Any]:
    """Try a range of inputs of one kind.

    Args:
        name: the kind.
        numbers: the first number, and the number after the last. Numbers below 0 are the nasty inputs.
        seed: the seed of the drawn inputs.
    Returns:
        ``outcomes``: verdict, or class of the error -> number of inputs; ``bugs``: a text for each bug; ``seconds``:
        the time of the slowest input.
    """
    target, outcomes, bugs, slowest = TARGETS[name], Counter[str](), [], 0.0
    with tempfile.TemporaryDirectory() as cache, _limited_memory():
        os.environ["XDG_CACHE_HOME"] = cache
        for i in range(*numbers):
            given = target.draw(Random(f"{seed} {name} {i}")) if i >= 0 else target.nasty[i]
            result = outcome(target, given, LIMIT_S)
            outcomes[result.what if result.verdict == "refused" else result.verdict] += 1
            slowest = max(slowest, result.seconds)
            if result.verdict == "bug":
                bugs.append(f"input {i}: {result.what}: {result.message}")
    return {"outcomes": dict(outcomes), "bugs": bugs, "seconds": slowest}


@contextmanager
def _limited_memory() -> Iterator[None]:
    """Limit the address space, so that a greedy input gets a MemoryError before the machine runs out of memory."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _calls(names: list[str], n: int, seed: int) -> Iterator[tuple[str, tuple[int, int], int]]:
    """The calls of ``try_inputs``, each for at most ``PART`` inputs."""
    for name in names:
        last = n // FEWER.get(name, 1)
        for first in range(-len(TARGETS[name].nasty), last, PART):
            yield name, (first, min(first + PART, last)), seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"kinds of input (default: all): {', '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, default=DEFAULT_N, metavar="N", help=f"per kind (default {DEFAULT_N})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results.json")
    add_worker_options(parser)
    args = parser.parse_args()
    names, start = args.kinds or list(TARGETS), time.perf_counter()
    calls = list(_calls(names, args.inputs, args.seed))
    parts = parallel(try_inputs, calls, workers(args))
    kinds = {}
    for name in names:
        of_kind = [part for call, part in zip(calls, parts) if call[0] == name]
        outcomes = sum((Counter(part["outcomes"]) for part in of_kind), Counter[str]())
        bugs, accepted = outcomes.pop("bug", 0), outcomes.pop("accepted", 0)
        kinds[name] = {
            "tried": bugs + accepted + sum(outcomes.values()),
            "accepted": accepted,
            "refused": dict(sorted(outcomes.items())),
            "bugs": bugs,
            "slowest_s": round(max(part["seconds"] for part in of_kind), 2),
        }
        for bug in [bug for part in of_kind for bug in part["bugs"]][:_BUGS_SHOWN]:
            print(f"{name}, {bug}\n", file=sys.stderr)
    total = {key: sum(kind[key] for kind in kinds.values()) for key in ("tried", "accepted", "bugs")}
    write_results(args.out, {"seed": args.seed, "seconds": round(time.perf_counter() - start), **total, "kinds": kinds})
    print()
    print(table([_row(name, kind) for name, kind in [("kind", None), *kinds.items()]]))
    print(f"{total['tried']:,} inputs, {total['accepted']:,} of them good, {total['bugs']} bugs")
    sys.exit(bool(total["bugs"]))


def _row(name: str, kind: dict[str, Any] | None) -> list[str]:
    if kind is None:
        return [name, "tried", "good", "refused", "bugs", "slowest s"]
    refused = ", ".join(f"{error} {n}" for error, n in kind["refused"].items())
    return [name, str(kind["tried"]), str(kind["accepted"]), refused, str(kind["bugs"]), f"{kind['slowest_s']:.2f}"]


if __name__ == "__main__":
    main()
