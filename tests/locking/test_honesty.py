"""What a search must not see: the tests replace hidden data by noise, and nothing may change.

Each test runs the whole pipeline from files: it reads tables and zero-cost scores, trains a ranker if the search uses
ranks, and searches. For each such test, another test shows that data which the search *may* see do change the outcome.
So these tests can fail.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.toy import write_tables
from naslib_archlock.benchmarks import domains_benchmark
from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.commands import main as cli
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.errors import RankerError
from naslib_archlock.locking import knowledge
from naslib_archlock.locking.prepare import Prepared, open_benchmark, prepare
from naslib_archlock.locking.result import finish
from naslib_archlock.ranker.train_settings import PRESETS, TrainSettings
from naslib_archlock.report import search_pictures as plot
from naslib_archlock.spaces.cells import cell_index
from naslib_archlock.spaces.known import get_space
from naslib_archlock.strategies import target_model
from naslib_archlock.strategies.base import Evaluated, Search
from naslib_archlock.strategies.target_model import Moments
from naslib_archlock.strategies.target_search import TargetSearch

SCHEMES = ("s", "tk", "tu")
ON_RANKS = ("evolution", "exhaustive", "paper")
RANK_SEARCHES = [(scheme, strategy) for scheme in SCHEMES for strategy in ON_RANKS]
BAYESIAN_SEARCHES = [(scheme, "bayesian") for scheme in SCHEMES]
SEARCHES = [*RANK_SEARCHES, *BAYESIAN_SEARCHES]
MADE_UP = ("toy", "toy_nasbench201")
REAL = ("transbench101_micro", "nasbench201")
SETTINGS = (*MADE_UP, *REAL)
# All searches run on the made-up benchmarks, and on the real ones only searches that consider targets.
CASES = [("toy", *search) for search in SEARCHES] + [("toy_nasbench201", *search) for search in BAYESIAN_SEARCHES]
CASES += [
    (setting, *search)
    for setting in REAL
    for search in (("tk", "evolution"), ("tu", "evolution"), ("tu", "exhaustive"), *BAYESIAN_SEARCHES[1:])
]
# These steps are enough for a Bayesian search to plan queries for the best source and then for the lock.
STEPS = {"bayesian": 45, "evolution": 12, "exhaustive": 12, "paper": 60}


@dataclass(frozen=True)
class Setting:
    """A benchmark to search on, and copies of its folder with noise, which are made when first asked for."""

    space: str
    source: str
    target: str
    tables: Path
    scratch: Path
    rewrite: Callable[..., Path]

    def copy(self, name: str, **changes: Any) -> Path:
        folder = self.scratch / name
        return folder if folder.exists() else self.rewrite(self.tables, folder, self.space, **changes)

    @property
    def original(self) -> Path:
        return self.copy("original")

    def knows_further_tasks(self, scheme: str, strategy: str) -> bool:
        """Whether a search may use accuracies on tasks other than the source and the target."""
        on_other_images = self.space == "nasbench201"
        return strategy == "bayesian" and (scheme == "tk" or (scheme == "tu" and on_other_images))

    def hidden_accuracies(self, scheme: str, strategy: str) -> Path:
        """Noise replaces every accuracy that the search must not see, but no accuracy of the source."""
        return self.target_accuracies if self.knows_further_tasks(scheme, strategy) else self.other_accuracies

    @property
    def target_accuracies(self) -> Path:
        """Noise replaces the target's accuracies on all splits, and all accuracies in the zero-cost file."""
        return self.noisy_tasks(self.target)

    def noisy_tasks(self, *tasks: str) -> Path:
        return self.copy(
            f"accuracies of {', '.join(tasks)}",
            change_column=lambda name, values: noise(name, values) if name.rpartition("/")[0] in tasks else values,
            change_scores=noisy_accuracies,
        )

    @property
    def further_validation(self) -> Path:
        """Noise replaces the validation accuracies of all tasks except the source and the target."""
        known = (self.source, self.target)

        def change(name: str, values: np.ndarray) -> np.ndarray:
            task, _, split = name.rpartition("/")
            return noise(name, values) if split == "val" and task not in known else values

        return self.copy("further_validation", change_column=change)

    @property
    def further_test(self) -> Path:
        """Noise replaces the training and test accuracies of all tasks except the source."""

        def change(name: str, values: np.ndarray) -> np.ndarray:
            task, _, split = name.rpartition("/")
            return noise(name, values) if split != "val" and task != self.source else values

        return self.copy("further_test", change_column=change)

    @property
    def other_accuracies(self) -> Path:
        """Noise replaces every accuracy except the source's, on all splits, also in the zero-cost file."""
        return self.copy(
            "other_accuracies",
            change_column=lambda name, values: values if name.startswith(f"{self.source}/") else noise(name, values),
            change_scores=noisy_accuracies,
        )

    @property
    def source_test(self) -> Path:
        """Noise replaces the source's training and test accuracies."""
        hidden = (f"{self.source}/train", f"{self.source}/test")
        return self.copy("source_test", change_column=lambda n, values: noise(n, values) if n in hidden else values)

    @property
    def source_validation(self) -> Path:
        """Noise replaces the accuracies that a search may query."""
        seen = f"{self.source}/val"
        return self.copy("source_val", change_column=lambda n, values: noise(n, values) if n == seen else values)

    def not_looked_up(self, name: str, looked_up: Iterable[tuple[int, ...]], task: str = "") -> Path:
        """Noise replaces the validation accuracies on a task, by default the source, that were not queried."""
        is_seen = np.isin(cell_index(get_space(self.space).all()), cell_index(list(looked_up)))
        column = f"{task or self.source}/val"
        return self.copy(
            f"not looked up {name}",
            change_column=lambda n, values: np.where(is_seen, values, noise(n, values)) if n == column else values,
        )

    @property
    def target_scores(self) -> Path:
        """Noise replaces the target's zero-cost scores."""
        return self.copy("target_scores", change_scores=lambda scores: noisy_scores(scores[self.target]))

    @property
    def no_target_scores(self) -> Path:
        """The zero-cost files lack the target."""
        return self.copy("no_target_scores", change_scores=lambda scores: scores.pop(self.target))

    def config(self, tables: Path, scheme: str, strategy: str, *overrides: str) -> Config:
        values = {
            "search_space": self.space,
            "dataset": self.source,
            "out_dir": self.scratch / "out",
            "search.epochs": STEPS[strategy],
            "search.population_size": 4,
            "archlock.scheme": scheme,
            "archlock.strategy": strategy,
            "archlock.target": self.target,
            "archlock.tables": tables,
            "archlock.source_queries": STEPS[strategy],
            "archlock.source_floor": "room_layout:-0.64, class_scene:55, cifar10:55",  # many reach it, not all
            "archlock.opponents": 16,
            "archlock.screening": 4,
            "archlock.n_targets": 2,
            "archlock.hidden": "16,8",
            "archlock.held_out_cells": 0,
            "archlock.reference_cells": 32,
        }
        return load_config(None, [str(part) for pair in values.items() for part in pair] + list(overrides))


