"""Makes the file of second moments from which target models are fitted (``data/target_moments.json``).

python -m experiments.target_model.build --tables DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

from naslib_archlock import data
from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.digits_benchmark import digits_benchmark
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.proxies.similarity import similarity_weights
from naslib_archlock.proxies.zero_cost import find_zero_cost, read_zero_cost
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MICRO
from naslib_archlock.strategies.target_model import COLUMNS, FILE, TargetModel, encode_moments, moments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="folder of plain tables and zc_*.json files")
    folder = parser.parse_args().tables
    spaces = (NASBENCH201, TRANSBENCH101_MICRO)
    benchmarks: list[Benchmark] = [read_table(find_table(folder, space), space) for space in spaces]
    benchmarks.append(digits_benchmark())
    taught = {b.space.name: moments(b, all_weights(b, folder)) for b in benchmarks}
    data.publish(FILE, encode_moments(taught))

    rows = [["coefficients of a search on", *COLUMNS]]
    for space in (*spaces, DIGITS):
        for knows in (False, True):
            coefficients = TargetModel(space, knows).coefficients
            rows.append([space.name, *(f"{c:+.2f}" for c in coefficients), *([] if knows else ["-"])])
    print(table(rows))


def all_weights(benchmark: Benchmark, folder: Path) -> dict[tuple[str, str], float]:
    """(task, target) -> the weight of a task for that target, before the source is left out."""
    is_embedded = benchmark.space is DIGITS
    path = data.checked_path("zc_digits.json.gz") if is_embedded else find_zero_cost(folder, benchmark.space)
    if path is None:
        raise SystemExit(f"no zero-cost file of {benchmark.space.name} in {folder}")
    scores = read_zero_cost(path, benchmark.space)
    return {
        (task, target): weight
        for target in benchmark.tasks
        for task, weight in similarity_weights(target, [t for t in benchmark.tasks if t != target], scores).items()
    }


if __name__ == "__main__":
    main()
