"""The optimizer under NASLib's own, unchanged ``Trainer``."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from naslib_archlock.config.load import config_from
from naslib_archlock.config.sections import Config
from naslib_archlock.errors import ConfigError, RankerError, UnknownNameError
from naslib_archlock.locking.find_ranker import find_ranker
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.locking.result import finish
from naslib_archlock.plugin.naslib_benchmark import NaslibBenchmark
from naslib_archlock.ranker.train_settings import PRESETS
from naslib_archlock.spaces.known import get_space

TARGETS = {"nasbench201": "cifar100", "transbench101_micro": "autoencoder"}
SPACES = tuple(TARGETS)
EPOCHS = {"evolution": 16, "bayesian": 28}  # ten newcomers, then children; a random start, then planned queries
STRATEGIES = tuple(EPOCHS)


@dataclass
class Run:
    """An optimizer and the Trainer that runs it."""

    optimizer: Any
    trainer: Any
    config: Any
    dataset_api: Any

    @property
    def folder(self) -> Path:
        return Path(self.config.save)

    @property
    def history(self) -> list[Any]:
        return self.optimizer._search.history

    def search(self, **options: Any) -> Run:
        self.trainer.search(report_incumbent=False, **options)
        return self

    def result(self) -> dict[str, Any]:
        assert set(json.loads((self.folder / "timings.json").read_text())) == {"seconds", "seconds_preparation"}
        return json.loads((self.folder / "result.json").read_text())


@pytest.fixture
def make_run(naslib_config, dataset_apis, source_ranker) -> Callable[..., Run]:
    """A function that makes an adapted optimizer and its Trainer, as NASLib's runners do, with trained rankers."""
    from naslib.defaults.trainer import Trainer
    from naslib.optimizers import ArchLock
    from naslib.search_spaces import supported_search_spaces

    def make(space: str, strategy: str, *overrides: object, dataset_api: Any = None) -> Run:
        keys = ("archlock.strategy", strategy, "archlock.ranker", source_ranker, "search.epochs", EPOCHS[strategy])
        config = naslib_config(space, *keys, *overrides)
        dataset_api = dataset_api or dataset_apis[space]
        optimizer = ArchLock(config)
        optimizer.adapt_search_space(supported_search_spaces[space](), dataset_api=dataset_api)
        return Run(optimizer, Trainer(optimizer, config, lightweight_output=True), config, dataset_api)

    return make