def noise(name: str, values: np.ndarray) -> np.ndarray:
    """Other numbers in the column's range, drawn with the column's name as seed."""
    return np.random.default_rng(zlib.crc32(name.encode())).uniform(values.min(), values.max(), len(values))


def noisy_accuracies(scores: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    for entries in scores.values():
        for entry in entries.values():
            entry["val_accuracy"] = rng.uniform(0, 100)


def noisy_scores(entries: dict[str, Any]) -> None:
    rng = np.random.default_rng(2)
    for entry in entries.values():
        for value in entry.values():
            if isinstance(value, dict):
                value["score"] = rng.uniform(0, 100)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("honesty")


@pytest.fixture(params=SETTINGS)
def setting(request, scratch, rewrite_tables) -> Setting:
    """The made-up benchmark, and the real ones if they are available."""
    space, source, target, tables = {
        "toy": ("transbench101_micro", "class_scene", "normal", "toy_tables"),
        "toy_nasbench201": ("nasbench201", "cifar10", "cifar100", "toy_nasbench201"),
        "transbench101_micro": ("transbench101_micro", "room_layout", "autoencoder", "shared_data"),
        "nasbench201": ("nasbench201", "cifar10", "cifar100", "shared_data"),
    }[request.param]
    return Setting(space, source, target, request.getfixturevalue(tables), scratch / request.param, rewrite_tables)


@pytest.fixture
def toy(toy_tables, scratch, rewrite_tables) -> Setting:
    return Setting("transbench101_micro", "class_scene", "normal", toy_tables, scratch / "toy", rewrite_tables)


@pytest.fixture
def toy201(toy_nasbench201, scratch, rewrite_tables) -> Setting:
    folder = scratch / "toy_nasbench201"
    return Setting("nasbench201", "cifar10", "cifar100", toy_nasbench201, folder, rewrite_tables)


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "default", TrainSettings(epochs=1, steps_per_epoch=15, batch_size=256))


