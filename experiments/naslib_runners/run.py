"""Runs archlock with NASLib's unmodified runner scripts, and compares it with NASLib's own optimizers.

python -m experiments.naslib_runners.run          (needs NASLib and its benchmark files)
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

import naslib_archlock
from experiments.common import write_results
from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.plugin.compat import naslib_home
from naslib_archlock.plugin.naslib_benchmark import NaslibBenchmark
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import get_space
from naslib_archlock.spaces.space import SearchSpace

PAIRS = (("nasbench201", "cifar10", "ImageNet16-120"), ("transbench101_micro", "class_scene", "autoencoder"))
SETTINGS = ("archlock s", "archlock tu", "archlock tk", "rs", "re", "ls")
CONFIGS = Path(naslib_archlock.__file__).parent / "configs"


def run_naslib(runner: str, space: SearchSpace, source: str, target: str, setting: str, seed: int) -> dict[str, Any]:
    """Run NASLib's runner script in a process of its own, and return the architecture found and the source queries."""
    optimizer, _, scheme = setting.partition(" ")
    with tempfile.TemporaryDirectory() as out:
        script = naslib_home() / "naslib" / "runners" / runner / "runner.py"
        command = [
            sys.executable, "-m", "naslib_archlock", "naslib", str(script),
            "--config-file", str(CONFIGS / f"{space.name}.yaml"),
            "seed", str(seed), "out_dir", out, "optimizer", optimizer, "dataset", source,
        ]  # fmt: skip
        if scheme:
            command += ["archlock.scheme", scheme, "archlock.target", target]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{setting} on {space.name}:\n{done.stderr[-2000:]}")
        found = re.findall(r"Final architecture hash: (\(.*\))", done.stdout)[-1]
        # with NumPy 2, NASLib's indices are printed as np.int64(2)
        arch = space.from_naslib([int(digits) for digits in re.findall(r"\b\d+\b", found)])
        results = list(Path(out).rglob("result.json"))
        epochs = yaml.safe_load((CONFIGS / f"{space.name}.yaml").read_text())["search"]["epochs"]
        queries = json.loads(results[0].read_text())["source_queries"] if results else epochs
    return {"arch": space.to_str(arch), "source_queries": queries}


def measure(benchmark: Benchmark, arch: str, source: str, target: str) -> dict[str, float]:
    cell = benchmark.space.from_str(arch)
    return {
        "source_test": benchmark.accuracy(cell, task=source, split="test"),
        "target_test": benchmark.accuracy(cell, task=target, split="test"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runner", default="bbo", choices=("bbo", "nas"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tables", type=Path, help="folder of plain tables, for true test accuracies of nasbench201")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results.json")
    args = parser.parse_args()
    results: dict[str, Any] = {}
    meanings: dict[str, None] = {}  # each meaning once, in order
    rows = [["space: source -> target", "optimizer", "source test", "target test", "look-ups", "architecture"]]
    for space_name, source, target in PAIRS:
        space = get_space(space_name)
        benchmark: Benchmark = NaslibBenchmark(space)
        if args.tables:
            benchmark = read_table(find_table(args.tables, space), space)
        meanings[benchmark.meaning] = None
        for setting in SETTINGS:
            run = run_naslib(args.runner, space, source, target, setting, args.seed)
            run.update(measure(benchmark, run["arch"], source, target))
            label = f"{space_name}: {source} -> {target}"
            results.setdefault(label, {})[setting] = run
            figures = [f"{run[key]:.4g}" for key in ("source_test", "target_test")]
            rows.append([label, setting, *figures, str(run["source_queries"]), run["arch"]])
            print(rows[-1], flush=True)
    write_results(args.out, {"runner": args.runner, "seed": args.seed, "runs": results})
    print(f"\n{table(rows)}\n{' '.join(meanings)}")


if __name__ == "__main__":
    main()
