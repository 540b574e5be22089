"""A Gaussian process that scores cells by their graph features (``compute.additive_process``)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...compute.additive_process import MOST_LOG, AdditiveKernel, Points, Process, fit_kernel
from ...errors import RankerError
from ...spaces.cells import ENCODING_DIM
from ..family_inputs import feature_tables, numbers_in
from ..pair_model import check_integers
from ..score_model import MOST_SCORE, ScoreModel, thinned
from ..task_positions import MOST_TASKS, directions_of, positions

_MOST_ROWS = 2000  # cells that the process learns from: its time grows with their cube


class GaussianProcess(ScoreModel):
    """One kernel for each group of graph features, one for further inputs, and one that tells tasks apart.

    Attributes:
        numbers: ``n_cells``, the ``index`` of each cell that was learnt from.
        extra: ``n_cells x n_extra``, its further inputs, and ``scale``, ``2 x n_extra``, their means and standard
            deviations.
        tasks: ``n_cells x n_tasks``, the similarity of its task with each training task.
        scores: ``n_cells``, its score.
        directions: ``n_tasks x embedding_dim``, the training tasks.
        logs: the logarithms of the kernel's numbers.
    """

    def __init__(
        self, embedding_dim: int, family: str = "cell", n_cells: int = 0, n_tasks: int = 1, n_extra: int = 0
    ) -> None:
        """Make a process that has learnt nothing.

        Args:
            embedding_dim: the size of a task embedding.
            family: of the search spaces; it decides the features.
            n_cells, n_tasks: the sizes of what was learnt; fitting sets them.
            n_extra: the number of further inputs.

        Raises:
            RankerError: if a setting is out of range, or the spaces of the family have no graph features.
        """
        check_integers(0, n_cells=(n_cells, _MOST_ROWS))
        check_integers(1, n_tasks=(n_tasks, MOST_TASKS))
        self._tables = feature_tables(family)
        super().__init__(embedding_dim, n_extra, family=family, n_cells=n_cells, n_tasks=n_tasks)
        n_logs = 2 * (len(self._tables) + bool(n_extra)) + 3
        shapes = {
            "numbers": (n_cells,), "extra": (n_cells, n_extra), "scale": (2, n_extra), "tasks": (n_cells, n_tasks),
            "scores": (n_cells,), "directions": (n_tasks, embedding_dim), "logs": (n_logs,),
        }  # fmt: skip
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self._process: Process | None = None

    def fit(self, archs: np.ndarray, tasks: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> None:
        """See ``ScoreModel``. The process learns from at most ``_MOST_ROWS`` cells."""
        directions = directions_of(tasks)
        archs, tasks, scores = thinned(_MOST_ROWS, archs, tasks, scores, rng)
        extra = archs[:, ENCODING_DIM:].astype(np.float64)
        spread = extra.std(axis=0)
        learnt = {
            "numbers": numbers_in(archs), "extra": extra, "tasks": positions(tasks, directions), "scores": scores,
            "scale": np.stack([extra.mean(axis=0), np.where(spread > 0, spread, 1.0)]), "directions": directions,
        }  # fmt: skip
        for name, value in learnt.items():
            setattr(self, name, torch.from_numpy(np.array(value, dtype=np.float64)))
        self.logs = torch.from_numpy(fit_kernel(self._learnt_points(), scores, rng).logs)
        self.settings.update(n_cells=len(scores), n_tasks=len(directions))
        self._process = self._learn()

    def predict(self, archs: np.ndarray, tasks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``ScoreModel``."""
        if self._process is None:  # after loading: what a file keeps is little, and the rest follows from it
            self._process = self._learn()
        of_tasks = positions(tasks, _array(self.directions))
        points = self._points(numbers_in(archs), archs[:, ENCODING_DIM:].astype(np.float64), of_tasks)
        return self._process.predict(points)

    def check(self) -> None:
        """See ``PairModel``: the cells must be numbers of cells, and the other numbers within what fitting can make."""
        numbers = _array(self.numbers)
        if not ((numbers >= 0) & (numbers < len(self._tables[0])) & (numbers % 1 == 0)).all():
            raise RankerError("a cell of the Gaussian process is none")
        most = {"logs": MOST_LOG, "scores": MOST_SCORE, "tasks": 1.0, "directions": 1.0}
        if any(np.abs(_array(getattr(self, name))).max(initial=0.0) > bound + 1e-6 for name, bound in most.items()):
            raise RankerError("a number of the Gaussian process is too large")
        if (_array(self.scale)[1] <= 0).any():
            raise RankerError("a standard deviation of the Gaussian process is not positive")

    def _learn(self) -> Process:
        return Process.of(AdditiveKernel(_array(self.logs)), self._learnt_points(), _array(self.scores))

    def _learnt_points(self) -> Points:
        numbers, extra, tasks = (_array(part) for part in (self.numbers, self.extra, self.tasks))
        return self._points(numbers.astype(np.int64), extra, tasks)

    def _points(self, numbers: np.ndarray, extra: np.ndarray, tasks: np.ndarray) -> Points:
        groups = [table[numbers] for table in self._tables]
        if self.n_extra:
            mean, spread = _array(self.scale)
            groups.append((extra - mean) / spread)
        return Points(tuple(groups), tasks)


def _array(tensor: object) -> np.ndarray:
    assert isinstance(tensor, Tensor)
    return tensor.cpu().numpy()