@dataclass(frozen=True)
class Trajectory:
    """Everything that a search did, and the cell that it chose."""

    history: list[Evaluated]
    chosen: Evaluated
    weights: list[list[float]]  # the weights of the ranker that was trained
    looked_up: dict[tuple[int, ...], float]
    looked_up_on_targets: dict[tuple[int, ...], tuple[float, ...]]


@cache
def follow(config: Config) -> Trajectory:
    """``follow_anew``, but only once for each configuration."""
    return follow_anew(config)


def follow_anew(config: Config) -> Trajectory:
    """Prepare and run a search, without the report."""
    return follow_on(config, open_benchmark(config))


def follow_on(config: Config, benchmark: Benchmark) -> Trajectory:
    """Prepare and run a search on an open benchmark."""
    prepared = prepare(config, benchmark)
    search = run(prepared.search, config)
    state = prepared.ranker.model.state_dict() if prepared.ranker else {}
    on_targets = search.targets.known if isinstance(search, TargetSearch) else {}
    weights = [t.flatten().tolist() for t in state.values()]
    return Trajectory(search.history, search.best(), weights, search.oracle.known, on_targets)


def run(search: Search, config: Config) -> Search:
    for _ in range(config.search.epochs):
        search.step()
    return search


# -- accuracies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("setting", "scheme", "strategy"), CASES, indirect=["setting"])
def test_the_targets_accuracies_leave_no_trace(setting, scheme, strategy):
    """No task that the search must not know changes anything: the trajectory is the same bit for bit."""
    original, noisy = (
        follow(setting.config(tables, scheme, strategy))
        for tables in (setting.original, setting.hidden_accuracies(scheme, strategy))
    )
    assert original == noisy
    assert len(original.history) >= STEPS[strategy]


@pytest.mark.parametrize(("setting", "scheme", "strategy"), CASES, indirect=["setting"])
def test_further_tasks_validation_accuracies_matter_where_they_may_be_known_and_nowhere_else(setting, scheme, strategy):
    original, noisy = (
        follow(setting.config(tables, scheme, strategy)) for tables in (setting.original, setting.further_validation)
    )
    if setting.knows_further_tasks(scheme, strategy):
        assert [e.fitness for e in original.history] != [e.fitness for e in noisy.history]
        assert original.looked_up != noisy.looked_up
    else:
        assert original == noisy


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("setting", MADE_UP, indirect=True)
def test_further_tasks_test_and_training_accuracies_leave_no_trace(setting, scheme):
    original, noisy = (
        follow(setting.config(tables, scheme, "bayesian")) for tables in (setting.original, setting.further_test)
    )
    assert original == noisy


