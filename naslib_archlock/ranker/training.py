"""Meta-training of the binary ranker: one network learns the proxy votes on many tasks (ArchLock, section 3.2)."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, embedding

from ..compute.seeding import global_generators
from ..compute.threads import single_threaded
from ..compute.versions import library_versions
from ..errors import RankerError
from ..proxies.votes import Votes
from ..spaces.space import SearchSpace
from ..store.digests import digest
from .model_kinds import build_model
from .pair_model import PairModel, Projected, embeddings_of, encoded
from .ranker import Ranker, RankerInfo
from .score_model import ScoreModel, scores_of
from .train_settings import TrainSettings
from .training_checkpoint import TrainingCheckpoint

Progress = Callable[[int, float], None]  # called with (step, loss)


@dataclass(frozen=True)
class TrainingTask:
    """One task to learn from.

    Attributes:
        name: ``space/task``.
        space: the search space of the cells.
        cells: ``n x 6`` codes.
        embedding: ``embedding_dim`` numbers.
        votes: the votes on the cells.
    """

    name: str
    space: SearchSpace
    cells: np.ndarray
    embedding: np.ndarray
    votes: Votes


@dataclass(frozen=True)
class TrainReport:
    """Pair accuracies: the share of pairs, ties left out, that the ranker decides as the votes do.

    Attributes:
        unseen_cells: task -> accuracy over pairs of cells that were held out of training.
        left_out_tasks: task -> accuracy over pairs of cells, for each task that was held out of training.
        seconds: wall time of the training.
        n_pairs: the number of pairs drawn; 0 if the model was fitted to scores.
    """

    unseen_cells: dict[str, float] = field(default_factory=dict)
    left_out_tasks: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    n_pairs: int = 0


class PairSampler:
    """Draws pairs of cells of random tasks, with their vote margins. All tasks must have the same voters."""

    def __init__(self, tasks: Sequence[TrainingTask], usable: Sequence[np.ndarray], rng: np.random.Generator) -> None:
        """Join the cells and the votes of all tasks.

        Args:
            tasks: the tasks to learn from.
            usable: for each task, the positions of the cells that may be drawn.
            rng: the generator that pairs are drawn from.
        """
        self.rng = rng
        self._sizes = np.array([len(rows) for rows in usable])
        self._offsets = np.cumsum(self._sizes) - self._sizes
        self._votes = Votes(
            np.concatenate([task.votes.ranks[:, rows] for task, rows in zip(tasks, usable)], axis=1),
            tasks[0].votes.weights,
        )
        self.encodings = encoded(np.concatenate([t.cells[rows] for t, rows in zip(tasks, usable)]))

    def draw(self, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw pairs at random.

        Args:
            n: the number of pairs.

        Returns:
            Rows of A in ``encodings``, rows of B, task numbers, and vote margins, ``n`` each.
        """
        task = self.rng.integers(len(self._sizes), size=n)
        a, b = self._offsets[task] + (self.rng.random((2, n)) * self._sizes[task]).astype(np.int64)
        margin = self._votes.margin(a, b).astype(np.float32)
        return torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(task), torch.from_numpy(margin)


