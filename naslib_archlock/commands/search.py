"""What ``archlock search`` does."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from .. import pipeline
from ..benchmarks.base import Benchmark
from ..config import Config, load_config
from ..errors import OutputError
from ..files import make_folder, write_bytes, write_text
from ..report.text import summary
from ..search import Search, budget_floor
from .progress import training_bar

if TYPE_CHECKING:
    from ..ranker import Ranker


def run_search(args: argparse.Namespace) -> int:
    """Search, print the summary, and write ``result.json``, ``config.yaml`` and ``search.png`` to the run's folder."""
    options = {"archlock.train_top": args.train_top, "archlock.skip_unreadable": args.skip_unreadable or None}
    given = [str(part) for option in options.items() if option[1] is not None for part in option]
    config = load_config(args.config_file, [*given, *args.overrides])
    benchmark = pipeline.open_benchmark(config)
    run = RunFolder(config, args.resume, args.overwrite)
    start = time.perf_counter()
    with training_bar(config) as progress:
        prepared = pipeline.prepare(config, benchmark, run.ranker(), progress)
    run.keep_ranker(prepared.ranker)
    ready = time.perf_counter()
    search = prepared.search
    if args.resume:
        run.restore(search)
    state = search.state()
    try:
        for step in range(len(search.history), config.search.epochs):
            search.step()
            state = search.state()  # between steps, where the history and the random numbers agree
            if (step + 1) % config.search.checkpoint_freq == 0:
                run.keep_state(state)
    except KeyboardInterrupt:
        run.keep_state(state)
        print(f"\nstate saved in {run.folder}; go on with --resume", file=sys.stderr)
        raise
    seconds = {"preparation": ready - start, "search": time.perf_counter() - ready}
    result = pipeline.finish(config, benchmark, search, seconds)
    files = run.keep_result(result, search, benchmark)
    print(summary(result, benchmark.space))
    print(f"written to {run.folder}: {', '.join(files)}")
    if args.json:
        print(json.dumps(result))
    return 0


def is_same_run(path: Path, config: Config) -> bool:
    """Whether a run's ``config.yaml`` says the same as a config."""
    try:
        return bool(yaml.safe_load(path.read_text(encoding="utf-8")) == yaml.safe_load(config.to_yaml()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False


class RunFolder:
    """The output folder of one run. Nothing in it is replaced by a run with another configuration."""

    def __init__(self, config: Config, resume: bool, overwrite: bool) -> None:
        """Raises: OutputError: if the folder cannot be written, or holds another run and that was not allowed for."""
        self.folder = config.save
        self._config, self._resume = config, resume
        existing = self.folder / "config.yaml"
        holds_a_run = any((self.folder / name).exists() for name in ("result.json", "state.json"))
        if holds_a_run and not is_same_run(existing, config):
            if resume or not overwrite:
                raise OutputError(
                    f"{self.folder} holds a run with another configuration (see its config.yaml); "
                    "choose another out_dir, or give --overwrite to replace it"
                )
            make_folder(self.folder)
            # nothing of the other run may be taken for this one's, should this one be interrupted
            for name in ("result.json", "search.png", "lock.png", "state.json", "ranker.safetensors"):
                (self.folder / name).unlink(missing_ok=True)
        if resume and not (self.folder / "state.json").is_file():
            raise OutputError(f"{self.folder} holds no state.json to resume from; run without --resume")
        make_folder(self.folder)
        write_text(existing, config.to_yaml())

    def ranker(self) -> Ranker | None:
        """The ranker of the run to resume."""
        path = self.folder / "ranker.safetensors"
        if not self._resume or not path.is_file():
            return None
        from ..ranker import Ranker

        return Ranker.load(path)

    def keep_ranker(self, ranker: Ranker | None) -> None:
        if ranker:
            ranker.save(self.folder / "ranker.safetensors")

    def keep_state(self, state: Mapping[str, Any]) -> None:
        write_text(self.folder / "state.json", json.dumps(state))

    def restore(self, search: Search) -> None:
        """Raises: OutputError: if the state cannot be read."""
        path = self.folder / "state.json"
        try:
            search.restore(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise OutputError(f"{path} cannot be resumed from ({err}); run without --resume") from err

    def keep_result(self, result: dict[str, Any], search: Search, benchmark: Benchmark) -> list[str]:
        """Write the result and its pictures; returns the names of the run's files."""
        from ..report.plot import lock_picture, search_picture

        pictures = {"search.png": search_picture(search, result["source"])}
        if benchmark.is_measured and search.uses_source_accuracy and result["targets"]:
            # not search.source_floor(): scheme S gives nothing up, and is drawn with the budget of the others
            floor = budget_floor(max(search.oracle.known.values()), self._config.archlock.source_budget_pct)
            pictures["lock.png"] = lock_picture(benchmark, self._config.dataset, result, floor)
        for name, picture in pictures.items():
            write_bytes(self.folder / name, picture)
        write_text(self.folder / "result.json", json.dumps(result, indent=2) + "\n")
        (self.folder / "state.json").unlink(missing_ok=True)
        ranker = [path.name for path in [self.folder / "ranker.safetensors"] if path.is_file()]
        return ["result.json", "config.yaml", *pictures, *ranker]
