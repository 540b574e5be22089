from __future__ import annotations

import math
import random
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from linear_tasks import DIM, TINY, file_of, info_for, linear_score, linear_task, sample, train
from scipy.stats import kendalltau

from experiments.ranker_accuracy.run import PAPER_SIZES
from naslib_archlock.config.load import load_config
from naslib_archlock.errors import ConfigError, RankerError, UnknownNameError
from naslib_archlock.proxies.votes import Votes
from naslib_archlock.proxies.zero_cost import ZeroCostScores
from naslib_archlock.ranker import training
from naslib_archlock.ranker.model_kinds import build_model
from naslib_archlock.ranker.train_settings import MODEL_PRESETS, PAPER, TrainSettings
from naslib_archlock.ranker.training import PairSampler, TrainingTask, train_ranker
from naslib_archlock.spaces.cells import cell_index, computed_function, one_hot
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO


def tied_task(cells: np.ndarray, weights: dict[str, float] | None = None) -> TrainingTask:
    """A task whose votes order no pair: the proxies are constant, or their weights cancel."""
    weights = weights or {"nwot": 1.0}
    values = {proxy: linear_score(1, cells) if len(weights) > 1 else np.ones(len(cells)) for proxy in weights}
    scores = ZeroCostScores(NASBENCH201, "tied", cells, values)
    return TrainingTask("nasbench201/tied", NASBENCH201, cells, np.ones(DIM), Votes.of(scores, weights))


# -- what is learned ---------------------------------------------------------------------------------------------------


def test_a_linear_oracle_is_recovered_on_unseen_cells():
    cells = sample(900)
    seen, unseen = cells[:600], cells[600:]
    tasks = [linear_task(seed, seen) for seed in (1, 2)]
    settings = TrainSettings(epochs=6, steps_per_epoch=50, batch_size=512)
    ranker, _ = train(*tasks, settings=settings, hidden=(64, 16))
    rates = ranker.win_rates(unseen, np.stack([task.embedding for task in tasks]), seen[:128])
    for seed, rate in zip((1, 2), rates):
        assert kendalltau(rate, linear_score(seed, unseen)).statistic > 0.9
    # The two tasks reward different cells, and the ranker distinguishes them by their embeddings.
    assert abs(kendalltau(linear_score(1, unseen), linear_score(2, unseen)).statistic) < 0.5


def test_accuracies_are_of_pairs_not_trained_on():
    settings = replace(TINY, epochs=5)
    task, other = linear_task(1, sample(200)), linear_task(1, sample(200, 1), "nasbench201/other")
    ranker, report = train(task, settings=settings, left_out=[other], held_out_cells=0.3)
    assert list(report.unseen_cells) == ["nasbench201/t1"]
    assert list(report.left_out_tasks) == ["nasbench201/other"]
    for accuracy in (*report.unseen_cells.values(), *report.left_out_tasks.values()):
        assert 0.6 < accuracy <= 1  # guessing would give 0.5; the other task is the same one on other cells
    assert report.seconds > 0
    assert ranker.info.accuracy["unseen_cells"] == report.unseen_cells
    assert ranker.info.training == {**asdict(settings), "seed": 0, "held_out_cells": 0.3}
    assert ranker.info.model_settings == {"hidden": [16, 8], "antisymmetric": True}


def test_pair_accuracy_counts_pairs_by_hand():
    """The ranker's order is known. It must be right on the pairs that the votes order in the same way."""
    cells = sample(40)
    ranker, _ = train(linear_task(1, cells))
    task = linear_task(2, cells)
    right = total = 0
    with torch.no_grad():
        for i in range(10):
            for j in range(i + 1, 10):
                a, b = (torch.from_numpy(one_hot(cells[[k]])) for k in (i, j))
                logit = float(ranker.model(a, b, torch.from_numpy(task.embedding[None]).float()))
                truth = linear_score(2, cells)
                right += (logit > 0) == (truth[i] > truth[j])
                total += 1
    assert training.pair_accuracy(ranker, task, np.arange(10)) == pytest.approx(right / total)


def test_pair_accuracy_leaves_ties_out():
    cells = sample(5)
    ranker, _ = train(linear_task(1, sample(40)))
    constant = ZeroCostScores(NASBENCH201, "t", cells, {"nwot": np.ones(5)})
    task = TrainingTask("t", NASBENCH201, cells, np.ones(DIM), Votes.of(constant, {"nwot": 1.0}))
    assert math.isnan(training.pair_accuracy(ranker, task, np.arange(5)))