def train_ranker(
    tasks: Sequence[TrainingTask],
    info: RankerInfo,
    settings: TrainSettings,
    seed: int,
    left_out: Sequence[TrainingTask] = (),
    held_out_cells: float = 0.0,
    progress: Progress | None = None,
    device: str = "cpu",
    checkpoint: Path | None = None,
) -> tuple[Ranker, TrainReport]:
    """Train a ranker on the votes of ``tasks``.

    On the CPU, the same seed gives the same weights, however often training was killed and went on from its checkpoint.
    A GPU sees the same pairs, and rounds differently.

    One task is enough. Tasks may share an embedding; because the ranker then cannot tell them apart, it learns the mean
    of their votes. A task whose votes all tie teaches nothing.

    Args:
        tasks: the tasks to learn from.
        info: what the ranker is for, and the kind and settings of its network; the training settings and the accuracy
            are filled in here.
        settings: how to train.
        seed: decides the first weights, the pairs, and the cells that are held out.
        left_out: tasks that the ranker is only evaluated on.
        held_out_cells: share of the distinct functions to hold out of training, the same functions on every task.
        progress: called after each step.
        device: where to train; the ranker is on the CPU afterwards.
        checkpoint: the file that the state of training is written to now and then, and from which training goes on if
            it holds the state of the same training. The caller removes it.

    Returns:
        The ranker, and its accuracy on cells and tasks that were held out.

    Raises:
        RankerError: if a task has fewer than two cells to train on, or the votes of no task order any pair of cells.
        UnknownNameError, ConfigError: if the kind of network, or a setting of it, does not exist or is out of range.
        OutputError: if the checkpoint cannot be written.
    """
    start = time.perf_counter()
    rng = np.random.default_rng(seed)
    is_held_out = rng.random(max(t.space.index_size for t in tasks)) < held_out_cells
    held_out = [is_held_out[t.space.index(t.space.representatives(t.cells))] for t in tasks]
    for task, rows in zip(tasks, held_out):
        if (~rows).sum() < 2:
            raise RankerError(f"task {task.name} has {(~rows).sum()} cells to train on; at least 2 are needed")
    usable = [np.flatnonzero(~rows) for rows in held_out]
    if not any(_order_any(task.votes, rows) for task, rows in zip(tasks, usable)):
        raise RankerError(
            f"the votes on {', '.join(task.name for task in tasks)} order no pair of cells: every proxy that votes is "
            "constant, has failed, or is outvoted by the others; let other proxies vote (archlock.proxies)"
        )
    sampler = PairSampler(tasks, usable, rng)
    model = _initial_model(info, seed).to(device)
    kept = None
    if checkpoint:
        kept = TrainingCheckpoint(checkpoint, lambda: _digest_of(tasks, model, settings, seed, held_out_cells, device))
    with single_threaded():
        if isinstance(model, ScoreModel):
            _fit(model, tasks, usable, rng)
        else:
            _optimize(model, sampler, np.stack([task.embedding for task in tasks]), settings, progress, kept)
    ranker = Ranker(model.cpu(), info)
    seconds = time.perf_counter() - start

    report = TrainReport(
        {t.name: pair_accuracy(ranker, t, np.flatnonzero(rows)) for t, rows in zip(tasks, held_out) if rows.sum() > 1},
        {t.name: pair_accuracy(ranker, t, np.arange(len(t.cells))) for t in left_out},
        seconds,
        0 if isinstance(model, ScoreModel) else settings.n_pairs,
    )
    info = replace(info, training={**asdict(settings), "seed": seed, "held_out_cells": held_out_cells},
                   accuracy={"unseen_cells": report.unseen_cells, "left_out_tasks": report.left_out_tasks})  # fmt: skip
    return Ranker(model, info), report


def _initial_model(info: RankerInfo, seed: int) -> PairModel:
    """A network whose random weights depend on ``seed`` alone; the state of the global generator does not change."""
    with global_generators():
        torch.manual_seed(seed)
        return build_model(info.model, info.embedding_dim, info.model_settings, info.family)


def _fit(
    model: ScoreModel, tasks: Sequence[TrainingTask], usable: Sequence[np.ndarray], rng: np.random.Generator
) -> None:
    """Fit a model to the scores of the usable cells: their places by the share of the other cells that they beat."""
    parts = [
        (encoded(task.cells[rows]).numpy(), np.tile(task.embedding, (len(rows), 1)), scores_of(task.votes.wins(rows)))
        for task, rows in zip(tasks, usable)
    ]
    archs, embeddings, scores = (np.concatenate(part) for part in zip(*parts))
    model.fit(archs, embeddings, scores, rng)


