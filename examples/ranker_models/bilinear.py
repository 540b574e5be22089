"""A ranker of your own: it maps cells and the task to a small space, and the cell with the larger product wins."""

from __future__ import annotations

from torch import Tensor, nn

from naslib_archlock.ranker.pair_model import PairModel
from naslib_archlock.spaces.cells import ENCODING_DIM


class PairBilinear(PairModel):
    """A bilinear ranker; ``rank`` is the dimension of the small space."""

    def __init__(self, embedding_dim: int, rank: int = 8) -> None:
        super().__init__(embedding_dim, rank=rank)
        self.of_cell = nn.Linear(ENCODING_DIM, rank)
        self.of_task = nn.Linear(embedding_dim, rank)

    def project(self, archs: Tensor) -> tuple[Tensor, ...]:
        return (self.of_cell(archs),)

    def project_task(self, tasks: Tensor) -> Tensor:
        return self.of_task(tasks)

    def compare(self, a: tuple[Tensor, ...], b: tuple[Tensor, ...], task: Tensor) -> Tensor:
        return ((a[0] - b[0]) * task).sum(dim=-1)
