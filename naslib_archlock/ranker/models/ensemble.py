"""The mean of the ``trees`` and of the Gaussian process ``gp``.

They err in different ways, so their mean is better than both (``experiments/predictors``).
"""

from __future__ import annotations

import numpy as np

from ..score_model import ScoreModel
from .gp import GaussianProcess
from .trees import Trees


class TreesAndProcess(ScoreModel):
    """Two models that are fitted to the same scores.

    The variance of the score is the mean of both variances, plus the variance of both means.
    """

    def __init__(
        self,
        embedding_dim: int,
        family: str = "cell",
        n_trees: int = 100,
        n_nodes: int = 0,
        n_cells: int = 0,
        n_tasks: int = 1,
        n_extra: int = 0,
    ) -> None:
        """Make two empty models. The arguments and errors are those of ``Trees`` and ``GaussianProcess``."""
        settings = {"family": family, "n_trees": n_trees, "n_nodes": n_nodes, "n_cells": n_cells, "n_tasks": n_tasks}
        super().__init__(embedding_dim, n_extra, **settings)
        self.trees = Trees(embedding_dim, family, n_trees, n_nodes, n_tasks, n_extra)
        self.process = GaussianProcess(embedding_dim, family, n_cells, n_tasks, n_extra)

    def fit(self, archs: np.ndarray, tasks: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> None:
        """See ``ScoreModel``."""
        for model in (self.trees, self.process):
            model.fit(archs, tasks, scores, rng)
            self.settings.update(model.settings)

    def predict(self, archs: np.ndarray, tasks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``ScoreModel``."""
        means, stds = (np.stack(part) for part in zip(*(m.predict(archs, tasks) for m in (self.trees, self.process))))
        return means.mean(axis=0), np.sqrt((stds**2).mean(axis=0) + means.var(axis=0))

    def check(self) -> None:
        """See ``PairModel``."""
        self.trees.check()
        self.process.check()
