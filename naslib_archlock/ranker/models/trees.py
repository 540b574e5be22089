"""Extremely randomised trees that score cells by their graph features.

Geurts et al., "Extremely randomized trees", Machine Learning 2006; scikit-learn grows them. The mean over the trees is
the score, and their standard deviation is its uncertainty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import RankerError
from ...spaces.cells import ENCODING_DIM
from ..family_inputs import joined_features, numbers_in
from ..pair_model import check_integers
from ..score_model import MOST_SCORE, ScoreModel, thinned
from ..task_positions import MOST_TASKS, directions_of, positions

_MAX_FEATURES = 1 / 3  # the share of the inputs that each split chooses from
_MOST_ROWS = 20_000  # cells that the trees are grown from
_MOST_TREES, _MOST_NODES = 1000, 1 << 24
_BLOCK = 4096  # cells that are scored at once


class Trees(ScoreModel):
    """A forest on graph features, further inputs and the similarity of a task with each training task.

    Attributes:
        nodes: ``5 x n_nodes``: for each node of all trees the input that it splits, the threshold, the nodes to go to
            at and above it, and the score; a leaf leads to itself. The first ``n_trees`` nodes are the roots.
        directions: ``n_tasks x embedding_dim``, the training tasks.
    """

    def __init__(
        self,
        embedding_dim: int,
        family: str = "cell",
        n_trees: int = 100,
        n_nodes: int = 0,
        n_tasks: int = 1,
        n_extra: int = 0,
    ) -> None:
        """Make an empty forest.

        Args:
            embedding_dim: the size of a task embedding.
            family: of the search spaces; it decides the features.
            n_trees: the number of trees.
            n_nodes, n_tasks: the sizes of what was learnt; fitting sets them.
            n_extra: the number of further inputs.

        Raises:
            RankerError: if a setting is out of range, or the spaces of the family have no graph features.
        """
        check_integers(1, n_trees=(n_trees, _MOST_TREES), n_tasks=(n_tasks, MOST_TASKS))
        check_integers(0, n_nodes=(n_nodes, _MOST_NODES))
        self._features = joined_features(family)
        super().__init__(
            embedding_dim, n_extra, family=family, n_trees=n_trees, n_nodes=n_nodes, n_tasks=n_tasks
        )  # fmt: skip
        self.nodes: Tensor
        self.directions: Tensor
        self.register_buffer("nodes", torch.zeros(5, n_nodes, dtype=torch.float64))
        self.register_buffer("directions", torch.zeros(n_tasks, embedding_dim, dtype=torch.float64))

    def fit(self, archs: np.ndarray, tasks: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> None:
        """See ``ScoreModel``. The trees are grown from at most ``_MOST_ROWS`` cells."""
        from sklearn.ensemble import ExtraTreesRegressor

        self.directions = torch.from_numpy(directions_of(tasks))
        archs, tasks, scores = thinned(_MOST_ROWS, archs, tasks, scores, rng)
        forest = ExtraTreesRegressor(
            self.settings["n_trees"], max_features=_MAX_FEATURES, random_state=int(rng.integers(2**31))
        )
        forest.fit(self._inputs(archs, tasks), scores)
        self.nodes = torch.from_numpy(_joined([tree.tree_ for tree in forest.estimators_]))
        self.settings.update(n_nodes=self.nodes.shape[1], n_tasks=len(self.directions))

    def predict(self, archs: np.ndarray, tasks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``ScoreModel``."""
        inputs = torch.from_numpy(self._inputs(archs, tasks)).to(self.nodes.device)
        scores = torch.cat([self._leaves(block) for block in inputs.split(_BLOCK)], dim=1)  # trees x n
        return scores.mean(dim=0).cpu().numpy(), scores.std(dim=0, unbiased=False).cpu().numpy()

    def check(self) -> None:
        """See ``PairModel``: every node must lead to nodes behind it, and split an input that there is."""
        column, _, low, high, score = self.nodes
        here = torch.arange(self.nodes.shape[1])
        n_inputs = self._features.shape[1] + self.n_extra + len(self.directions)
        for numbers, most in ((column, n_inputs), (low, len(here)), (high, len(here))):
            if not ((numbers == numbers.round()) & (numbers >= 0) & (numbers < most)).all():
                raise RankerError("a node of a tree leads nowhere")
        if len(score) and score.abs().max() > MOST_SCORE:
            raise RankerError("a score of a tree is too large")
        if not ((low >= here) & (high >= here) & ((low == here) == (high == here))).all():
            raise RankerError("the nodes of a tree lead back")

    def _leaves(self, inputs: Tensor) -> Tensor:
        """The score that each tree gives each row of ``inputs``, ``n_trees x n``."""
        column, low, high = (self.nodes[row].long() for row in (0, 2, 3))
        threshold, score = self.nodes[1], self.nodes[4]
        columns = inputs.t().contiguous()
        here = torch.arange(len(columns[0]), device=inputs.device)
        at = torch.arange(self.settings["n_trees"], device=inputs.device)[:, None].expand(-1, len(inputs))
        while True:
            goes_low = columns[column[at], here] <= threshold[at]
            new = torch.where(goes_low, low[at], high[at])
            if torch.equal(new, at):
                return score[at]
            at = new

    def _inputs(self, archs: np.ndarray, tasks: np.ndarray) -> np.ndarray:
        """All inputs of the trees, ``n x d`` float32."""
        similar = positions(tasks, self.directions.cpu().numpy())
        # A shift far below any difference between tasks must not decide at a threshold.
        return np.hstack([self._features[numbers_in(archs)], archs[:, ENCODING_DIM:], similar.round(5)]).astype(
            np.float32
        )


def _joined(trees: list[Any]) -> np.ndarray:
    """The nodes of scikit-learn's trees, as ``Trees.nodes``."""
    n_trees = len(trees)
    sizes = np.array([tree.node_count for tree in trees])
    # The roots come first: the other nodes of tree k follow behind the roots and the nodes of the trees before.
    starts = n_trees + np.cumsum(sizes - 1) - (sizes - 1)
    nodes = np.empty((5, sizes.sum()))
    for root, (tree, start) in enumerate(zip(trees, starts)):
        own = np.concatenate([[root], start + np.arange(tree.node_count - 1)])
        is_leaf = tree.children_left < 0
        nodes[0, own] = np.where(is_leaf, 0, tree.feature)
        nodes[1, own] = tree.threshold
        nodes[2, own] = np.where(is_leaf, own, own[tree.children_left])
        nodes[3, own] = np.where(is_leaf, own, own[tree.children_right])
        nodes[4, own] = tree.value[:, 0, 0]
    return nodes
