from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_networks import DIM, sample, vectors
from scipy.special import ndtr

from naslib_archlock.errors import RankerError
from naslib_archlock.proxies.votes import Votes
from naslib_archlock.ranker import score_model
from naslib_archlock.ranker.model_kinds import build_model
from naslib_archlock.ranker.pair_model import encoded
from naslib_archlock.ranker.ranker import Ranker, RankerInfo
from naslib_archlock.ranker.score_model import ScoreModel, scores_of
from naslib_archlock.ranker.train_settings import TrainSettings
from naslib_archlock.ranker.training import TrainingTask, train_ranker
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO
from naslib_archlock.testing.ranker_contract import random_model

KINDS = ["trees", "gp", "ensemble"]


def test_scores_are_normal_quantiles_of_ranks():
    scores = scores_of([5.0, -1.0, 5.0, 100.0])
    np.testing.assert_allclose(ndtr(scores), [0.5, 0.125, 0.5, 0.875])


def test_logits_are_log_odds_of_the_larger_score():
    logit = score_model._logits(np.array([1.0]), np.array([0.3]), np.array([0.5]), np.array([0.4]))
    probability = ndtr(0.5 / 0.5)
    np.testing.assert_allclose(logit, np.log(probability / (1 - probability)))


@pytest.mark.parametrize("block", [1, 7, 1 << 22])
def test_mean_wins_are_those_of_all_pairs(monkeypatch, block):
    monkeypatch.setattr(score_model, "_BLOCK", block)
    rng = np.random.default_rng(0)
    mean, others = rng.standard_normal(5), rng.standard_normal(4)
    std, their_std = rng.random(5) + 0.1, rng.random(4) + 0.1
    expected = ndtr((mean[:, None] - others) / np.sqrt(std[:, None] ** 2 + their_std**2)).mean(axis=1)
    np.testing.assert_allclose(score_model._mean_wins(mean, std, others, their_std), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_pair_logits_and_contests_agree_with_compare(kind):
    model, cells, tasks = random_model(kind, DIM, np.random.default_rng(0)), sample(12), vectors(2)
    assert isinstance(model, ScoreModel)
    a, b = np.arange(12), np.roll(np.arange(12), 1)
    archs = encoded(cells)
    slow = model(archs[a], archs[b], torch.from_numpy(tasks[:1]).float().expand(12, -1)).numpy()
    np.testing.assert_allclose(model.pair_logits(cells, a, b, tasks[0].astype(np.float32)), slow, atol=1e-5)
    np.testing.assert_allclose(
        model.win_rates_of_all(tasks, cells), model.contest(tasks, cells).win_rates(cells), atol=1e-12
    )


def two_tasks(space=NASBENCH201) -> list[TrainingTask]:
    """Two tasks that prefer opposite architectures."""
    archs = np.array(space.sample(120, np.random.default_rng(0)))
    values = space.encode(archs) @ np.random.default_rng(1).standard_normal(space.encoding_dim)
    embeddings = np.eye(2)
    return [
        TrainingTask(f"{space.name}/{sign}", space, archs, embedding, Votes.of_accuracies(sign * values))
        for sign, embedding in zip((1, -1), embeddings)
    ]


@pytest.mark.parametrize("space", [NASBENCH201, TRANSBENCH101_MACRO], ids=lambda space: space.name)
@pytest.mark.parametrize("kind", KINDS)
def test_the_embedding_tells_tasks_apart(kind, space):
    tasks = two_tasks(space)
    info = RankerInfo(space.family, "file", 2, kind, {}, tuple(task.name for task in tasks), {})
    ranker, report = train_ranker(tasks, info, TrainSettings(), 0, [replace(tasks[0], name="again")])
    assert report.left_out_tasks["again"] > 0.9
    one, other = ranker.win_rates_of_all(tasks[0].cells, np.eye(2))
    assert np.corrcoef(one, other)[0, 1] < -0.8
    assert ranker.info.model_settings["n_tasks"] == 2
    assert ranker.info.model_settings["family"] == space.family


@pytest.mark.parametrize("kind", KINDS)
def test_further_inputs_are_used(kind):
    """What the graph does not say, a further input does."""
    rng = np.random.default_rng(0)
    cells, hidden = sample(150), rng.standard_normal(150)
    model = build_model(kind, 1, {"n_extra": 1})
    assert isinstance(model, ScoreModel)
    archs = np.hstack([encoded(cells).numpy(), hidden[:, None]])
    model.fit(archs[:100], np.ones((100, 1)), scores_of(hidden[:100]), rng)
    mean, std = model.predict(archs[100:], np.ones((50, 1)))
    assert np.corrcoef(mean, hidden[100:])[0, 1] > 0.6
    assert (std >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_impossible_settings_are_refused(kind):
    wrong = {"n_extra": -1, "n_tasks": 0, "n_cells": 10**9, "n_nodes": 10**12, "n_trees": 0}
    for name, value in wrong.items():
        if name in build_model(kind, DIM, {}).settings:
            with pytest.raises(RankerError, match=name):
                build_model(kind, DIM, {name: value})


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_with_impossible_numbers_contradicts_itself(kind, tmp_path):
    model = random_model(kind, DIM, np.random.default_rng(0))
    numbers = model.get_buffer({"gp": "numbers", "trees": "nodes", "ensemble": "process.numbers"}[kind])
    numbers.view(-1)[3] = 999_999.0
    path = tmp_path / "ranker.safetensors"
    Ranker(model, RankerInfo("cell", "file", DIM, kind, {}, ("nasbench201/t",), {})).save(path)
    with pytest.raises(RankerError, match="contradicts itself"):
        Ranker.load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_or_ranks(kind, tmp_path):
    """Any number of a file may be another one: then it is refused, or all win rates are still probabilities."""
    path, rng = tmp_path / "ranker.safetensors", np.random.default_rng(0)
    info = RankerInfo("cell", "file", DIM, kind, {}, ("nasbench201/t",), {})
    refused = 0
    for _ in range(40):
        small = {} if kind == "gp" else {"n_trees": 3}
        model = random_model(kind, DIM, np.random.default_rng(1), **small)
        buffer = list(model.buffers())[rng.integers(len(list(model.buffers())))]
        if buffer.numel():
            at = rng.integers(buffer.numel())
            buffer.view(-1)[at] = float(rng.choice([-1.0, 0.0, 0.5, 3.0, 1e3, -1e9, 1e300, np.nan, np.inf]))
        Ranker(model, info).save(path)
        try:
            ranker = Ranker.load(path)
        except RankerError as err:
            assert "contradicts itself" in str(err)
            refused += 1
            continue
        rates = ranker.win_rates(sample(5), vectors(1), sample(4, 1))
        assert ((rates >= 0) & (rates <= 1)).all()
    assert refused > 10


@pytest.mark.parametrize("kind", [*KINDS, "gcn", "features", "transformer"])
def test_a_file_of_another_family_contradicts_itself(kind, tmp_path):
    model = random_model(kind, DIM, np.random.default_rng(0))
    path = tmp_path / "ranker.safetensors"
    Ranker(model, RankerInfo("macro", "file", DIM, kind, {}, ("transbench101_macro/t",), {})).save(path)
    with pytest.raises(RankerError, match="family 'cell' cannot rank the family 'macro'"):
        Ranker.load(path)