def direct_run(naslib_config: Any) -> tuple[Config, dict[str, Any]]:
    """The result of ``prepare`` with the same config, without NASLib's Trainer."""
    config = config_from(naslib_config, strict=False)
    benchmark = open_benchmark(config)
    prepared = prepare(config, benchmark)
    for _ in range(config.search.epochs):
        prepared.search.step()
    return config, json.loads(json.dumps(finish(config, benchmark, prepared.search)))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("scheme", ["s", "tu", "tk"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_search_and_evaluation(strategy, scheme, space, make_run, all_tasks_ranker):
    overrides = ["archlock.scheme", scheme, "archlock.target", TARGETS[space], "archlock.source_budget_pct", 5.0]
    if scheme == "tk":
        overrides += ["archlock.ranker", all_tasks_ranker]
    run = make_run(space, strategy, *overrides).search()
    evaluated = run.trainer.evaluate(dataset_api=run.dataset_api)

    result = run.result()
    config, expected = direct_run(run.config)
    assert result == expected
    assert result["scheme"] == scheme
    assert list(result["targets"]) == [TARGETS[space]]
    assert evaluated == result["source_test"]

    saved_config, errors = json.loads((run.folder / "errors.json").read_text())
    assert saved_config["archlock"]["scheme"] == scheme
    assert errors["valid_acc"] == [evaluated.source_val for evaluated in run.history]
    assert len(errors["valid_acc"]) == len(errors["train_acc"]) == len(errors["runtime"]) == EPOCHS[strategy]
    assert f"{space}/{config.dataset}/archlock/config_0/0" in run.folder.as_posix()

    files = list((run.folder / "search").iterdir())
    assert "model_final.pth" in [path.name for path in files]
    assert sum(path.stat().st_size for path in files) < 1_000_000

    final = run.optimizer.get_final_architecture()
    assert get_space(space).from_naslib(final.get_hash()) == tuple(result["cell"])
    assert final.get_type() == space
    assert final is not run.optimizer.search_space


@pytest.mark.parametrize(("strategy", "n_newcomers"), [("evolution", 10), ("bayesian", 10)])
def test_schemes_find_different_cells(strategy, n_newcomers, make_run):
    """Both evaluate the same newcomers, because their draw does not depend on the scheme; the fitness does."""
    runs = {
        scheme: make_run("nasbench201", strategy, "archlock.scheme", scheme, "archlock.target", "cifar100", "seed", 3)
        for scheme in ("s", "tu", "tk")
    }
    found = set()
    for run in runs.values():
        for epoch in range(EPOCHS[strategy]):
            run.optimizer.new_epoch(epoch)
        found.add(run.optimizer._search.best().arch)
    newcomers = [[e.arch for e in run.history[:n_newcomers]] for run in runs.values()]
    assert newcomers[0] == newcomers[1] == newcomers[2]
    assert len(found) > 1


def test_the_contract_with_naslibs_trainer(make_run):
    from naslib.search_spaces.core.query_metrics import Metric

    run = make_run("transbench101_micro", "bayesian")
    optimizer = run.optimizer
    assert optimizer.using_step_function is False
    assert optimizer.get_model_size() == 0
    model = optimizer.get_checkpointables()["model"]
    assert isinstance(model, torch.nn.Module)
    assert not list(model.parameters())
    optimizer.new_epoch(0)
    cell = optimizer._search.history[0].arch
    api, text = run.dataset_api["api"], optimizer._benchmark.space.to_str(cell)
    expected = [
        api.get_single_metric(text, "class_scene", name, mode="final")
        for name in ("train_top1", "valid_top1", "test_top1", "time_elapsed")
    ]
    for report_incumbent in (True, False):
        assert list(optimizer.train_statistics(report_incumbent)) == expected
    assert optimizer.test_statistics()["metrics"]["valid_top1"][-1] == expected[1]
    final = optimizer.get_final_architecture()
    assert final.query(Metric.TEST_ACCURACY, "class_scene", dataset_api=run.dataset_api) == expected[2]
    with pytest.raises(NotImplementedError, match="no weights"):
        optimizer.get_op_optimizer()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_step_leaves_global_random_numbers_alone(strategy, make_run):
    """NASLib's Trainer seeds NumPy and torch but not ``random``. The search has generators of its own."""
    runs = [make_run("nasbench201", strategy) for _ in range(2)]
    for seed, run in enumerate(runs):
        np.random.seed(seed)
        torch.manual_seed(seed)
        before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
        for epoch in range(EPOCHS[strategy]):
            run.optimizer.new_epoch(epoch)
        assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
    assert runs[0].history == runs[1].history
    assert runs[0].history != make_run("nasbench201", strategy, "seed", 1).search().history


def test_without_a_ranker_one_is_trained(make_run, monkeypatch):
    monkeypatch.setitem(PRESETS, "default", replace(PRESETS["default"], epochs=1, steps_per_epoch=10))
    rankers, original = [], find_ranker
    monkeypatch.setattr(
        "naslib_archlock.locking.prepare.find_ranker",
        lambda *args, **named: rankers.append(original(*args, **named)) or rankers[0],
    )
    make_run("nasbench201", "evolution", "archlock.ranker", "", "search.epochs", 2).search()
    (trained_on,) = [ranker.info.tasks for ranker in rankers]
    assert "nasbench201/cifar10" in trained_on
    assert not {"nasbench201/cifar100", "nasbench201/ImageNet16-120"} & set(trained_on)


# -- interruption ------------------------------------------------------------------------------------------------------


def interrupted_run(make_run: Callable[..., Run], space: str, strategy: str) -> Path:
    """The last checkpoint of a run that stopped four epochs before its end."""
    n_done = EPOCHS[strategy] - 4

    def stop(epoch: int) -> None:
        if epoch == n_done:
            raise KeyboardInterrupt

    run = make_run(space, strategy, "search.checkpoint_freq", 4)
    with pytest.raises(KeyboardInterrupt):
        run.search(after_epoch=stop)
    checkpoint = f"model_{n_done - 1:07}.pth"
    assert (run.folder / "search" / "last_checkpoint").read_text() == checkpoint
    return run.folder / "search" / checkpoint


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_resumed_run_equals_an_uninterrupted_one(strategy, space, make_run, tmp_path):
    checkpoint = interrupted_run(make_run, space, strategy)
    resumed = make_run(space, strategy).search(resume_from=str(checkpoint))
    assert len(json.loads((resumed.folder / "errors.json").read_text())[1]["valid_acc"]) == 4
    whole = make_run(space, strategy, "out_dir", tmp_path / "whole").search()
    assert resumed.history == whole.history
    assert len(whole.history) == EPOCHS[strategy]
    assert resumed.result() == whole.result()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_run_resumed_in_another_folder_makes_no_step_twice(strategy, make_run, tmp_path):
    """NASLib's Trainer then counts epochs from 0, although the checkpoint holds more."""
    checkpoint = interrupted_run(make_run, "nasbench201", strategy)
    resumed = make_run("nasbench201", strategy, "out_dir", tmp_path / "other").search(resume_from=str(checkpoint))
    whole = make_run("nasbench201", strategy, "out_dir", tmp_path / "whole").search()
    assert resumed.history == whole.history
    assert resumed.result() == whole.result()


def test_a_fresh_optimizer_evaluates_a_finished_run(make_run):
    finished = make_run("nasbench201", "bayesian").search()
    fresh = make_run("nasbench201", "bayesian")
    assert fresh.trainer.evaluate(dataset_api=fresh.dataset_api) == finished.result()["source_test"]
    assert fresh.history == finished.history


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_trainer_that_goes_on_when_the_look_ups_are_used_up(strategy, make_run):
    run = make_run("transbench101_micro", strategy, "archlock.source_queries", 6).search()
    assert len({e.arch for e in run.history}) == run.result()["source_queries"] == 6
    errors = json.loads((run.folder / "errors.json").read_text())[1]
    assert len(errors["valid_acc"]) == EPOCHS[strategy]


# -- honesty -----------------------------------------------------------------------------------------------------------


def noise(*names: str) -> float:
    """A number in the range of the metric that is named, of accuracy by default."""
    low, high = (-1, 0) if "loss" in names[-1] else (0, 1) if "ssim" in names[-1] else (0, 100)
    return float(np.random.default_rng(zlib.crc32(repr(names).encode())).uniform(low, high))


class NoisyDatabase:
    """The TransNAS database, with noise for all tasks except some."""

    def __init__(self, api: Any, kept: Collection[str]) -> None:
        self._api, self._kept = api, kept
        self.task_list, self.search_spaces = api.task_list, api.search_spaces

    def get_arch_result(self, arch: str) -> Any:
        return self._api.get_arch_result(arch)

    def get_single_metric(self, arch: str, task: str, metric: str, mode: str) -> float:
        return self._api.get_single_metric(arch, task, metric, mode) if task in self._kept else noise(arch, metric)


def with_noise(space: str, dataset_api: Any, source: str, kept: Collection[str], patch: pytest.MonkeyPatch) -> Any:
    """Replace NASLib's answers on all tasks except the source and ``kept``, and return the source's new dataset api."""
    if space == "transbench101_micro":
        return {"api": NoisyDatabase(dataset_api["api"], {source, *kept}), "task": source}
    import naslib.utils

    original = naslib.utils.get_dataset_api

    def get_dataset_api(_space: str, task: str) -> Any:
        assert task != source
        if task in kept:
            return original(_space, task)
        return {
            "nb201_data": {arch: {task: {"eval_acc1es": [noise(arch, task)]}} for arch in dataset_api["nb201_data"]}
        }

    patch.setattr(naslib.utils, "get_dataset_api", get_dataset_api)
    return dataset_api


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("scheme", ["s", "tu", "tk"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_noise_instead_of_the_targets_accuracies_changes_no_step(
    strategy, scheme, space, make_run, sources, monkeypatch, tmp_path
):
    """The accuracies of other tasks do not matter either, unless the search may learn from further tasks."""
    overrides = (strategy, "archlock.scheme", scheme, "archlock.target", TARGETS[space])
    honest = make_run(space, *overrides).search()
    expected = honest.result()
    may_learn = strategy == "bayesian" and (scheme == "tk" or (scheme == "tu" and space == "nasbench201"))
    further = [task for task in honest.optimizer._benchmark.tasks if task not in (sources[space], TARGETS[space])]
    for kept in (further, []):
        with monkeypatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(tmp_path / f"noise of all but {len(kept)}"))  # the cache goes by files
            noisy_api = with_noise(space, honest.dataset_api, sources[space], kept, patch)
            blind = make_run(space, *overrides, dataset_api=noisy_api).search()
        if kept or not may_learn:
            assert blind.history == honest.history
            assert blind.result()["cell"] == expected["cell"]
            assert blind.result()["targets"] != expected["targets"]  # the report shows the noise
        else:
            assert blind.history != honest.history


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_targets_accuracy_is_first_read_after_the_search(strategy, make_run, monkeypatch):
    read = []
    accuracy = NaslibBenchmark.accuracy

    def spy(self: Any, arch: Any, *, task: str, split: str, pretrained_on: str | None = None) -> float:
        read.append((task, split))
        return accuracy(self, arch, task=task, split=split)

    monkeypatch.setattr(NaslibBenchmark, "accuracy", spy)
    run = make_run("nasbench201", strategy)
    assert read == []  # all other tasks are targets
    for epoch in range(EPOCHS[strategy]):
        run.optimizer.new_epoch(epoch)
    assert set(read) == {("cifar10", "val")}
    run.optimizer.after_training()
    assert ("cifar100", "test") in read


def test_tu_refuses_a_ranker_that_knows_the_target(make_run, all_tasks_ranker):
    with pytest.raises(RankerError, match="was trained on cifar100, ImageNet16-120.*leave_out"):
        make_run("nasbench201", "evolution", "archlock.ranker", all_tasks_ranker)


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_mistakes_in_the_config_are_found_before_the_search(make_run):
    with pytest.raises(UnknownNameError, match="unknown task 'cifar1000'.*did you mean 'cifar100'"):
        make_run("nasbench201", "bayesian", "archlock.target", "cifar1000")
    with pytest.raises(ConfigError, match="needs archlock.target"):
        make_run("nasbench201", "bayesian", "archlock.scheme", "tk")
    with pytest.raises(RankerError, match="cannot be read"):
        make_run("nasbench201", "evolution", "archlock.ranker", "nowhere.safetensors")
    with pytest.raises(ConfigError, match="source_queries is 0"):
        make_run("nasbench201", "bayesian", "archlock.source_queries", 0)


def test_a_search_space_that_is_none_of_ours(naslib_config):
    from naslib.optimizers import ArchLock
    from naslib.search_spaces import NasBench101SearchSpace

    optimizer = ArchLock(naslib_config("nasbench201"))
    with pytest.raises(UnknownNameError, match="unknown search space 'nasbench101'.*known: nasbench201"):
        optimizer.adapt_search_space(NasBench101SearchSpace())