@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_several_targets_leave_no_trace(toy, scheme):
    """Several targets change nothing, nor do all of them; in TK, the one task that is no target does."""
    both = ("archlock.target", "normal,autoencoder")
    original, noisy, further_noisy = (
        follow(toy.config(tables, scheme, "bayesian", *both))
        for tables in (toy.original, toy.noisy_tasks("normal", "autoencoder"), toy.noisy_tasks("class_object"))
    )
    assert original == noisy
    assert (original == further_noisy) == (scheme != "tk")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("setting", MADE_UP, indirect=True)
def test_where_all_others_are_targets_none_leaves_a_trace(setting, scheme):
    """This also holds on nasbench201, where a search may know a task that is no target."""
    others = [task for task in get_tasks(setting) if task != setting.source]
    for target in {",".join(others), "" if scheme != "tk" else ",".join(others)}:
        original, noisy = (
            follow(setting.config(tables, scheme, "bayesian", "archlock.target", target))
            for tables in (setting.original, setting.other_accuracies)
        )
        assert original == noisy


def get_tasks(setting: Setting) -> tuple[str, ...]:
    return open_benchmark(setting.config(setting.original, "s", "bayesian")).tasks


@pytest.mark.parametrize(("scheme", "strategy"), SEARCHES)
def test_the_sources_test_and_training_accuracies_leave_no_trace(toy, scheme, strategy):
    original, noisy = (follow(toy.config(tables, scheme, strategy)) for tables in (toy.original, toy.source_test))
    assert original == noisy


@pytest.mark.parametrize(("scheme", "strategy"), SEARCHES)
def test_the_sources_validation_accuracy_does_matter(toy, scheme, strategy):
    original, noisy = (follow(toy.config(tables, scheme, strategy)) for tables in (toy.original, toy.source_validation))
    assert original.looked_up != noisy.looked_up
    assert original.history != noisy.history
    assert original.weights == noisy.weights  # the ranker learns only from zero-cost scores


@pytest.mark.parametrize(
    ("setting", "scheme", "strategy"),
    [*(("toy", *search) for search in SEARCHES), *(("toy_nasbench201", *search) for search in BAYESIAN_SEARCHES)],
    indirect=["setting"],
)
def test_what_was_not_looked_up_of_the_source_leaves_no_trace(setting, scheme, strategy):
    """A search learns only from source accuracies that it has queried."""
    original = follow(setting.config(setting.original, scheme, strategy))
    assert 0 < len(original.looked_up) <= STEPS[strategy]
    tables = setting.not_looked_up(f"{scheme} {strategy}", original.looked_up)
    assert follow(setting.config(tables, scheme, strategy)) == original


TARGET_QUERIES = ("archlock.target_queries", "6")


@pytest.mark.parametrize("setting", ["toy", "toy_nasbench201"], indirect=True)
def test_a_counted_look_up_shows_one_accuracy_of_the_target_and_nothing_else(setting):
    """The target's test figures leave no trace, nor do its validation figures that were not looked up."""
    original = follow(setting.config(setting.original, "tk", "bayesian", *TARGET_QUERIES))
    assert len(original.looked_up_on_targets) == 6
    assert original != follow(setting.config(setting.original, "tk", "bayesian"))
    tables = setting.copy(
        "target test",
        change_column=lambda n, v: noise(n, v) if n in (f"{setting.target}/test", f"{setting.target}/train") else v,
    )
    assert follow(setting.config(tables, "tk", "bayesian", *TARGET_QUERIES)) == original
    tables = setting.not_looked_up("target", original.looked_up_on_targets, setting.target)
    assert follow(setting.config(tables, "tk", "bayesian", *TARGET_QUERIES)) == original
    assert follow(setting.config(setting.target_accuracies, "tk", "bayesian", *TARGET_QUERIES)) != original


