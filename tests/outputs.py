"""Outputs that must not depend on the process that computes them. ``python tests/outputs.py NAME...`` prints them as
JSON; without names, it prints all, and with ``--core``, all that need no torch.

The decisions of a search are the architectures that it queried and the one that it chose. They must also be the same on
every version of Python and of the libraries; ``python tests/outputs.py --expect`` writes them to
``expected_decisions.json``.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from experiments.toy import SPACE, write_tables
from naslib_archlock.commands import main as cli
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.locking.result import finish
from naslib_archlock.proxies.votes import Votes, parse_proxies
from naslib_archlock.proxies.zero_cost import find_zero_cost, read_zero_cost
from naslib_archlock.spaces.cells import cell_index
from naslib_archlock.spaces.known import DIGITS, NASBENCH201
from naslib_archlock.strategies.target_model import TargetModel

EXPECTED = Path(__file__).parent / "expected_decisions.json"
_DIGITS = ("search_space", "digits", "dataset", "digit", "archlock.target", "jigsaw")
_MICRO = ("search_space", "transbench101_micro", "dataset", "class_scene", "archlock.target", "normal")
_NB201 = ("search_space", "nasbench201", "dataset", "cifar10", "archlock.target", "cifar100")
_TK = ("archlock.scheme", "tk")
_SHORT = ("search.epochs", "40")
_EVOLUTION = ("archlock.strategy", "evolution")
_EXHAUSTIVE = ("archlock.strategy", "exhaustive", "archlock.source_queries", "40")

# Name -> keys of a config. Searches on "MICRO" and "NB201" use the made-up benchmarks.
SEARCHES: dict[str, tuple[str, ...]] = {
    "bayesian, source alone": (*_DIGITS, "archlock.scheme", "s", "search.epochs", "60"),
    "bayesian, target known": (*_DIGITS, *_TK),
    "bayesian, target unknown": _DIGITS,
    "bayesian, target unknown, seed 1": (*_DIGITS, "seed", "1"),
    "bayesian, target looked up": (*_DIGITS, *_TK, "archlock.target_queries", "10", "search.epochs", "80"),
    "bayesian, budget in percentiles": (*_DIGITS, "archlock.source_budget_percentile", "5", "search.epochs", "80"),
    "bayesian, target known, micro": (*_MICRO, *_TK, "search.epochs", "100"),
    "bayesian, target unknown, nasbench201": (*_NB201, "search.epochs", "100"),
}
RANK_SEARCHES: dict[str, tuple[str, ...]] = {
    "evolution, target known": (*_DIGITS, *_TK, *_EVOLUTION, *_SHORT),
    "evolution, target unknown": (*_DIGITS, *_EVOLUTION, *_SHORT),
    "exhaustive, target unknown": (*_DIGITS, *_EXHAUSTIVE),
    "exhaustive, no look-ups": (*_DIGITS, *_EXHAUSTIVE[:2], "archlock.source_queries", "0"),
}


def search(keys: Iterable[str], folder: Path) -> dict[str, Any]:
    """Everything that a search did: the architectures that it judged, in order, and its result."""
    config = config_of(keys, folder)
    benchmark = open_benchmark(config)
    search = prepare(config, benchmark).search
    for _ in range(config.search.epochs):
        search.step()
    result = finish(config, benchmark, search)
    return {"history": [list(evaluated) for evaluated in search.history], "result": result}


def config_of(keys: Iterable[str], folder: Path) -> Config:
    """The config of ``keys``, on the embedded benchmark or on made-up tables under ``folder``."""
    space = dict(zip(list(keys)[::2], list(keys)[1::2])).get("search_space")
    tables = []
    for made_up in (SPACE, NASBENCH201):
        if made_up.name == space:
            if not (folder / made_up.name).exists():
                write_tables(folder / made_up.name, made_up)
            tables = ["archlock.tables", str(folder / made_up.name)]
    return load_config(None, [*keys, *tables])


def decisions(made: dict[str, Any]) -> dict[str, Any]:
    """The queries of a search, by ``cell_index``, its choice, and the fitness of its choice."""
    looked_up = [arch for arch, _, _, val in made["history"] if val is not None]
    return {
        "chosen": made["result"]["arch"],
        "fitness": made["result"]["fitness"],
        "looked_up": cell_index(looked_up).tolist() if looked_up else [],
    }


# -- other outputs -----------------------------------------------------------------------------------------------------


def run_folder(folder: Path) -> dict[str, str]:
    """A hash of each file that ``archlock search`` writes, except the wall times and the status."""
    with redirect_stdout(sys.stderr):
        code = cli.main(["search", *_DIGITS, *_SHORT, "out_dir", str(folder / "run")])
    assert code == 0
    files = sorted(path for path in (folder / "run").rglob("*") if path.is_file())
    timed = ("timings.json", "status.json")
    return {path.name: digest(_without_folder(path, folder)) for path in files if path.name not in timed}


def _without_folder(path: Path, folder: Path) -> bytes:
    """The content of a file, without the name of the folder, which differs between runs."""
    return path.read_bytes().replace(str(folder).encode(), b"")


def votes(folder: Path) -> str:
    """The vote margins of all neighbouring pairs of the made-up zero-cost tables."""
    config_of(_MICRO, folder)
    voters = parse_proxies("nwot,jacov:0.3,params:-0.1")
    path = find_zero_cost(folder / SPACE.name, SPACE)
    assert path is not None
    tables = read_zero_cost(path, SPACE).values()
    pairs = np.arange(399), np.arange(1, 400)
    return digest(b"".join(Votes.of(table, voters).margin(*pairs).tobytes() for table in tables))


def target_model(folder: Path) -> str:
    """The prediction of the model of unknown targets for every cell."""
    return digest(TargetModel(DIGITS, knows_other_tasks=False).predict(DIGITS.distinct()).tobytes())


def trained_ranker(folder: Path) -> str:
    """The file of a ranker that is trained now, with its metadata."""
    config = config_of([*_MICRO, "archlock.hidden", "32,16", "archlock.leave_out", "normal"], folder)
    ranker, _ = train_on_scores(config, *Knowledge(config).training_tables(), progress=None)
    ranker.save(folder / "ranker.safetensors")
    return digest((folder / "ranker.safetensors").read_bytes())


def task2vec(folder: Path) -> str:
    """Both Task2Vec embeddings of a digits task."""
    from naslib_archlock.embedding.probes import load_probe
    from naslib_archlock.embedding.task2vec import METHODS, Task2VecSettings, task2vec
    from naslib_archlock.tasks.digits_tasks import digits_task

    data, probe = digits_task("jigsaw")["train"], load_probe("digits")
    settings = [Task2VecSettings(method=method, max_images=200, head_steps=200, noise_steps=50) for method in METHODS]
    return digest(b"".join(task2vec(data, probe, setting).tobytes() for setting in settings))


def fitted_network(folder: Path) -> str:
    """The weights of networks trained on digits, and their metrics."""
    import torch

    from naslib_archlock.compute.threads import single_threaded
    from naslib_archlock.networks.fit import FitSettings, fit, scores
    from naslib_archlock.tasks.digits_tasks import digits_task

    data = digits_task("edges")["train"].take(torch.arange(200))
    with single_threaded():  # fit_and_score uses one thread, too
        network = fit((3, 1, 2, 3, 0, 1), data, FitSettings(epochs=2), (0, 1))
    weights = b"".join(value.numpy().tobytes() for value in network.state_dict().values())
    return digest(weights + json.dumps(scores(network, data)).encode())


def small_study(folder: Path) -> dict[str, str]:
    """The results of a study, without wall times."""
    from naslib_archlock.compute.parts import LocalProcesses
    from naslib_archlock.studies.statistics import analyse
    from naslib_archlock.studies.study import study_from
    from naslib_archlock.studies.study_results import read_results
    from naslib_archlock.studies.study_run import resolve, run_study

    methods = {"TU": {"scheme": "tu"}, "ranked": {"scheme": "s", "strategy": "evolution"}, "random": {}}
    methods["random"]["method"] = "random"
    study = resolve(
        study_from(
            {
                "name": "small", "about": "A study.", "budgets": [5], "seeds": 2, "source_queries": 12,
                "reference": "random", "compare_with": "random", "methods": methods,
                "spaces": {"digits": ["digit -> jigsaw", "digit -> edges"]},
            }
        )
    )  # fmt: skip
    run_study(study, folder / "study", workers=LocalProcesses(1))
    results = read_results(folder / "study" / "results.csv")
    results["seconds"] = 0.0
    tables = analyse(results, list(methods), "random", "random")
    text = "".join(table.to_csv() for table in tables)
    return {"results": digest(results.to_csv().encode()), "statistics": digest(text.encode())}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


CORE: dict[str, Callable[[Path], Any]] = {
    **{name: lambda folder, keys=keys: search(keys, folder) for name, keys in SEARCHES.items()},
    "files of a run": run_folder,
    "votes": votes,
    "target model": target_model,
}
WITH_TORCH: dict[str, Callable[[Path], Any]] = {
    **{name: lambda folder, keys=keys: search(keys, folder) for name, keys in RANK_SEARCHES.items()},
    "trained ranker": trained_ranker,
    "Task2Vec": task2vec,
    "fitted network": fitted_network,
    "study": small_study,
}
OUTPUTS = {**CORE, **WITH_TORCH}


def main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if names == ["--expect"]:
            made = {name: decisions(OUTPUTS[name](Path(folder))) for name in (*SEARCHES, *RANK_SEARCHES)}
            lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in made.items())
            EXPECTED.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        else:
            names = list(CORE) if names == ["--core"] else names or list(OUTPUTS)
            print(json.dumps({name: OUTPUTS[name](Path(folder)) for name in names}))


if __name__ == "__main__":
    main(sys.argv[1:])