def test_a_task_of_ties_teaches_nothing():
    """Pairs without a winner have weight 0, so the gradient is zero and plain SGD does not change the weights."""
    settings = replace(TINY, optimizer="sgd", weight_decay=0.0)
    model, untrained = (training._initial_model(info_for(16, 8), 0) for _ in range(2))
    task = tied_task(sample(50))
    sampler = PairSampler([task], [np.arange(50)], np.random.default_rng(0))
    training._optimize(model, sampler, task.embedding[None], settings, progress=None, kept=None)
    for name, weights in untrained.state_dict().items():
        assert torch.equal(model.state_dict()[name], weights)


@pytest.mark.parametrize("soft", [True, False])
def test_labels_are_the_share_of_votes_or_the_winner(monkeypatch, soft):
    labels = []
    original = training.binary_cross_entropy_with_logits

    def loss(logits, target, weight):
        labels.append(target.numpy().copy())
        return original(logits, target, weight=weight)

    monkeypatch.setattr(training, "binary_cross_entropy_with_logits", loss)
    cells = sample(50)
    rng = np.random.default_rng(0)
    scores = ZeroCostScores(NASBENCH201, "t", cells, {p: rng.random(50) for p in ("nwot", "jacov", "snip")})
    votes = Votes.of(scores, {"nwot": 1.0, "jacov": 1.0, "snip": 1.0})
    train(TrainingTask("t", NASBENCH201, cells, np.ones(DIM), votes), settings=replace(TINY, soft_labels=soft))
    seen = {round(float(label), 5) for label in np.concatenate(labels)}
    if soft:
        assert seen == {0.0, 0.33333, 0.5, 0.66667, 1.0}  # a cell against itself has 0.5
    else:
        assert seen == {0.0, 1.0}


# -- determinism -------------------------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    task = linear_task(1, sample(100))
    first, again, other = (file_of(train(task, seed=seed, held_out_cells=0.1)[0], tmp_path) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_training_leaves_generators_and_threads_alone():
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train(linear_task(1, sample(100)))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), np.random.get_state()[1].tolist())


def test_what_others_drew_from_the_global_generators_does_not_matter(tmp_path):
    task = linear_task(1, sample(100))
    first = file_of(train(task)[0], tmp_path)
    torch.rand(17)
    np.random.rand(17)
    assert file_of(train(task)[0], tmp_path) == first


def test_threads_are_restored_after_a_fault():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)

    def fault(step, loss):
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            train(linear_task(1, sample(100)), progress=fault)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_progress_is_told_every_step():
    told = []
    train(linear_task(1, sample(100)), settings=replace(TINY, epochs=2), progress=lambda *args: told.append(args))
    assert [step for step, _ in told] == list(range(40))
    assert all(math.isfinite(loss) for _, loss in told)


# -- sizes and settings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hidden", "optimizer", "paper_accuracy"), PAPER_SIZES)
def test_the_papers_sizes_are_built_and_learn(hidden, optimizer, paper_accuracy):
    settings = replace(PAPER, optimizer=optimizer, epochs=1, steps_per_epoch=1, batch_size=64)
    info = replace(info_for(*hidden), model_settings={"hidden": list(hidden), **MODEL_PRESETS["paper"]})
    ranker, _ = train_ranker([linear_task(1, sample(100))], info, settings, seed=0)
    assert ranker.info.model_settings == {"hidden": list(hidden), "antisymmetric": False}
    untrained = training._initial_model(info, 0).state_dict()
    assert any(not torch.equal(weights, untrained[name]) for name, weights in ranker.model.state_dict().items())
    assert 50 < paper_accuracy < 100


def test_the_papers_settings():
    assert (PAPER.soft_labels, PAPER.optimizer, PAPER.schedule) == (False, "adam", "step")
    assert PAPER.learning_rate == 0.05
    settings = load_config(None, ["archlock.preset", "paper"]).archlock.model_settings
    assert build_model("mlp", DIM, settings).settings == {"hidden": [128, 64, 32, 16], "antisymmetric": False}
    assert [size[:2] for size in PAPER_SIZES].count(((128, 64, 32, 16), PAPER.optimizer)) == 1


def test_the_papers_schedule_halves_every_five_epochs(monkeypatch):
    rates = []
    original = torch.optim.SGD.step

    def recorded_step(optimizer, *args, **kwargs):
        rates.append(optimizer.param_groups[0]["lr"])
        return original(optimizer, *args, **kwargs)

    monkeypatch.setattr(torch.optim.SGD, "step", recorded_step)
    settings = replace(PAPER, optimizer="sgd", epochs=11, steps_per_epoch=2, batch_size=8)
    train(linear_task(1, sample(50)), settings=settings, hidden=(4,))
    np.testing.assert_allclose(rates, [0.05] * 10 + [0.025] * 10 + [0.0125] * 2)


