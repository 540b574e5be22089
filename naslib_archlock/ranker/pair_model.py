"""What the network of a ranker must offer, and the comparisons that every network can make.

A kind of network is a subclass of ``PairModel`` in a file of ``models``. Training, rankings and files only use what
this class offers, so they serve every kind.

Shapes, for ``n`` cells, ``m`` opponents and ``t`` tasks:

    cells       n x 6               op codes
    encoded     n x 30              the same cells, one-hot (``encoded``)
    tasks       t x embedding_dim   task embeddings
    projected   each n x any        what ``project`` computes for each cell on its own; one or more tensors
    logits      batch               above 0 means that cell A is better than cell B on the task
    win rates   t x n               the mean probability that a cell beats an opponent on a task
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..compute.threads import single_threaded
from ..errors import RankerError, shown
from ..spaces.cells import cell_index, one_hot

_BLOCK = 4096  # comparisons at once

Projected = tuple[Tensor, ...]


class Contest(Protocol):
    """Fixed opponents on fixed tasks, which any cells can be compared with."""

    def win_rates(self, cells: np.ndarray) -> np.ndarray:
        """Mean probability that each cell beats an opponent, on each task.

        Args:
            cells: ``n x 6`` codes.

        Returns:
            ``t x n`` float64 in [0, 1].
        """
        ...


class PairModel(nn.Module, ABC):
    """A network that says which of two cells is better on a task.

    A subclass takes ``embedding_dim`` and then its settings, each with a default, and hands both to this class, the
    settings in JSON types. It checks them, because they may come from a file. If it has a setting ``family``, it is
    given the family of the search spaces that it is trained for. What the network computes must not depend on random
    numbers or on earlier calls, so that a training that was interrupted goes on to the same weights. With the default
    settings, swapping the two cells must negate the logit.

    Attributes:
        kind: the name of the kind, which is the name of its file.
        embedding_dim: the size of a task embedding.
        settings: what else the network is built with, in JSON types; a ranker's file holds them beside the weights.
        largest_weight: a file with a larger weight is damaged.
    """

    kind: ClassVar[str]
    largest_weight: ClassVar[float] = 1e4  # far more than training makes; layers of such weights do not overflow

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.kind = cls.__module__.rpartition(".")[2]

    def __init__(self, embedding_dim: int, **settings: Any) -> None:
        super().__init__()
        self.embedding_dim, self.settings = embedding_dim, settings

    @abstractmethod
    def project(self, archs: Tensor) -> Projected:
        """Compute what depends on one cell alone, for many cells.

        Args:
            archs: ``n x 30`` one-hot cells.

        Returns:
            Tensors whose first dimension is ``n``.
        """

    @abstractmethod
    def project_task(self, tasks: Tensor) -> Tensor:
        """Compute what depends on the task alone, for many tasks.

        Args:
            tasks: ``t x embedding_dim``.

        Returns:
            A tensor whose first dimension is ``t``.
        """

    @abstractmethod
    def compare(self, a: Projected, b: Projected, task: Tensor) -> Tensor:
        """Compare projected cells on projected tasks.

        Args:
            a: cells from ``project``.
            b: their opponents from ``project``.
            task: tasks from ``project_task``. All leading dimensions of ``a``, ``b`` and ``task`` broadcast.

        Returns:
            A logit for each comparison; above 0 means that ``a`` wins.
        """

    def forward(self, arch_a: Tensor, arch_b: Tensor, task: Tensor) -> Tensor:
        """Score how strongly ``arch_a`` outranks ``arch_b``.

        Args:
            arch_a: ``batch x 30`` one-hot cells.
            arch_b: ``batch x 30`` one-hot cells.
            task: ``batch x embedding_dim``.

        Returns:
            ``batch`` logits; above 0 means that ``arch_a`` wins.
        """
        return self.compare(self.project(arch_a), self.project(arch_b), self.project_task(task))

    def pair_logits(self, cells: np.ndarray, a: np.ndarray, b: np.ndarray, task: np.ndarray) -> np.ndarray:
        """Compare pairs of cells on one task.

        Args:
            cells: ``n x 6`` codes.
            a: ``pairs`` rows of ``cells``.
            b: the rows of their opponents.
            task: ``embedding_dim`` numbers.

        Returns:
            ``pairs`` logits; above 0 means that the cell at ``a`` wins.
        """
        projected = self.project(encoded(cells))
        vector = self.project_task(embeddings_of(task))
        return np.asarray(self.compare(rows_of(projected, a), rows_of(projected, b), vector).numpy())

    def check(self) -> None:
        """Check weights that were read from a file. Raises: RankerError: if no training can have made them."""

    def contest(self, tasks: np.ndarray, opponents: np.ndarray) -> Contest:
        """Prepare comparisons with fixed opponents; a kind that knows a faster way overrides this.

        Args:
            tasks: ``t x embedding_dim``.
            opponents: ``m x 6`` codes.
        """
        return PlainContest(self, tasks, opponents)

    def win_rates_of_all(self, tasks: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """Mean probability that each cell beats one of all cells, itself included, on each task.

        Args:
            tasks: ``t x embedding_dim``.
            cells: ``n x 6`` codes.

        Returns:
            ``t x n`` float64 in [0, 1].
        """
        return self.contest(tasks, cells).win_rates(cells)


class PlainContest:
    """The contest of any model: it calls ``compare`` for blocks of cells, on one task after the other."""

    def __init__(self, model: PairModel, tasks: np.ndarray, opponents: np.ndarray) -> None:
        """Project the opponents and the tasks once.

        Args:
            model: its weights must not require gradients.
            tasks: ``t x embedding_dim``.
            opponents: ``m x 6`` codes.
        """
        self._model, self._n_opponents = model, len(opponents)
        with single_threaded():
            self._opponents = model.project(encoded(opponents))
            self._tasks = model.project_task(embeddings_of(tasks))

    def win_rates(self, cells: np.ndarray) -> np.ndarray:
        """See ``Contest``. Equal cells are compared once."""
        _, first, which = np.unique(cell_index(cells), return_index=True, return_inverse=True)
        step = max(1, _BLOCK // self._n_opponents)
        rates = np.empty((len(self._tasks), len(first)))
        with single_threaded():  # so that the result does not depend on the number of threads
            projected = self._model.project(encoded(np.asarray(cells)[first]))
            for start in range(0, len(first), step):
                block = tuple(part[start : start + step, None] for part in projected)
                for row, task in zip(rates, self._tasks):
                    won = self._model.compare(block, self._opponents, task).sigmoid()  # step x m
                    row[start : start + step] = won.mean(dim=1, dtype=torch.float64).numpy()
        return rates[:, which]


def check_integers(least: int, **values_and_most: tuple[Any, int]) -> None:
    """Check settings, which may come from a file: ``name=(value, the largest value allowed)``. Raises: RankerError."""
    for name, (value, most) in values_and_most.items():
        if type(value) is not int or not least <= value <= most:
            raise RankerError(f"{name}={shown(value)} must be an integer from {least} to {shown(most)}")


def encoded(cells: np.ndarray) -> Tensor:
    """One-hot float32 encodings, ``n x 30``, of ``n x 6`` codes."""
    return torch.from_numpy(one_hot(cells))


def embeddings_of(tasks: np.ndarray) -> Tensor:
    """Task embeddings, ``t x embedding_dim``, as a float32 tensor."""
    return torch.from_numpy(np.asarray(tasks, dtype=np.float32))


def rows_of(projected: Projected, rows: np.ndarray) -> Projected:
    """The cells at ``rows``, among projected cells."""
    return tuple(part[rows] for part in projected)
