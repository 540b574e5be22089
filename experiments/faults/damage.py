"""Makes a file of every kind that the package reads back, changes single bytes, and counts what happens."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from naslib_archlock.benchmarks.trained import TrainedBenchmark
from naslib_archlock.compute.parts import LocalProcesses, Workers, compute_parts
from naslib_archlock.config.load import load_config
from naslib_archlock.embedding import task2vec
from naslib_archlock.errors import RankerError
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.locking.run_folder import open_run_folder
from naslib_archlock.networks.fit import FitSettings
from naslib_archlock.proxies.votes import Votes
from naslib_archlock.proxies.zero_cost import ZeroCostScores
from naslib_archlock.ranker import training
from naslib_archlock.ranker.ranker import Ranker, RankerInfo
from naslib_archlock.ranker.train_settings import TrainSettings
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO
from naslib_archlock.store import checkpoint
from naslib_archlock.store.cache import kept_array, user_folder
from naslib_archlock.studies import study_run as studies
from naslib_archlock.studies.study import study_from
from naslib_archlock.tasks.digits_tasks import digits_task

NOTICED, HARMLESS, MISSED = "noticed", "harmless: the same content", "missed"


class Kind(NamedTuple):
    """A kind of file; ``read`` returns its content as the package reads it, or None if the package finds it damaged."""

    name: str
    path: Path
    read: Callable[[], Any]


def flip(kind: Kind, at: Iterable[int], seed: int = 0) -> Counter[str]:
    """Change one byte after the other to another value at random, and count the outcomes."""
    rng = np.random.default_rng(seed)
    whole = kind.path.read_bytes()
    expected = kind.read()
    assert expected is not None, kind.name
    found: Counter[str] = Counter({MISSED: 0})
    for position in at:
        damaged = bytearray(whole)
        damaged[position] ^= int(rng.integers(1, 256))
        kind.path.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = kind.read()
        found[NOTICED if content is None else HARMLESS if content == expected else MISSED] += 1
    kind.path.write_bytes(whole)
    assert kind.read() == expected, kind.name
    return found


def spread(kind: Kind, n: int) -> list[int]:
    """``n`` evenly spaced positions, with the first and the last; all positions if the file has no more."""
    size = len(kind.path.read_bytes())
    return sorted(set(np.linspace(0, size - 1, min(n, size)).astype(int).tolist()))


def kinds(base: Path, tables: Path, images: Path) -> Iterator[Kind]:
    """Make a real file of every kind in ``base``, from toy ``tables`` and a folder of ``images``."""
    yield from _rankers(base)
    yield from _cached()
    yield _state(base, tables)
    yield _checkpoint(base)
    yield from _parts(base)
    yield _study_run(base)
    yield _trained_network(base, images)


def _training_task() -> training.TrainingTask:
    cells = np.array(NASBENCH201.sample(60, np.random.default_rng(0)))
    scores = ZeroCostScores(NASBENCH201, "t", cells, {"nwot": np.random.default_rng(1).random(60)})
    return training.TrainingTask("nasbench201/t", NASBENCH201, cells, np.ones(4), Votes.of(scores, {"nwot": 1.0}))


def _train(**options: Any) -> Ranker:
    settings = TrainSettings(epochs=1, steps_per_epoch=2, batch_size=32)
    info = RankerInfo("cell", "file", 4, "mlp", {"hidden": [4]}, ("nasbench201/t",), {"nwot": 1.0})
    return training.train_ranker([_training_task()], info, settings, 0, **options)[0]


def _weights(ranker: Ranker) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in ranker.model.state_dict().values()]


def _rankers(base: Path) -> Iterator[Kind]:
    path = base / "ranker.safetensors"
    _train().save(path)

    def read() -> Any:
        try:
            ranker = Ranker.load(path)
        except RankerError:
            return None
        return ranker.info, _weights(ranker)

    yield Kind("ranker", path, read)


def _cached() -> Iterator[Kind]:
    """Cached files, two for an embedding and two for values read from a benchmark."""
    settings = task2vec.Task2VecSettings(max_images=4, head_steps=1)
    data = digits_task("digit")["train"].take(torch.arange(4))
    folder = user_folder("kept")
    before = set(folder.glob("*")) if folder.is_dir() else set()
    vector = task2vec.cached_task2vec(data, settings).vector
    of_embedding = sorted(set(folder.glob("*")) - before)
    assert len(of_embedding) == 2

    def embedding() -> Any:
        found = task2vec.cached_task2vec(data, settings)
        assert found.vector.tobytes() == vector.tobytes()
        return found.vector.tobytes() if found.from_cache else None

    column = np.arange(200, dtype=np.float64)

    def accuracies() -> Any:
        is_made = False

        def make() -> np.ndarray:
            nonlocal is_made
            is_made = True
            return column.copy()

        found = kept_array({"column": "digit/val"}, make)
        return None if is_made else found.tobytes()

    accuracies()
    of_column = sorted(set(folder.glob("*")) - before - set(of_embedding))
    for name, paths, read in (("embedding", of_embedding, embedding), ("benchmark", of_column, accuracies)):
        for path in paths:
            yield Kind(f"cached {name}, {path.suffix}", path, read)


def _state(base: Path, tables: Path) -> Kind:
    values = ["search_space", "transbench101_micro", "dataset", "class_scene", "archlock.tables", str(tables)]
    config = load_config(None, [*values, "out_dir", str(base / "run"), "search.epochs", "30"])
    benchmark = open_benchmark(config)
    search = prepare(config, benchmark).search
    start = search.state()
    for _ in range(6):
        search.step()
    with open_run_folder(config, benchmark, resume=False) as run:
        run.begin()
        run.keep_state(search.state())
    with open_run_folder(config, benchmark, resume=True) as run:
        pass

    def read() -> Any:
        search.restore(start)
        run.restore(search)
        return search.state() if search.history else None

    return Kind("state of a search", config.save / "state.json", read)


def _checkpoint(base: Path) -> Kind:
    path, before = base / "training", checkpoint.SECONDS
    checkpoint.SECONDS = 0.0
    try:
        _train(checkpoint=path)
    finally:
        checkpoint.SECONDS = before

    def read() -> Any:
        made: list[int] = []
        ranker = _train(checkpoint=path, progress=lambda step, loss: made.append(step))
        return None if made else _weights(ranker)

    return Kind("checkpoint of a training", path, read)


def _halves(number: int) -> dict[str, float]:
    return {"half": number / 2}


def _parts(base: Path) -> Iterator[Kind]:
    folder = base / "parts"

    def compute() -> Any:
        return compute_parts(_halves, {"part": (3,)}, folder, {"seed": 1}, LocalProcesses(1), "halving")

    compute()
    for name in ("part", "settings"):
        path = folder / f"{name}.json"

        def read(path: Path = path) -> Any:
            # The package replaces a damaged file, which then has another inode.
            before = path.stat().st_ino
            content = compute()
            return content if path.stat().st_ino == before else None

        yield Kind(f"part of scores, {name}.json", path, read)


def _study_run(base: Path) -> Kind:
    study = study_from(
        {"name": "small", "about": "A study.", "budgets": [2], "seeds": 1, "reference": "one", "compare_with": "other",
         "spaces": {"digits": ["digit -> jigsaw"]},
         "methods": {"one": {"method": "fewest_weights"}, "other": {"method": "random"}}}
    )  # fmt: skip
    study = studies.resolve(study)
    studies.run_study(study, base / "study", workers=LocalProcesses(1))
    runs = studies._Runs(study, base / "study", "", LocalProcesses(1))
    one = study.runs()[0]
    return Kind("run of a study", runs.file(one), lambda: runs.read([one]).get(one))


class _Counting(Workers):
    """A worker that counts the calls, and makes each only once."""

    share_files = True

    def __init__(self) -> None:
        self.n_calls = 0
        self.made: dict[Any, Any] = {}

    def check(self) -> None:
        """This process is always there."""

    def results(self, function: Any, calls: Any) -> Any:
        for name, call in calls.items():
            self.n_calls += 1
            if name not in self.made:
                self.made[name] = function(*call)
            yield name, self.made[name]


def _trained_network(base: Path, images: Path) -> Kind:
    quick = FitSettings(epochs=1, batch_size=16, widths=(4, 8))
    workers = _Counting()
    benchmark = TrainedBenchmark(TRANSBENCH101_MICRO, [str(images)], 12, 0, False, 0, quick)
    benchmark.cache_in(base / "networks")
    benchmark.train_with(workers)

    def read() -> Any:
        workers.n_calls = 0
        benchmark._figures.clear()
        values = [benchmark.accuracy((3, 2, 1, 3, 1, 2), task=str(images), split=s) for s in ("val", "test")]
        return None if workers.n_calls else values

    read()
    (path,) = (base / "networks").iterdir()
    return Kind("figures of a trained network", path, read)
