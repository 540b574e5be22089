"""The paper's network: an MLP on the one-hot encodings of two cells and the task embedding (ArchLock, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from ...spaces.cells import ENCODING_DIM
from ..encoded_pair import EncodedPairModel


class PairMLP(EncodedPairModel):
    """Reads a cell as its one-hot encoding."""

    def __init__(
        self, embedding_dim: int, hidden: Sequence[int] = (128, 64, 32, 16), antisymmetric: bool = True
    ) -> None:
        """Make random weights. The arguments and errors are those of ``EncodedPairModel``."""
        super().__init__(embedding_dim, ENCODING_DIM, hidden, antisymmetric)
