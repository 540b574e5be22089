"""An MLP on [code of cell A, code of cell B, task embedding] that gives one logit.

A kind of ranker says how a cell is encoded (``encode``). The rest, and the fast comparisons of ``comparisons``, are the
same for all of them. One departure from the paper was measured in ``experiments/ranker_accuracy``: unless
``antisymmetric`` is off, the logit is antisymmetric by construction, that is, swapping A and B negates it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..errors import RankerError, shown
from .comparisons import AdditiveContest, win_rates_of_all
from .pair_model import Contest, PairModel, Projected
from .train_settings import parse_widths

# Embeddings are brought to this length: at 1 they hardly weigh against the cells, at 10 the ranker learns the training
# tasks by heart (pair accuracy on left-out tasks 0.954 at 3, 0.941 at 10).
EMBEDDING_LENGTH = 3.0


class EncodedPairModel(PairModel):
    """Hidden layers with ReLU over the concatenation of two encoded cells and a task, and one logit.

    Attributes:
        antisymmetric: whether swapping the cells negates the logit.
        as_a: the part of the first layer that reads cell A; ``as_b`` and ``as_task`` read cell B and the task.
        head: the other layers, ReLU and linear in turn.
    """

    def __init__(
        self, embedding_dim: int, code_dim: int, hidden: Sequence[int], antisymmetric: bool, **settings: Any
    ) -> None:
        """Make random weights.

        Args:
            embedding_dim: the size of a task embedding.
            code_dim: the size of an encoded cell.
            hidden: the widths of the hidden layers.
            antisymmetric: whether swapping the cells negates the logit.
            settings: further settings of the kind.

        Raises:
            ConfigError: if there are too many layers, or one is too wide.
            RankerError: if a setting is of the wrong type.
        """
        is_list = isinstance(hidden, (list, tuple)) and all(type(width) is int for width in hidden)
        if not is_list or not isinstance(antisymmetric, bool):
            raise RankerError(
                f"hidden={shown(hidden)} must be a list of widths, and antisymmetric={shown(antisymmetric)} true or "
                "false"
            )
        widths = parse_widths("hidden", ",".join(map(str, hidden)))
        super().__init__(embedding_dim, hidden=list(widths), antisymmetric=antisymmetric, **settings)
        self.antisymmetric = antisymmetric
        self.as_a = nn.Linear(code_dim, widths[0], bias=False)
        self.as_b = nn.Linear(code_dim, widths[0], bias=False)
        self.as_task = nn.Linear(embedding_dim, widths[0])
        layers: list[nn.Module] = []
        for width_in, width_out in zip(widths, (*widths[1:], 1)):
            layers += [nn.ReLU(), nn.Linear(width_in, width_out)]
        self.head = nn.Sequential(*layers)

    def encode(self, archs: Tensor) -> Tensor:
        """The codes, ``n x code_dim``, of ``n x 30`` one-hot cells; the cells themselves unless a kind overrides it."""
        return archs

    def project(self, archs: Tensor) -> Projected:
        """First-layer contributions of ``n x 30`` cells as A and as B, ``n x width`` each."""
        codes = self.encode(archs)
        return self.as_a(codes), self.as_b(codes)

    def project_task(self, tasks: Tensor) -> Tensor:
        """First-layer contributions, ``t x width``, of ``t x embedding_dim`` embeddings of any length."""
        return self.as_task(EMBEDDING_LENGTH * normalize(tasks, dim=-1))

    def compare(self, a: Projected, b: Projected, task: Tensor) -> Tensor:
        """See ``PairModel``."""
        logit = self.head(a[0] + b[1] + task)
        if self.antisymmetric:
            logit = logit - self.head(b[0] + a[1] + task)
        return logit.squeeze(-1)

    def contest(self, tasks: np.ndarray, opponents: np.ndarray) -> Contest:
        """See ``PairModel``."""
        return AdditiveContest(self, tasks, opponents)

    def win_rates_of_all(self, tasks: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """See ``PairModel``; an antisymmetric network compares each pair once."""
        return win_rates_of_all(self, tasks, cells)