def test_look_ups_after_training_on_the_source_show_nothing_else(tmp_path, rewrite_tables):
    """Only the fine-tuned validation figures that were looked up leave a trace."""
    write_tables(tmp_path / "made", fine_tuned=True)
    setting = Setting(
        "transbench101_micro", "class_scene", "normal", tmp_path / "made", tmp_path / "copies", rewrite_tables
    )
    keys = (*TARGET_QUERIES, "archlock.lock_on", "transfer")
    original = follow(setting.config(setting.original, "tk", "bayesian", *keys))
    assert len(original.looked_up_on_targets) == 6

    def with_noise(*columns: str) -> Any:
        tables = setting.copy(
            str(columns).replace("/", "-"), change_column=lambda n, v: noise(n, v) if n in columns else v
        )
        return follow(setting.config(tables, "tk", "bayesian", *keys))

    target = setting.target
    assert with_noise(*(f"{target}/{split}" for split in ("train", "val", "test"))) == original
    assert with_noise(f"{setting.source}>{target}/test", f"{setting.source}>{target}/train") == original
    assert with_noise(f"{setting.source}>{target}/val") != original


@pytest.mark.parametrize("scheme", ["tu", "tk"])
def test_a_model_of_transfer_learns_from_no_pair_with_the_source_or_the_target(scheme, monkeypatch):
    """On the transfer benchmark itself, all columns of other networks on these two domains are noise."""
    cells, figures = domains_benchmark.read_figures()
    rng = np.random.default_rng(0)
    keys = ["search_space", "digits_domains", "dataset", "plain", "archlock.target", "noisy", "archlock.scheme", scheme]
    keys += ["archlock.lock_on", "transfer", "archlock.source_queries", "60", "search.epochs", "60"]

    def followed(is_noise: Callable[[str], bool]) -> Any:
        changed = {name: rng.permuted(values, axis=0) if is_noise(name) else values for name, values in figures.items()}
        monkeypatch.setattr(domains_benchmark, "read_figures", lambda: (cells, changed))
        return follow_anew(load_config(None, keys))

    original = followed(lambda name: False)
    assert followed(lambda name: ("plain" in name or "noisy" in name) and not name.startswith("plain/")) == original
    assert followed(lambda name: name.startswith("faint>bold")) != original


@pytest.mark.parametrize(("scheme", "strategy"), [*BAYESIAN_SEARCHES, *((scheme, "evolution") for scheme in SCHEMES)])
def test_the_chosen_cell_is_the_same_and_only_its_figures_differ(toy, scheme, strategy):
    """With other target accuracies, the report shows the same cells with other figures."""
    results = []
    for tables in (toy.original, toy.hidden_accuracies(scheme, strategy)):
        config = toy.config(tables, scheme, strategy)
        benchmark = open_benchmark(config)
        prepared = prepare(config, benchmark)
        results.append(finish(config, benchmark, run(prepared.search, config)))
    original, noisy = results
    assert original["cell"] == noisy["cell"]
    assert original["s"]["cell"] == noisy["s"]["cell"]
    assert original["fitness"] == noisy["fitness"]
    assert original["source_test"] == noisy["source_test"]
    assert original["targets"] != noisy["targets"]


# -- what other benchmarks taught --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["tk", "tu"])
@pytest.mark.parametrize("setting", MADE_UP, indirect=True)
def test_what_is_kept_of_this_benchmark_leaves_no_trace_and_that_of_others_does(setting, scheme, monkeypatch):
    """The moments that come with the package were computed from whole tables, including the targets."""
    config = setting.config(setting.original, scheme, "bayesian")
    kept, original = target_model.read_moments(), follow(config)
    trajectories = {}
    for name in kept:
        rng = np.random.default_rng(0)
        columns = rng.standard_normal((1000, len(kept[name].label)))
        made_up = Moments(columns.T @ columns, 1000 * rng.standard_normal(len(kept[name].label)))
        monkeypatch.setattr(target_model, "read_moments", lambda name=name, made_up=made_up: {**kept, name: made_up})
        trajectories[name] = follow_anew(config)
    assert {name: trajectory == original for name, trajectory in trajectories.items()} == {
        name: name == setting.space for name in kept
    }


