"""Rankers that give every cell a score on a task, with an uncertainty, instead of comparing cells by a network.

Such a model is fitted in one go, not by gradients. The score of a cell is the normal quantile of its place among the
cells of a task: 0 is the median, and higher is better. The model predicts a normal distribution of the score, so the
probability that cell A beats cell B is that of a positive difference of two such scores. Swapping A and B so negates
the logit.

Shapes, beside those of ``pair_model``:

    archs       n x (30 + k)        one-hot cells, and ``k`` further inputs of each, such as zero-cost scores
    tasks       n x embedding_dim   the task embedding of each row of ``archs``
    mean, std   n                   of the predicted scores
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.special import log_ndtr, ndtri
from scipy.stats import rankdata
from torch import Tensor

from ..compute.threads import single_threaded
from ..spaces.cells import cell_index
from .pair_model import PairModel, Projected, check_integers, embeddings_of, encoded

_BLOCK = 1 << 22  # comparisons at once
_LEAST_STD = 1e-3
MOST_SCORE = 10.0  # no table has so many cells that a normal quantile is larger
_MOST_EXTRA = 64


class ScoreModel(PairModel):
    """A model that is fitted to scores.

    A subclass keeps what it learnt in buffers, so that it is saved as weights are. Its settings say how large these
    are.

    Attributes:
        n_extra: the number of further inputs of a cell.
    """

    largest_weight = 1e12  # numbers of nodes and thresholds of zero-cost scores are large

    def __init__(self, embedding_dim: int, n_extra: int, **settings: Any) -> None:
        check_integers(0, n_extra=(n_extra, _MOST_EXTRA))
        super().__init__(embedding_dim, n_extra=n_extra, **settings)
        self.n_extra = n_extra

    @abstractmethod
    def fit(self, archs: np.ndarray, tasks: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> None:
        """Learn from cells with known scores.

        Args:
            archs: ``n x (30 + n_extra)``.
            tasks: ``n x embedding_dim``.
            scores: ``n``, from ``scores_of``.
            rng: all that is random is drawn from it.
        """

    @abstractmethod
    def predict(self, archs: np.ndarray, tasks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the standard deviation of the score of each row, ``n`` each. The arguments are those of ``fit``.

        What is predicted for a row must not depend on the other rows.
        """

    def predict_on_tasks(self, archs: np.ndarray, tasks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``predict`` for each cell on each of ``t`` tasks, ``t x n`` each; tasks is ``t x embedding_dim``."""
        on_each = [_clipped(self.predict(archs, np.broadcast_to(task, (len(archs), len(task))))) for task in tasks]
        mean, std = (np.stack(part) for part in zip(*on_each))
        return mean, std

    def project(self, archs: Tensor) -> Projected:
        """The cells themselves: their scores depend on the task."""
        return (archs,)

    def project_task(self, tasks: Tensor) -> Tensor:
        """The embeddings themselves."""
        return tasks

    def compare(self, a: Projected, b: Projected, task: Tensor) -> Tensor:
        """See ``PairModel``. Contests and ``pair_logits`` are faster, because they score every cell once."""
        shape = torch.broadcast_shapes(a[0].shape[:-1], b[0].shape[:-1], task.shape[:-1])
        rows = [part.expand(*shape, part.shape[-1]).reshape(-1, part.shape[-1]) for part in (a[0], b[0], task)]
        cells_a, cells_b, tasks = (part.detach().cpu().numpy() for part in rows)
        logits = _logits(*_clipped(self.predict(cells_a, tasks)), *_clipped(self.predict(cells_b, tasks)))
        return torch.from_numpy(logits).to(task).reshape(shape)

    def pair_logits(self, cells: np.ndarray, a: np.ndarray, b: np.ndarray, task: np.ndarray) -> np.ndarray:
        """See ``PairModel``."""
        mean, std = (part[0] for part in self.predict_on_tasks(encoded(cells).numpy(), task[None]))
        return _logits(mean[a], std[a], mean[b], std[b])

    def contest(self, tasks: np.ndarray, opponents: np.ndarray) -> ScoreContest:
        """See ``PairModel``."""
        return ScoreContest(self, tasks, opponents)

    def win_rates_of_all(self, tasks: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """See ``PairModel``."""
        return self.contest(tasks, cells).win_rates_of_opponents()


class ScoreContest:
    """The contest of a score model: every cell is scored once on each task."""

    def __init__(self, model: ScoreModel, tasks: np.ndarray, opponents: np.ndarray) -> None:
        """Score the opponents. Args: tasks: ``t x embedding_dim``; opponents: ``m x 6`` codes."""
        self._model, self._tasks = model, embeddings_of(tasks).numpy()
        self._opponents = self._scores(opponents)

    def _scores(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with single_threaded():
            return self._model.predict_on_tasks(encoded(cells).numpy(), self._tasks)

    def win_rates(self, cells: np.ndarray) -> np.ndarray:
        """See ``pair_model.Contest``. Equal cells are scored once."""
        _, first, which = np.unique(cell_index(cells), return_index=True, return_inverse=True)
        return self._against_opponents(self._scores(np.asarray(cells)[first]))[:, which]

    def win_rates_of_opponents(self) -> np.ndarray:
        """The win rates of the opponents among themselves, ``t x m``."""
        return self._against_opponents(self._opponents)

    def _against_opponents(self, scores: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        with single_threaded():
            on_each = [_mean_wins(*own, *others) for own, others in zip(zip(*scores), zip(*self._opponents))]
        return np.stack(on_each)


def scores_of(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The normal quantile of each value's rank among ``n`` values; equal values have equal scores."""
    return np.asarray(ndtri((rankdata(values) - 0.5) / len(values)))


def thinned(
    most: int, archs: np.ndarray, tasks: np.ndarray, scores: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At most ``most`` rows of what a model is fitted to, drawn at random and in their order."""
    if len(scores) <= most:
        return archs, tasks, scores
    rows = np.sort(rng.choice(len(scores), most, replace=False))
    return archs[rows], tasks[rows], scores[rows]


def _clipped(prediction: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return prediction[0], np.maximum(prediction[1], _LEAST_STD)


def _logits(mean_a: np.ndarray, std_a: np.ndarray, mean_b: np.ndarray, std_b: np.ndarray) -> np.ndarray:
    """The log odds that a score of A is above one of B."""
    z = (mean_a - mean_b) / np.sqrt(std_a**2 + std_b**2)
    return np.asarray(log_ndtr(z) - log_ndtr(-z))


def _mean_wins(mean: np.ndarray, std: np.ndarray, opponents: np.ndarray, their_std: np.ndarray) -> np.ndarray:
    """The mean probability that each of ``n`` cells beats one of ``m`` opponents, ``n``."""
    rates, step = np.empty(len(mean)), max(1, _BLOCK // len(opponents))
    for start in range(0, len(mean), step):
        block = slice(start, start + step)
        spread = torch.from_numpy(np.sqrt(std[block, None] ** 2 + their_std**2))
        z = torch.from_numpy(mean[block, None] - opponents) / spread
        rates[block] = torch.special.ndtr(z).mean(dim=1).numpy()
    return rates
