"""The paper's network on graph features instead of one-hot encodings (``spaces.graph_features``)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..encoded_pair import EncodedPairModel
from ..family_inputs import joined_features, numbers_of


class PairFeatures(EncodedPairModel):
    """Reads a cell as its graph features, each of mean 0 and variance 1 over all functions."""

    def __init__(
        self,
        embedding_dim: int,
        family: str = "cell",
        hidden: Sequence[int] = (128, 64, 32, 16),
        antisymmetric: bool = True,
    ) -> None:
        """Make random weights.

        Args:
            family: of the search spaces; it decides the features.
            embedding_dim, hidden, antisymmetric: as in ``EncodedPairModel``.

        Raises:
            RankerError: if the spaces of the family have no graph features, and as ``EncodedPairModel``.
        """
        table = joined_features(family)
        super().__init__(embedding_dim, table.shape[1], hidden, antisymmetric, family=family)
        self.register_buffer("table", torch.from_numpy(table), persistent=False)

    def encode(self, archs: Tensor) -> Tensor:
        """Look the features up."""
        table: Tensor = self.table  # type: ignore[assignment]
        return table[numbers_of(archs)].to(archs.dtype)