class NoisyTasks(Benchmark):
    """Another benchmark, with noise in place of all accuracies on some tasks."""

    def __init__(self, inner: Benchmark, noisy: Collection[str]) -> None:
        self.inner, self.space, self.tasks, self.noisy = inner, inner.space, inner.tasks, noisy

    def accuracy(self, arch, *, task, split, pretrained_on=None):
        if task not in self.noisy:
            return self.inner.accuracy(arch, task=task, split=split)
        return float(np.random.default_rng([*arch, *task.encode()]).uniform(0, 100))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_on_the_embedded_benchmark_all_tasks_are_on_the_targets_images(scheme):
    """So if the target is unknown, only the source changes the search; if it is known, other tasks do, too."""
    keys = {
        "search_space": "digits", "dataset": "digit", "archlock.scheme": scheme, "archlock.target": "edges",
        "search.epochs": 45, "archlock.source_queries": 45,
    }  # fmt: skip
    config = load_config(None, [str(part) for pair in keys.items() for part in pair])
    benchmark = open_benchmark(config)
    original = follow_on(config, benchmark)
    others = [task for task in benchmark.tasks if task != "digit"]
    assert follow_on(config, NoisyTasks(benchmark, ["edges"])) == original
    assert (follow_on(config, NoisyTasks(benchmark, others)) == original) == (scheme != "tk")
    assert follow_on(config, NoisyTasks(benchmark, ["digit"])) != original


# -- the target's zero-cost scores and embedding -----------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "strategy"), [s for s in SEARCHES if s[0] != "tk"])
@pytest.mark.parametrize("change", ["target_scores", "no_target_scores"])
def test_unknown_targets_scores_leave_no_trace(toy, scheme, strategy, change):
    original, noisy = (follow(toy.config(tables, scheme, strategy)) for tables in (toy.original, getattr(toy, change)))
    assert original == noisy


@pytest.mark.parametrize("setting", REAL, indirect=True)
@pytest.mark.parametrize("strategy", ["bayesian", "evolution"])
@pytest.mark.parametrize("change", ["target_scores", "no_target_scores"])
def test_unknown_targets_scores_leave_no_trace_on_real_tables(setting, strategy, change):
    original, noisy = (
        follow(setting.config(tables, "tu", strategy)) for tables in (setting.original, getattr(setting, change))
    )
    assert original == noisy


def test_a_bayesian_search_reads_no_scores_at_all_of_an_unknown_target(toy201, monkeypatch):
    """This holds even on nasbench201, where the search learns from further tasks."""
    monkeypatch.setattr(knowledge, "ZeroCostFile", lambda *args: pytest.fail("scores were read"))
    for scheme in ("s", "tu"):
        follow_anew(toy201.config(toy201.original, scheme, "bayesian"))


@pytest.mark.parametrize("strategy", ON_RANKS)
@pytest.mark.parametrize("setting", ["toy", *REAL], indirect=True)
def test_a_known_targets_scores_do_matter(setting, strategy):
    original, noisy = (
        follow(setting.config(tables, "tk", strategy)) for tables in (setting.original, setting.target_scores)
    )
    assert original.weights != noisy.weights
    assert original.chosen.fitness != noisy.chosen.fitness


@pytest.mark.parametrize("setting", ["toy", "transbench101_micro"], indirect=True)
def test_a_known_targets_scores_say_which_further_tasks_to_listen_to(setting):
    """With several further tasks, the scores decide their weights; on nasbench201 there is only one."""
    original, noisy = (
        follow(setting.config(tables, "tk", "bayesian")) for tables in (setting.original, setting.target_scores)
    )
    assert [e.fitness for e in original.history] != [e.fitness for e in noisy.history]


