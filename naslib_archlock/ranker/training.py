"""Meta-training of the binary ranker: one network over the proxy votes of many tasks (ArchLock, section 3.2)."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, embedding

from ..compute.seeding import global_generators
from ..compute.threads import single_threaded
from ..compute.versions import library_versions
from ..errors import RankerError
from ..proxies.votes import Votes
from ..spaces.cells import N_CODES, N_SLOTS, cell_index, one_hot
from ..spaces.space import SearchSpace
from ..store import weights
from ..store.checkpoint import Clock
from ..store.digests import digest
from ..store.files import write_bytes
from ..store.sealed import DamagedError
from .ranker import PairMLP, Ranker, RankerInfo
from .train_settings import TrainSettings

Progress = Callable[[int, float], None]  # called with (step, loss)
_CHECKPOINT = "naslib_archlock.training/1"


@dataclass(frozen=True)
class TrainingTask:
    """One task to learn from.

    Attributes: name: ``space/task``; cells: ``n x 6``; embedding: ``embedding_dim`` numbers; votes: on its cells.
    """

    name: str
    space: SearchSpace
    cells: np.ndarray
    embedding: np.ndarray
    votes: Votes


@dataclass(frozen=True)
class TrainReport:
    """Pair accuracies: the share of pairs, ties left out, that the ranker decides as the votes do.

    Attributes: unseen_cells: task -> accuracy over pairs of cells held out of training; left_out_tasks: task ->
        accuracy over pairs of cells of a task held out of training; seconds: wall time of the training loop.
    """

    unseen_cells: dict[str, float] = field(default_factory=dict)
    left_out_tasks: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


class PairSampler:
    """Draws pairs of cells of random tasks, with their vote margins. All tasks must have the same voters."""

    def __init__(self, tasks: Sequence[TrainingTask], usable: Sequence[np.ndarray], rng: np.random.Generator) -> None:
        """Args: usable: for each task, the positions of the cells that may be drawn."""
        self.rng = rng
        self._sizes = np.array([len(rows) for rows in usable])
        self._offsets = np.cumsum(self._sizes) - self._sizes
        self._votes = Votes(
            np.concatenate([task.votes.ranks[:, rows] for task, rows in zip(tasks, usable)], axis=1),
            tasks[0].votes.weights,
        )
        self.encodings = torch.from_numpy(one_hot(np.concatenate([t.cells[rows] for t, rows in zip(tasks, usable)])))

    def draw(self, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``n`` pairs: rows of A and of B in ``encodings``, task numbers, and vote margins."""
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

    On the CPU, the same seed gives the same weights, however often training was killed and went on from its checkpoint;
    a GPU sees the same pairs, and rounds otherwise.
    Args: info: what the ranker is for; its settings and accuracy are filled in here. left_out: tasks that are only
        reported on. held_out_cells: share of the distinct functions kept out of training, the same on every task.
        device: where to train; the ranker is on the CPU afterwards. checkpoint: the file in which the state of training
        is kept now and then, and from which it goes on if that is of the same training; the caller removes it.
    One task is enough, and tasks may share an embedding, which then tells none of them apart: the ranker learns the
    mean of their votes. A task whose votes all tie teaches nothing.
    Raises: RankerError: if a task has no two cells to train on, or the votes of no task order any pair of cells;
        OutputError: if the checkpoint cannot be written.
    """
    start = time.perf_counter()
    rng = np.random.default_rng(seed)
    is_held_out = rng.random(N_CODES**N_SLOTS) < held_out_cells
    held_out = [is_held_out[cell_index(t.space.representatives(t.cells))] for t in tasks]
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
        kept = _Checkpoint(checkpoint, lambda: _digest_of(tasks, info, settings, seed, held_out_cells, device))
    with single_threaded():
        _optimize(model, sampler, np.stack([task.embedding for task in tasks]), settings, progress, kept)
    ranker = Ranker(model.cpu(), info)
    seconds = time.perf_counter() - start

    report = TrainReport(
        {t.name: pair_accuracy(ranker, t, np.flatnonzero(rows)) for t, rows in zip(tasks, held_out) if rows.sum() > 1},
        {t.name: pair_accuracy(ranker, t, np.arange(len(t.cells))) for t in left_out},
        seconds,
    )
    info = replace(info, settings={**asdict(settings), "seed": seed, "held_out_cells": held_out_cells},
                   accuracy={"unseen_cells": report.unseen_cells, "left_out_tasks": report.left_out_tasks})  # fmt: skip
    return Ranker(model, info), report


def _initial_model(info: RankerInfo, seed: int) -> PairMLP:
    """A network whose random weights depend on ``seed`` alone; the global generator is left as it was."""
    with global_generators():
        torch.manual_seed(seed)
        return PairMLP(info.embedding_dim, info.hidden, info.antisymmetric)


def _optimize(
    model: PairMLP,
    sampler: PairSampler,
    embeddings: np.ndarray,
    settings: TrainSettings,
    progress: Progress | None,
    kept: _Checkpoint | None,
) -> None:
    """Minimise the binary cross-entropy of the logits; ties carry no weight.

    Not compiled: to compile the network takes longer than to train it (``benchmarks``).
    """
    optimizer, scheduler = _optimizer_and_schedule(model, settings)
    device = model.as_a.weight.device
    task_vectors = torch.from_numpy(embeddings.astype(np.float32)).to(device)
    encodings = sampler.encodings.to(device)
    clock = Clock()
    done = kept.restore(model, optimizer, sampler.rng) if kept else 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*lr_scheduler.step", UserWarning)  # the steps that go with these are made
        for _ in range(done):
            scheduler.step()
    for step in range(done, settings.n_steps):
        a, b, task, margin = (part.to(device) for part in sampler.draw(settings.batch_size))
        labels = (margin + 1) / 2 if settings.soft_labels else (margin > 0).float()
        logits = model.compare(
            model.project(embedding(a, encodings)),
            model.project(embedding(b, encodings)),
            embedding(task, model.project_task(task_vectors)),  # each task is projected once
        )
        loss = binary_cross_entropy_with_logits(logits, labels, weight=(margin != 0).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if progress is not None:
            progress(step, float(loss.detach()))
        if kept and clock.is_due():
            kept.write(step + 1, model, optimizer, sampler.rng)


class _Checkpoint:
    """A file of all that changes while a ranker is trained, but the schedule, which follows from the step.

    It is safetensors of weights and of what the optimizer has learnt, with the state of the random numbers.
    """

    def __init__(self, path: Path, depends_on: Callable[[], str]) -> None:
        """Args: depends_on: a digest, asked for once a checkpoint is read or written: most trainings end before."""
        self._path, self._depends_on = path, depends_on

    def write(self, n_done: int, model: PairMLP, optimizer: torch.optim.Optimizer, rng: np.random.Generator) -> None:
        """Raises: OutputError."""
        of_optimizer = optimizer.state_dict()["state"]
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        tensors.update({f"{i}.{key}": value for i, state in of_optimizer.items() for key, value in state.items()})
        about = {"depends_on": self._depends_on(), "n_done": n_done, "rng": rng.bit_generator.state}
        write_bytes(self._path, weights.encode(tensors, _CHECKPOINT, about))

    def restore(self, model: PairMLP, optimizer: torch.optim.Optimizer, rng: np.random.Generator) -> int:
        """Go to where the file was written; returns how many steps that was after, 0 if there is none to go on from."""
        try:
            metadata, tensors = weights.decode(self._path, _CHECKPOINT)
        except FileNotFoundError:
            return 0
        except (OSError, safetensors.SafetensorError, DamagedError) as err:
            warnings.warn(f"checkpoint {self._path} cannot be used ({err}); training starts again", stacklevel=2)
            return 0
        about = json.loads(metadata.get(_CHECKPOINT, "{}"))
        if about.get("depends_on") != self._depends_on():
            return 0  # another training's
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            owner, _, key = name.partition(".")
            if owner != "model":
                state.setdefault(int(owner), {})[key] = tensor
        model.load_state_dict({name: tensors[f"model.{name}"] for name in model.state_dict()})
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        rng.bit_generator.state = about["rng"]
        return int(about["n_done"])


def _digest_of(
    tasks: Sequence[TrainingTask],
    info: RankerInfo,
    settings: TrainSettings,
    seed: int,
    held_out_cells: float,
    device: str,
) -> str:
    """A digest of all that training depends on."""
    facts = {
        "tasks": [[task.name, task.space.name] for task in tasks],
        "network": [info.embedding_dim, info.hidden, info.antisymmetric],
        "settings": asdict(settings),
        "seed": seed,
        "held_out_cells": held_out_cells,
        "device": device,
        "versions": library_versions(),
    }
    return digest(
        facts, [part for t in tasks for part in (t.cells, t.embedding, t.votes.ranks, np.array(t.votes.weights))]
    )


def _optimizer_and_schedule(model: PairMLP, settings: TrainSettings) -> tuple[torch.optim.Optimizer, Any]:
    # all parameters in one go: one by one, they took a fifth of a step
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
    """Whether the votes order any pair among the cells at ``rows``: each with the next, with the one after it, ..."""
    return any(votes.margin(rows, np.roll(rows, shift)).any() for shift in range(1, len(rows) // 2 + 1))


@torch.no_grad()
def pair_accuracy(ranker: Ranker, task: TrainingTask, rows: np.ndarray, max_pairs: int = 200_000) -> float:
    """Share of the pairs among the cells at ``rows`` that the ranker decides as the votes do, ties left out.

    Above ``max_pairs`` pairs, an evenly spaced part of them is taken. NaN if the votes order no pair.
    """
    first, second = np.triu_indices(len(rows), k=1)
    stride = max(1, -(-len(first) // max_pairs))
    a, b = rows[first[::stride]], rows[second[::stride]]
    margin = task.votes.margin(a, b)
    a, b, margin = a[margin != 0], b[margin != 0], margin[margin != 0]
    if not len(margin):
        return float("nan")
    model = ranker.model
    as_a, as_b = model.project(torch.from_numpy(one_hot(task.cells)))
    vector = model.project_task(torch.from_numpy(task.embedding.astype(np.float32)))
    logits = model.compare((as_a[a], as_b[a]), (as_a[b], as_b[b]), vector).numpy()
    return float(np.mean((logits > 0) == (margin > 0)))
