"""BRP-NAS's binary relation predictor: a graph network reads each cell, and an MLP compares two of them.

Dudziak et al., "BRP-NAS: Prediction-based NAS using GCNs", NeurIPS 2020, section 4. Differences: messages go along the
edges and against them, with weights of their own; the mean over all nodes takes the place of the global node; layers
are narrower (theirs have 600 units), because they train on a CPU here.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ...spaces.op_graphs import N_LABELS
from ..encoded_pair import EncodedPairModel
from ..family_inputs import graph_tables, numbers_of
from ..pair_model import check_integers

_MOST_LAYERS, _WIDEST = 16, 1024


class PairGCN(EncodedPairModel):
    """Reads a cell as the mean of its nodes' states after graph convolutions."""

    def __init__(
        self,
        embedding_dim: int,
        family: str = "cell",
        width: int = 64,
        layers: int = 3,
        hidden: Sequence[int] = (64, 32),
        antisymmetric: bool = True,
    ) -> None:
        """Make random weights.

        Args:
            family: of the search spaces; it decides the graphs.
            width: the size of a node's state.
            layers: the number of graph convolutions.
            embedding_dim, hidden, antisymmetric: as in ``EncodedPairModel``.

        Raises:
            RankerError: if a setting is out of range, or the spaces of the family have no graphs.
        """
        check_integers(1, width=(width, _WIDEST), layers=(layers, _MOST_LAYERS))
        graphs = graph_tables(family)
        super().__init__(embedding_dim, width, hidden, antisymmetric, family=family, width=width, layers=layers)
        self.register_buffer("labels", torch.from_numpy(graphs.labels), persistent=False)
        self.register_buffer("adjacency", torch.from_numpy(graphs.adjacency), persistent=False)
        widths = [N_LABELS, *[width] * layers]
        self.convolutions = nn.ModuleList(_Convolution(*pair) for pair in zip(widths, widths[1:]))

    def encode(self, archs: Tensor) -> Tensor:
        """The mean state of the nodes, ``n x width``."""
        numbers = numbers_of(archs)
        labels: Tensor = self.labels[numbers]  # type: ignore[index]
        adjacency: Tensor = self.adjacency[numbers].to(archs.dtype)  # type: ignore[index]
        is_node = (labels > 0).unsqueeze(-1).to(archs.dtype)
        states = one_hot(labels, N_LABELS).to(archs.dtype) * is_node
        forth, back = _mean_of(adjacency.transpose(1, 2)), _mean_of(adjacency)
        for convolution in self.convolutions:
            states = convolution(states, forth, back).relu() * is_node
        return states.sum(dim=1) / is_node.sum(dim=1).clamp(min=1)


class _Convolution(nn.Module):
    """New states of nodes, from their own and the mean states of the nodes before and behind them."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.own = nn.Linear(width_in, width_out)
        self.before = nn.Linear(width_in, width_out, bias=False)
        self.behind = nn.Linear(width_in, width_out, bias=False)

    def forward(self, states: Tensor, forth: Tensor, back: Tensor) -> Tensor:
        """Args: states: ``n x v x width_in``; forth, back: ``n x v x v``, rows of weights that add up to 1 or 0."""
        return self.own(states) + self.before(forth @ states) + self.behind(back @ states)


def _mean_of(adjacency: Tensor) -> Tensor:
    return adjacency / adjacency.sum(dim=2, keepdim=True).clamp(min=1)
