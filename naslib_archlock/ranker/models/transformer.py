"""A transformer reads each cell, and an MLP compares two of them: the idea of TNASP and PINAT.

Lu et al., "TNASP: A Transformer-based NAS Predictor with a Self-evolution Framework", NeurIPS 2021; Lu et al., "PINAT",
AAAI 2023. The nodes of a cell's graph are the tokens. A token is the sum of its op and of its position, the entries of
the node in the eigenvectors of the graph's Laplacian. Neither TNASP's self-evolution nor PINAT's graph convolutions
beside the attention are part of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import RankerError
from ...spaces.op_graphs import N_LABELS, N_NODES, laplacian_positions
from ..encoded_pair import EncodedPairModel
from ..family_inputs import graph_tables, numbers_of
from ..pair_model import check_integers

_MOST_LAYERS, _WIDEST = 8, 512


class PairTransformer(EncodedPairModel):
    """Reads a cell as the mean of its nodes' states after self-attention."""

    def __init__(
        self,
        embedding_dim: int,
        family: str = "cell",
        width: int = 64,
        heads: int = 4,
        layers: int = 2,
        hidden: Sequence[int] = (64, 32),
        antisymmetric: bool = True,
    ) -> None:
        """Make random weights.

        Args:
            family: of the search spaces; it decides the graphs.
            width: the size of a token; a multiple of ``heads``.
            heads: the number of attention heads.
            layers: the number of attention layers.
            embedding_dim, hidden, antisymmetric: as in ``EncodedPairModel``.

        Raises:
            RankerError: if a setting is out of range, or the spaces of the family have no graphs.
        """
        check_integers(1, width=(width, _WIDEST), heads=(heads, width), layers=(layers, _MOST_LAYERS))
        if width % heads:
            raise RankerError(f"width={width} must be a multiple of heads={heads}")
        graphs = graph_tables(family)
        settings = {"family": family, "width": width, "heads": heads, "layers": layers}
        super().__init__(embedding_dim, width, hidden, antisymmetric, **settings)
        self.register_buffer("labels", torch.from_numpy(graphs.labels), persistent=False)
        positions = torch.from_numpy(laplacian_positions(graphs))
        self.register_buffer("positions", positions, persistent=False)
        self.of_label = nn.Embedding(N_LABELS, width)
        self.of_position = nn.Linear(N_NODES, width)
        # No dropout: what a ranker computes must not depend on random numbers.
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.attention = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def encode(self, archs: Tensor) -> Tensor:
        """The mean state of the nodes, ``n x width``."""
        numbers = numbers_of(archs)
        labels: Tensor = self.labels[numbers]  # type: ignore[index]
        positions: Tensor = self.positions[numbers].to(archs.dtype)  # type: ignore[index]
        is_no_node = labels == 0
        tokens = self.of_label(labels) + self.of_position(positions)
        states = self.attention(tokens, src_key_padding_mask=is_no_node)
        is_node = (~is_no_node).unsqueeze(-1).to(states.dtype)
        return (states * is_node).sum(dim=1) / is_node.sum(dim=1).clamp(min=1)