def test_a_known_targets_scores_matter_also_to_a_ranker_that_never_saw_it(toy, toy_ranker):
    """The scores act through the target's embedding alone."""
    fitness = []
    for tables in (toy.original, toy.target_scores):
        config = toy.config(tables, "tk", "evolution")
        prepared = prepare(config, open_benchmark(config), toy_ranker)
        fitness.append([e.fitness for e in run(prepared.search, config).history])
    assert fitness[0] != fitness[1]


@pytest.mark.parametrize("strategy", ["bayesian", "evolution"])
@pytest.mark.parametrize("scheme", ["s", "tu"])
def test_without_named_targets_all_other_tasks_are_unknown(toy, scheme, strategy):
    alone = toy.copy(
        "source_alone", change_scores=lambda scores: [scores.pop(t) for t in list(scores) if t != toy.source]
    )
    original, noisy = (
        follow(toy.config(tables, scheme, strategy, "archlock.target", "")) for tables in (toy.original, alone)
    )
    assert original == noisy


def test_an_unknown_targets_embedding_is_not_read(toy, tmp_path):
    """With embeddings from files, the target's file may be missing or unreadable."""
    rng = np.random.default_rng(0)
    for task in ("class_scene", "class_object", "autoencoder"):
        np.save(tmp_path / f"{task}.npy", rng.standard_normal(8))
    embedding = ("archlock.embedding", str(tmp_path / "{task}.npy"))
    original = follow_anew(toy.config(toy.original, "tu", "evolution", *embedding))
    (tmp_path / "normal.npy").write_text("unreadable")
    assert follow_anew(toy.config(toy.original, "tu", "evolution", *embedding)) == original


def test_a_ranker_trained_on_the_target_is_refused_where_it_must_be_unknown(toy, toy_ranker):
    assert {task.split("/")[1] for task in toy_ranker.info.tasks} == {"class_scene", "class_object"}
    for target in ("class_object", "normal,class_object", ""):
        config = toy.config(toy.original, "tu", "evolution", "archlock.target", target)
        with pytest.raises(RankerError, match="trained on class_object, which the scheme must not have seen"):
            prepare(config, open_benchmark(config), toy_ranker)
    config = toy.config(toy.original, "tk", "evolution", "archlock.target", "class_object")
    assert prepare(config, open_benchmark(config), toy_ranker).ranker is toy_ranker


def test_a_ranker_trained_now_leaves_the_unknown_target_out(toy):
    trained_on = {
        scheme: {name.split("/")[1] for name in _prepare(toy, scheme).ranker.info.tasks} for scheme in SCHEMES
    }
    assert trained_on["s"] == trained_on["tu"] == {"class_scene", "class_object", "autoencoder"}
    assert trained_on["tk"] == {"class_scene", "class_object", "autoencoder", "normal"}


def _prepare(toy: Setting, scheme: str) -> Prepared:
    config = toy.config(toy.original, scheme, "evolution")
    return prepare(config, open_benchmark(config))


# -- who asks what, and when -------------------------------------------------------------------------------------------


ALL: tuple[int, ...] = ()  # stands for all architectures


class RecordingBenchmark(Benchmark):
    """Records every query, and every reading of a whole column."""

    def __init__(self, inner: Benchmark) -> None:
        self.inner, self.space, self.tasks = inner, inner.space, inner.tasks
        self.calls: list[tuple[str, str, tuple[int, ...]]] = []

    def accuracy(self, arch, *, task, split, pretrained_on=None):
        self.calls.append((task, split, arch))
        return self.inner.accuracy(arch, task=task, split=split)

    def accuracies(self, task, split, pretrained_on=None):
        self.calls.append((task, split, ALL))
        return self.inner.accuracies(task, split)