def _optimize(
    model: PairModel,
    sampler: PairSampler,
    embeddings: np.ndarray,
    settings: TrainSettings,
    progress: Progress | None,
    kept: TrainingCheckpoint | None,
) -> None:
    """Minimise ``pair_loss``.

    The network is not compiled, because that takes longer than to train it (``benchmarks``).

    Args:
        model: the network, whose weights are changed.
        sampler: draws the pairs.
        embeddings: ``t x embedding_dim``.
        settings: how to train.
        progress: called after each step.
        kept: where the state of training is kept.
    """
    optimizer, scheduler = _optimizer_and_schedule(model, settings)
    device = next(model.parameters()).device
    task_vectors = embeddings_of(embeddings).to(device)
    encodings = sampler.encodings.to(device)
    done = kept.restore(model, optimizer, sampler.rng) if kept else 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*lr_scheduler.step", UserWarning)  # the optimizer made these steps before
        for _ in range(done):
            scheduler.step()
    for step in range(done, settings.n_steps):
        pairs = tuple(part.to(device) for part in sampler.draw(settings.batch_size))
        loss = pair_loss(model, encodings, task_vectors, pairs, settings.soft_labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if progress is not None:
            progress(step, float(loss.detach()))
        if kept:
            kept.keep(step + 1, model, optimizer, sampler.rng)


def pair_loss(
    model: PairModel, encodings: Tensor, task_vectors: Tensor, pairs: tuple[Tensor, ...], soft_labels: bool
) -> Tensor:
    """The binary cross-entropy of the logits; ties carry no weight.

    Args:
        model: the network.
        encodings: ``n x 30`` one-hot cells.
        task_vectors: ``t x embedding_dim``.
        pairs: what ``PairSampler.draw`` gives.
        soft_labels: as in ``TrainSettings``.
    """
    a, b, task, margin = pairs
    labels = (margin + 1) / 2 if soft_labels else (margin > 0).float()
    cells_a, cells_b = _projected(model, encodings, a, b)
    # each task is projected once
    logits = model.compare(cells_a, cells_b, embedding(task, model.project_task(task_vectors)))
    return binary_cross_entropy_with_logits(logits, labels, weight=(margin != 0).float())


def _projected(model: PairModel, encodings: Tensor, a: Tensor, b: Tensor) -> tuple[Projected, Projected]:
    """The cells of pairs, projected; if there are fewer cells than places in pairs, each cell is projected once."""
    if len(encodings) < len(a) + len(b):
        cells = model.project(encodings)
        on_a, on_b = (tuple(part[rows] for part in cells) for rows in (a, b))
        return on_a, on_b
    return model.project(embedding(a, encodings)), model.project(embedding(b, encodings))


def _digest_of(
    tasks: Sequence[TrainingTask],
    model: PairModel,
    settings: TrainSettings,
    seed: int,
    held_out_cells: float,
    device: str,
) -> str:
    """A digest of all that training depends on."""
    facts = {
        "tasks": [[task.name, task.space.name] for task in tasks],
        "network": [model.kind, model.settings],
        "settings": asdict(settings),
        "seed": seed,
        "held_out_cells": held_out_cells,
        "device": device,
        "versions": library_versions(),
    }
    return digest(
        facts, [part for t in tasks for part in (t.cells, t.embedding, t.votes.ranks, np.array(t.votes.weights))]
    )


def _optimizer_and_schedule(model: PairModel, settings: TrainSettings) -> tuple[torch.optim.Optimizer, Any]:
    # All parameters are updated at once: one after the other, they took a fifth of a step.
    together = "fused" if torch.__version__ >= "2.4" else "foreach"
    common: Any = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay, together: True}
    optimizer: torch.optim.Optimizer
    if settings.optimizer == "adam":
        optimizer = torch.optim.AdamW(model.parameters(), **common)
    else:
        optimizer = torch.optim.SGD(model.parameters(), momentum=0.9, **common)
    if settings.schedule == "step":
        return optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 5 * settings.steps_per_epoch, gamma=0.5)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.n_steps, cycle_momentum=False
    )


def _order_any(votes: Votes, rows: np.ndarray) -> bool:
    """Whether the votes order any pair of the cells at ``rows``: each and the next, each and the one after that, ..."""
    return any(votes.margin(rows, np.roll(rows, shift)).any() for shift in range(1, len(rows) // 2 + 1))


@torch.no_grad()
def pair_accuracy(ranker: Ranker, task: TrainingTask, rows: np.ndarray, max_pairs: int = 200_000) -> float:
    """Share of the pairs that the ranker decides as the votes do, ties left out.

    Args:
        ranker: the ranker to evaluate.
        task: the task to evaluate it on.
        rows: the positions of the cells whose pairs are compared.
        max_pairs: if there are more pairs, an evenly spaced part of them is taken.

    Returns:
        A number in [0, 1]; NaN if the votes order no pair.
    """
    first, second = np.triu_indices(len(rows), k=1)
    stride = max(1, -(-len(first) // max_pairs))
    a, b = rows[first[::stride]], rows[second[::stride]]
    margin = task.votes.margin(a, b)
    a, b, margin = a[margin != 0], b[margin != 0], margin[margin != 0]
    if not len(margin):
        return float("nan")
    logits = ranker.model.pair_logits(task.cells, a, b, task.embedding)
    return float(np.mean((logits > 0) == (margin > 0)))
