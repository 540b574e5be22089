"""The runs of ``across_tasks``: rankers that are trained on some tasks and judged on another one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch

from naslib_archlock.compute.threads import single_threaded
from naslib_archlock.config.load import load_config
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.locking.knowledge import Knowledge, training_embeddings
from naslib_archlock.proxies.votes import Votes
from naslib_archlock.ranker.pair_model import embeddings_of
from naslib_archlock.ranker.ranker import Ranker, RankerInfo
from naslib_archlock.ranker.train_settings import TrainSettings
from naslib_archlock.ranker.training import PairSampler, TrainingTask, pair_accuracy, pair_loss, train_ranker
from naslib_archlock.studies.study_run import benchmark_of

CELLS_PER_TASK = 600  # that a ranker learns from
SETTINGS = TrainSettings(epochs=6)
FEW = (8, 40)  # look-ups on a new task, as in FLAN's protocol
INNER_STEPS = (1, 5, 20)
INNER_RATE = 0.01


@cache
def tasks_of(tables: str) -> tuple[TrainingTask, ...]:
    """All tasks of NAS-Bench-201 and TransNAS-Bench-101 micro, by validation accuracy; embeddings are of proxies."""
    config = load_config(None, ["archlock.tables", tables])
    scored = [t for t in Knowledge(config).tables if t.space.family == "cell"]
    vectors, _ = training_embeddings(config, scored)
    made = []
    for scores, vector in zip(scored, vectors):
        benchmark = benchmark_of(scores.space.name, tables)
        rows = np.searchsorted(benchmark.space.index(benchmark.space.all()), scores.space.index(scores.cells))
        votes = Votes.of_accuracies(benchmark.accuracies(scores.task, "val")[rows])
        made.append(TrainingTask(f"{scores.space.name}/{scores.task}", scores.space, scores.cells, vector, votes))
    return tuple(made)


def some_cells(task: TrainingTask, n: int, rng: np.random.Generator) -> TrainingTask:
    """The task with ``n`` random cells."""
    rows = np.sort(rng.choice(len(task.cells), min(n, len(task.cells)), replace=False))
    return replace(task, cells=task.cells[rows], votes=Votes(task.votes.ranks[:, rows], task.votes.weights))


def trained(kind: str, tasks: Sequence[TrainingTask], seed: int) -> Ranker:
    """A ranker of a kind, trained on some cells of each task."""
    info = RankerInfo("cell", "file", len(tasks[0].embedding), kind, {}, tuple(t.name for t in tasks), {})
    return train_ranker(tasks, info, SETTINGS, seed)[0]


def judged(ranker: Ranker, task: TrainingTask) -> float:
    """Pair accuracy on all cells of a task."""
    with single_threaded():
        return pair_accuracy(ranker, task, np.arange(len(task.cells)))


def left_out(tables: str, kind: str, name: str, seed: int, sources: str) -> float:
    """Pair accuracy on a task that a ranker was not trained on. Args: sources: ``all``, or a search space."""
    rng = np.random.default_rng(seed)
    others = [t for t in tasks_of(tables) if t.name != name and sources in ("all", t.space.name)]
    ranker = trained(kind, [some_cells(t, CELLS_PER_TASK, rng) for t in others], seed)
    return judged(ranker, _task(tables, name))


def few_shot(tables: str, kind: str, name: str, seed: int) -> dict[int, dict[str, float]]:
    """Pair accuracy on a new task with few of its accuracies: their number -> what is made of them -> accuracy."""
    rng, whole = np.random.default_rng(seed), _task(tables, name)
    others = [some_cells(t, CELLS_PER_TASK, rng) for t in tasks_of(tables) if t.name != name]
    before = trained(kind, others, seed)
    found: dict[int, dict[str, float]] = {}
    for n in FEW:
        few = some_cells(whole, n, np.random.default_rng([seed, n]))
        found[n] = {
            "other tasks alone": judged(before, whole),
            "look-ups alone": judged(trained(kind, [few], seed), whole),
            "both": judged(trained(kind, [*others, few], seed), whole),
        }
        if kind in ("mlp", "features"):
            for steps in INNER_STEPS:
                found[n][f"{steps} inner steps"] = judged(inner_steps(before, few, steps, seed), whole)
    return found


def inner_steps(ranker: Ranker, task: TrainingTask, n_steps: int, seed: int) -> Ranker:
    """The ranker after steps of gradient descent on the pairs of one task, as in MAML's inner loop (Finn et al., 2017).

    MAML would also train the first weights for it; here they are those of a ranker of other tasks.
    """
    model = copy.deepcopy(ranker.model).requires_grad_(True)
    sampler = PairSampler([task], [np.arange(len(task.cells))], np.random.default_rng(seed))
    vector = embeddings_of(task.embedding[None])
    optimizer = torch.optim.SGD(model.parameters(), INNER_RATE)
    with single_threaded():
        for _ in range(n_steps):
            pairs = sampler.draw(SETTINGS.batch_size)
            loss = pair_loss(model, sampler.encodings, vector, pairs, soft_labels=False)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return Ranker(model, ranker.info)


def by_votes(tables: str, kind: str, seed: int, hidden_tasks: str) -> dict[str, Any]:
    """The ranker's own task: pair accuracies by the votes of zero-cost proxies, on unseen cells and left-out tasks."""
    keys = ["seed", str(seed), "archlock.tables", tables, "archlock.held_out_cells", "0.2"]
    keys += ["archlock.leave_out", hidden_tasks, "archlock.ranker_model", kind, "archlock.device", "cpu"]
    config = load_config(None, keys)
    _, report = train_on_scores(config, *Knowledge(config).training_tables(), progress=None)
    means = (float(np.mean(list(of.values()))) for of in (report.unseen_cells, report.left_out_tasks))
    return dict(zip(("unseen_cells", "left_out_tasks"), means), seconds=report.seconds)


def _task(tables: str, name: str) -> TrainingTask:
    return next(task for task in tasks_of(tables) if task.name == name)