@pytest.mark.parametrize(
    ("setting", "scheme", "strategy"),
    [*(("toy", *search) for search in SEARCHES), *(("toy_nasbench201", *search) for search in BAYESIAN_SEARCHES)],
    indirect=["setting"],
)
def test_a_search_asks_for_what_it_may_know_and_nothing_else(setting, scheme, strategy):
    """It first reads validation accuracies on further tasks, if it may, and then queries only the source."""
    source, target = setting.source, setting.target
    config = setting.config(setting.original, scheme, strategy)
    benchmark = RecordingBenchmark(open_benchmark(config))
    prepared = prepare(config, benchmark)
    further = {task for task in benchmark.tasks if task not in (source, target)}
    allowed = {(task, "val") for task in further if setting.knows_further_tasks(scheme, strategy)}
    assert {call[:2] for call in benchmark.calls} == allowed
    benchmark.calls.clear()
    search = run(prepared.search, config)
    assert {call[:2] for call in benchmark.calls} == {(source, "val")}
    looked_up = [arch for _, _, arch in benchmark.calls]
    # each query is counted, and made once
    assert len(looked_up) == len(set(looked_up)) == search.oracle.queries <= STEPS[strategy]
    assert not any(isinstance(value, Benchmark) for value in vars(search).values())

    benchmark.calls.clear()
    result = finish(config, benchmark, search)
    found, found_by_s = tuple(result["cell"]), tuple(result["s"]["cell"])
    assert found == search.best().arch
    # Rank percentiles need whole columns. They are read when both searches are over: before, only S looks something up.
    places = {(task, split) for task, split, _ in benchmark.calls}
    assert places == {(source, "val"), (source, "test"), (target, "val"), (target, "test")}
    of_s = [arch for *_, arch in itertools.takewhile(lambda call: call[2] != ALL, benchmark.calls)]
    assert {call[:2] for call in benchmark.calls[: len(of_s)]} <= {(source, "val")}
    assert len(of_s) == (0 if scheme == "s" else result["s"]["source_queries"])
    assert found_by_s in of_s or scheme == "s"
    assert result["targets"] == {target: benchmark.inner.accuracy(found, task=target, split="test")}


@pytest.mark.parametrize("strategy", ["bayesian", "evolution"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_command_first_reads_test_figures_when_the_search_is_over(
    toy, monkeypatch, toy_ranker_file, scheme, strategy
):
    """Before the report, the rest of the command asks for nothing else either."""
    opened: list[RecordingBenchmark] = []
    asked_before_the_report: list[tuple[str, str]] = []

    def recorded_open(config):
        opened.append(RecordingBenchmark(open_benchmark(config)))
        return opened[0]

    def recorded_finish(*args, **kwargs):
        asked_before_the_report.extend(call[:2] for call in opened[0].calls)
        return finish(*args, **kwargs)

    monkeypatch.setattr(plot, "search_picture", lambda *args: b"")  # drawing takes longer than the search
    monkeypatch.setattr("naslib_archlock.locking.prepare.open_benchmark", recorded_open)
    monkeypatch.setattr("naslib_archlock.commands.make_run.finish", recorded_finish)
    overrides = {
        "search_space": toy.space, "dataset": toy.source, "out_dir": toy.scratch / f"cli_{scheme}_{strategy}",
        "archlock.scheme": scheme, "archlock.target": toy.target, "archlock.tables": toy.original,
        "archlock.strategy": strategy, "archlock.ranker": toy_ranker_file, "search.epochs": STEPS[strategy],
        "archlock.opponents": 16,
    }  # fmt: skip
    assert cli.main(["search", *(str(part) for pair in overrides.items() for part in pair)]) == 0
    may_be_known = {"class_object", "autoencoder"} if toy.knows_further_tasks(scheme, strategy) else set()
    assert set(asked_before_the_report) == {("class_scene", "val"), *((task, "val") for task in may_be_known)}
    assert ("normal", "test") in {call[:2] for call in opened[0].calls}
