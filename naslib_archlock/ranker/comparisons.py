"""Many comparisons by a pair network at once: each cell with each opponent, on each task.

The first layer is linear in cell A, cell B and task, so each is projected once, and a comparison is ``head(x + y)``,
where ``x`` is the cell's part and ``y`` that of an opponent on a task. As

    relu(x + y) = max(x, -y) + y,

what ``y`` adds to a layer is carried beside it, once for each opponent, through all layers. A comparison then costs, in
each layer, one product and one pass over its result, and no sum or bias.

Work is cut into blocks that fit the cache of a core, and each thread computes whole blocks: the result does not depend
on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..compute.threads import single_threaded
from ..spaces.cells import cell_index, one_hot

if TYPE_CHECKING:
    from .ranker import PairMLP

_BLOCK = 4096  # comparisons at once: the widest of the usual layers then takes 2 MiB
_CELLS = 128  # of a block, where there are so many
_WORTH_A_THREAD = 1 << 15  # comparisons: some 15 ms
_KEPT = 1 << 14  # opponents whose layers are kept, counted on each task: 30 MiB of the usual network


class _Head:
    """``head(x + y)`` for any ``x`` and fixed ``y``; the head is ReLU and linear layers in turn."""

    def __init__(self, head: nn.Sequential, y: Tensor) -> None:
        """Args: y: ``m x width``."""
        self._floors, self._weights = [], []
        for layer in head:
            if isinstance(layer, nn.Linear):
                self._floors.append(-y)
                self._weights.append(layer.weight.t().contiguous())
                y = layer(y)
        self._offset = y.squeeze(-1)
        self._widths = [len(self._weights[0]), *(weight.shape[1] for weight in self._weights)]

    def __call__(self, x: Tensor, first: int = 0) -> Tensor:
        """Args: x: ``n x width``. Returns: ``n x (m - first)`` logits, with the ``y`` from the first on."""
        n, m = len(x), len(self._offset)
        n_blocks = -(-n * (m - first) // _BLOCK)
        step = -(-(m - first) // n_blocks)
        # One memory for all blocks: asked for anew in each, it took a tenth of the time.
        layers = [x.new_empty(n, step, width) for width in self._widths]
        flat = [layer.view(n * step, -1) for layer in layers]
        logits = x.new_empty(n, m)
        for start in range(first, m, step):
            start = min(start, m - step)  # the last block overlaps the one before, so that all are of one size
            block = slice(start, start + step)
            hidden = x[:, None]
            for k, (floor, weight) in enumerate(zip(self._floors, self._weights)):
                torch.maximum(hidden, floor[block], out=layers[k])
                torch.mm(flat[k], weight, out=flat[k + 1])
                hidden = layers[k + 1]
            logits[:, block] = hidden.squeeze(-1)
        return logits[:, first:].add_(self._offset[first:])


class _Opponents:
    """Cells on tasks, as opponents; what depends on them alone is computed once."""

    def __init__(self, model: PairMLP, cells: Tensor, tasks: Tensor) -> None:
        as_a, as_b = model.project(cells)
        task = model.project_task(tasks)
        self._n_tasks = len(tasks)
        self._as_b = _Head(model.head, (as_b[:, None] + task).flatten(0, 1))
        self._as_a = _Head(model.head, (as_a[:, None] + task).flatten(0, 1)) if model.antisymmetric else None

    def lose_to(self, as_a: Tensor, as_b: Tensor, first: int = 0) -> Tensor:
        """Probabilities that cells beat the opponents from the first on.

        Args: as_a, as_b: ``n x width``, the cells projected. Returns: ``n x (opponents - first) x tasks``.
        """
        logits = self._as_b(as_a, first * self._n_tasks)
        if self._as_a is not None:
            logits -= self._as_a(as_b, first * self._n_tasks)
        return logits.sigmoid_().view(len(logits), -1, self._n_tasks)


class Contest:
    """Fixed opponents on fixed tasks, for cells to be compared with."""

    def __init__(self, model: PairMLP, tasks: np.ndarray, opponents: np.ndarray) -> None:
        """Args: tasks: ``t x embedding_dim``; opponents: ``m x 6`` codes."""
        self._model, self._opponents = model, _encoded(opponents)
        self._groups = _groups_of(tasks, len(opponents))
        self._ready: tuple[int, Any] = (-1, None)

    def win_rates(self, cells: np.ndarray) -> np.ndarray:
        """Mean probability to beat an opponent, on each task; equal cells are compared once.

        Args: cells: ``n x 6`` codes. Returns: ``t x n`` float64 in [0, 1].
        """
        _, first, which = np.unique(cell_index(cells), return_index=True, return_inverse=True)
        blocks = _blocks_of(len(first), _CELLS)
        with _in_threads(len(first) * len(self._opponents) * sum(map(len, self._groups))) as in_threads:
            projected = self._model.project(_encoded(np.asarray(cells)[first]))
            rates = [
                np.concatenate(list(in_threads(_mean_wins_over(self._opponents_on(group), *projected), blocks)))
                for group in range(len(self._groups))
            ]
        return np.hstack(rates).T[:, which]

    def _opponents_on(self, group: int) -> _Opponents:
        """The opponents on a group of tasks; those of the last group are kept, which most often is the only one."""
        if self._ready[0] != group:
            self._ready = (group, _Opponents(self._model, self._opponents, self._groups[group]))
        return self._ready[1]


def win_rates_of_all(model: PairMLP, tasks: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Mean probability of each cell to beat one of all, itself included, on each task.

    Where swapping two cells negates the logit, each pair is compared once.
    Args: tasks: ``t x embedding_dim``; cells: ``n x 6`` codes. Returns: ``t x n`` float64 in [0, 1].
    """
    if not model.antisymmetric:
        return Contest(model, tasks, cells).win_rates(cells)
    encoded, n = _encoded(cells), len(cells)
    # blocks small enough to leave pairs to save: in a block, both orders are compared
    blocks, wins = _blocks_of(n, min(_CELLS, -(-n // 4))), []
    with _in_threads(n * n * len(tasks)) as in_threads:
        projected = model.project(encoded)
        for group in _groups_of(tasks, n):
            on_group = np.zeros((n, len(group)))
            for block, own, of_those_behind in in_threads(
                _wins_in_and_behind(_Opponents(model, encoded, group), *projected), blocks
            ):
                on_group[block] += own
                on_group[block.stop :] += of_those_behind
            wins.append(on_group)
    return np.hstack(wins).T / n


def _mean_wins_over(opponents: _Opponents, as_a: Tensor, as_b: Tensor) -> Callable[[slice], np.ndarray]:
    """A function from a block of cells to their win rates, ``n x tasks``."""
    return lambda block: opponents.lose_to(as_a[block], as_b[block]).mean(dim=1, dtype=torch.float64).numpy()


def _wins_in_and_behind(
    all_cells: _Opponents, as_a: Tensor, as_b: Tensor
) -> Callable[[slice], tuple[slice, np.ndarray, np.ndarray]]:
    """A function from a block of cells to their wins over it and those behind it, and the wins of these over it."""

    def wins_of(block: slice) -> tuple[slice, np.ndarray, np.ndarray]:
        won = all_cells.lose_to(as_a[block], as_b[block], first=block.start)
        lost = 1 - won[:, len(won) :]
        return block, won.sum(dim=1, dtype=torch.float64).numpy(), lost.sum(dim=0, dtype=torch.float64).numpy()

    return wins_of


def _encoded(cells: np.ndarray) -> Tensor:
    return torch.from_numpy(one_hot(cells))


def _groups_of(tasks: np.ndarray, n_opponents: int) -> tuple[Tensor, ...]:
    vectors = torch.from_numpy(np.asarray(tasks, dtype=np.float32))
    return vectors.split(max(1, _KEPT // n_opponents))


def _blocks_of(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


@contextmanager
def _in_threads(n_comparisons: int) -> Iterator[Callable[[Callable[[slice], Any], list[slice]], Iterator[Any]]]:
    """A ``map``, in order, on as many threads as torch may use; what is computed in the block is on one each."""
    n_threads = min(torch.get_num_threads(), n_comparisons // _WORTH_A_THREAD)
    with single_threaded():
        if n_threads < 2:
            yield map
            return
        # New threads take over the setting, but only once they ask for it, which a matrix times a vector does not.
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool.map