@pytest.mark.parametrize("change", [{"epochs": 0}, {"learning_rate": 0.0}])
def test_impossible_settings_are_refused(change):
    with pytest.raises(ConfigError, match="must be positive"):
        replace(TINY, **change)


def test_an_unknown_optimizer_is_told_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'adam'"):
        replace(TINY, optimizer="adamw")


# -- which cells are drawn ---------------------------------------------------------------------------------------------


class SpiedSampler(PairSampler):
    """Remembers its arguments and the rows that it drew."""

    made: tuple[Any, ...] = ()
    rows: tuple[np.ndarray, ...] = ()

    def __init__(self, tasks, usable, rng) -> None:
        super().__init__(tasks, usable, rng)
        SpiedSampler.made = (self.encodings.numpy().reshape(-1, 6, 5).argmax(axis=2), usable)
        SpiedSampler.rows = ()

    def draw(self, n):
        batch = super().draw(n)
        SpiedSampler.rows = (*SpiedSampler.rows, batch[0].numpy(), batch[1].numpy())
        return batch


def test_held_out_cells_are_never_drawn(monkeypatch):
    """No cell that computes the same function as a held-out cell is drawn either, on any task."""
    monkeypatch.setattr(training, "PairSampler", SpiedSampler)
    accuracies = {}
    monkeypatch.setattr(training, "pair_accuracy", lambda ranker, task, rows: accuracies.setdefault(task.name, rows))
    rng = np.random.default_rng(0)
    pools = [rng.permutation(space.all())[:600] for space in (NASBENCH201, TRANSBENCH101_MICRO)]
    tasks = [linear_task(1, pools[0], "a/one"), linear_task(2, pools[1], "b/two", TRANSBENCH101_MICRO)]
    train(*tasks, settings=replace(TINY, batch_size=1000), held_out_cells=0.3)
    encoded, usable = SpiedSampler.made
    drawn = {computed_function(tuple(cell)) for cell in encoded[np.concatenate(SpiedSampler.rows)].tolist()}
    held_out = set()
    for task, rows in zip(tasks, usable):
        unseen = accuracies[task.name]
        assert sorted([*rows, *unseen]) == list(range(600))
        held_out |= {computed_function(tuple(cell)) for cell in task.cells[unseen].tolist()}
        assert 0.15 < len(unseen) / 600 < 0.45
    assert drawn and held_out
    assert not drawn & held_out
    assert len(drawn) > 300


def test_drawn_margins_are_the_votes_on_the_drawn_cells():
    tasks = [linear_task(seed, sample(80, seed)) for seed in (1, 2)]
    usable = [np.arange(0, 80, 2), np.arange(1, 80, 3)]
    sampler = PairSampler(tasks, usable, np.random.default_rng(0))
    a, b, task, margin = (part.numpy() for part in sampler.draw(500))
    codes = sampler.encodings.numpy().reshape(-1, 6, 5).argmax(axis=2)
    allowed = [set(cell_index(t.cells[rows]).tolist()) for t, rows in zip(tasks, usable)]
    for i, j, t, m in zip(a, b, task, margin):
        assert {int(cell_index(codes[i])[0]), int(cell_index(codes[j])[0])} <= allowed[t]
        scores = linear_score(t + 1, codes[[i, j]])
        assert m == (0 if i == j else np.sign(scores[0] - scores[1]))
    assert set(task) == {0, 1}


def test_too_few_cells_to_train_on_are_refused():
    with pytest.raises(RankerError, match="at least 2 are needed"):
        train(linear_task(1, sample(1)))
    with pytest.raises(RankerError, match="nasbench201/t1 has 0 cells"):
        train(linear_task(1, sample(3)), held_out_cells=1.0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_sees_the_same_pairs_and_rounds_otherwise():
    """After 20 steps, weights differ only by rounding, and the ranker is on the CPU again."""
    tasks = [linear_task(seed, sample(200)) for seed in (1, 2)]
    there, here = (train(*tasks, settings=TINY, device=device)[0] for device in ("cuda:0", "cpu"))
    for name, weights in here.model.state_dict().items():
        assert there.model.state_dict()[name].device.type == "cpu"
        np.testing.assert_allclose(there.model.state_dict()[name], weights, atol=1e-3)
