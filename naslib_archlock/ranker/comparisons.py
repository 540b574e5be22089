"""Fast comparisons of many cells with many opponents on many tasks, for networks whose first layer is additive.

The first layer of such a network is linear in cell A, cell B and the task, so each is projected once, and a comparison
is ``head(x + y)``, where ``x`` comes from the cell, and ``y`` from its opponent and the task. Because

    relu(x + y) = max(x, -y) + y,

the contribution of ``y`` to a layer can be carried beside the layer. It is computed once for each opponent and each
layer, so a comparison costs one product and one pass over its result in each layer, and no sum or bias.

The work is cut into blocks that fit the cache of one core, and each thread computes whole blocks, so the result does
not depend on the number of threads.

Matrices, for ``n`` cells, ``m`` opponents, ``t`` tasks, and a head whose layers have the inputs ``w0, w1, ..., wL``:

    cells        n x 6              op codes of the cells; opponents: m x 6
    tasks        t x embedding_dim  task embeddings
    as_a, as_b   n x w0             first-layer parts of the cells as A, and as B; of opponents: m x w0
    task         t x w0             first-layer parts of the tasks, with the bias
    x            n x w0             the part of the cell in a comparison: as_a, or as_b if the pair is swapped
    y            (m t) x wk         the sum of all that an opponent on a task adds before layer k
                                    (row j t + i: opponent j on task i)
    floors[k]    (m t) x wk         -y before layer k, for k = 0 ... L
    weights[k]   wk x w(k+1)        the transposed weights of linear layer k; w(L+1) is 1
    offset       m t                what an opponent on a task adds to the logit
    layers[k]    n x step x wk      work space of one block: n cells, step rows of y
    logits       n x (m t)          positive where the cell as A beats the opponent as B
    wins         n x m x t          the probabilities that the cells beat the opponents
    rates        t x n              means of wins over the opponents
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..compute.threads import single_threaded
from ..errors import RankerError
from ..spaces.cells import cell_index
from .pair_model import Projected, embeddings_of, encoded

_BLOCK = 4096  # comparisons at once: the widest of the usual layers then takes 2 MiB
_CELLS = 128  # cells in a block, if there are so many
_WORTH_A_THREAD = 1 << 15  # comparisons: some 15 ms
_KEPT = 1 << 14  # opponents whose layers are kept, counted once for each task: 30 MiB for the usual network


class AdditiveModel(Protocol):
    """A pair model that compares by ``head(a + b + task)``, where cells are projected to ``a`` and ``b``.

    Attributes:
        head: ReLU and linear layers in turn; the last gives one logit.
        antisymmetric: whether the logit of the swapped pair, ``head`` of it, is subtracted.
    """

    head: nn.Sequential
    antisymmetric: bool

    def project(self, archs: Tensor) -> Projected:
        """Cells as A and as B, ``n x w0`` each, from ``n x 30`` one-hot cells."""
        ...

    def project_task(self, tasks: Tensor) -> Tensor:
        """Tasks, ``t x w0``, from ``t x embedding_dim`` embeddings."""
        ...


class _Head:
    """``head(x + y)`` for any ``x`` and fixed ``y``."""

    def __init__(self, head: nn.Sequential, y: Tensor) -> None:
        """Carry ``y`` through all layers.

        Args:
            head: ReLU and linear layers in turn.
            y: ``(m t) x w0``.

        Raises:
            RankerError: if the head has other layers.
        """
        self._floors, self._weights = [], []
        for layer in _linear_layers(head):
            self._floors.append(-y)
            self._weights.append(layer.weight.t().contiguous())
            y = layer(y)
        self._offset = y.squeeze(-1)
        self._widths = [len(self._weights[0]), *(weight.shape[1] for weight in self._weights)]

    def __call__(self, x: Tensor, first: int = 0) -> Tensor:
        """Compute the logits of cells with the rows of ``y`` from ``first`` on.

        Args:
            x: ``n x w0``.
            first: a row of ``y``.

        Returns:
            ``n x (m t - first)`` logits.
        """
        n, n_rows = len(x), len(self._offset)
        n_blocks = -(-n * (n_rows - first) // _BLOCK)
        step = -(-(n_rows - first) // n_blocks)
        # All blocks use the same memory: allocating it anew for each block took a tenth of the time.
        layers = [x.new_empty(n, step, width) for width in self._widths]
        flat = [layer.view(n * step, -1) for layer in layers]
        logits = x.new_empty(n, n_rows)
        for start in range(first, n_rows, step):
            start = min(start, n_rows - step)  # the last block overlaps the one before, so that all have the same size
            block = slice(start, start + step)
            hidden = x[:, None]
            for k, (floor, weight) in enumerate(zip(self._floors, self._weights)):
                torch.maximum(hidden, floor[block], out=layers[k])
                torch.mm(flat[k], weight, out=flat[k + 1])
                hidden = layers[k + 1]
            logits[:, block] = hidden.squeeze(-1)
        return logits[:, first:].add_(self._offset[first:])


def _linear_layers(head: nn.Sequential) -> list[nn.Linear]:
    """The linear layers of a head. Raises: RankerError: if the head is not ReLU and Linear in turn, to one logit."""
    layers = list(head)
    linear = [layer for layer in layers[1::2] if type(layer) is nn.Linear]
    in_turn = all(type(layer) is nn.ReLU for layer in layers[::2]) and 2 * len(linear) == len(layers)
    if not linear or not in_turn or linear[-1].out_features != 1:
        names = ", ".join(type(layer).__name__ for layer in layers) or "no layers"
        raise RankerError(
            f"fast comparisons need a head of ReLU and Linear in turn that ends in one logit, but this head has {names}"
            "; use PlainContest for it, which serves every model"
        )
    return linear


class _Opponents:
    """Cells on tasks, as opponents; what depends on them alone is computed once."""

    def __init__(self, model: AdditiveModel, cells: Tensor, tasks: Tensor) -> None:
        """Project the opponents.

        Args:
            model: the network.
            cells: ``m x 30`` one-hot cells.
            tasks: ``t x embedding_dim``.
        """
        as_a, as_b = model.project(cells)
        task = model.project_task(tasks)
        self._n_tasks = len(tasks)
        self._as_b = _Head(model.head, (as_b[:, None] + task).flatten(0, 1))
        self._as_a = _Head(model.head, (as_a[:, None] + task).flatten(0, 1)) if model.antisymmetric else None

    def lose_to(self, as_a: Tensor, as_b: Tensor, first: int = 0) -> Tensor:
        """Compute the probabilities that cells beat the opponents from ``first`` on.

        Args:
            as_a: ``n x w0``, the cells projected as A.
            as_b: ``n x w0``, the same cells projected as B.
            first: the number of an opponent.

        Returns:
            ``n x (m - first) x t``.
        """
        logits = self._as_b(as_a, first * self._n_tasks)
        if self._as_a is not None:
            logits -= self._as_a(as_b, first * self._n_tasks)
        return logits.sigmoid_().view(len(logits), -1, self._n_tasks)


class AdditiveContest:
    """The contest of an additive model."""

    def __init__(self, model: AdditiveModel, tasks: np.ndarray, opponents: np.ndarray) -> None:
        """Fix tasks and opponents.

        Args:
            model: its weights must not require gradients.
            tasks: ``t x embedding_dim``.
            opponents: ``m x 6`` codes.
        """
        self._model, self._opponents = model, encoded(opponents)
        self._groups = _groups_of(tasks, len(opponents))
        self._ready: tuple[int, Any] = (-1, None)

    def win_rates(self, cells: np.ndarray) -> np.ndarray:
        """Mean probability that each cell beats an opponent, on each task. Equal cells are compared once.

        Args:
            cells: ``n x 6`` codes.

        Returns:
            ``t x n`` float64 in [0, 1].
        """
        _, first, which = np.unique(cell_index(cells), return_index=True, return_inverse=True)
        blocks = _blocks_of(len(first), _CELLS)
        with _in_threads(len(first) * len(self._opponents) * sum(map(len, self._groups))) as in_threads:
            as_a, as_b = self._model.project(encoded(np.asarray(cells)[first]))
            rates = [
                np.concatenate(list(in_threads(_mean_wins_over(self._opponents_on(group), as_a, as_b), blocks)))
                for group in range(len(self._groups))
            ]
        return np.hstack(rates).T[:, which]

    def _opponents_on(self, group: int) -> _Opponents:
        """The opponents on a group of tasks. The last group is kept, because usually there is only one."""
        if self._ready[0] != group:
            self._ready = (group, _Opponents(self._model, self._opponents, self._groups[group]))
        return self._ready[1]


def win_rates_of_all(model: AdditiveModel, tasks: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Mean probability that each cell beats one of all cells, itself included, on each task.

    If swapping two cells negates the logit, each pair is compared once.

    Args:
        model: its weights must not require gradients.
        tasks: ``t x embedding_dim``.
        cells: ``n x 6`` codes.

    Returns:
        ``t x n`` float64 in [0, 1].
    """
    if not model.antisymmetric:
        return AdditiveContest(model, tasks, cells).win_rates(cells)
    one_hot_cells, n = encoded(cells), len(cells)
    # The blocks are small enough to leave pairs to save: inside a block, both orders of a pair are compared.
    blocks, wins = _blocks_of(n, min(_CELLS, -(-n // 4))), []
    with _in_threads(n * n * len(tasks)) as in_threads:
        as_a, as_b = model.project(one_hot_cells)
        for group in _groups_of(tasks, n):
            on_group = np.zeros((n, len(group)))
            all_cells = _Opponents(model, one_hot_cells, group)
            for block, wins_of_block, wins_of_later_cells in in_threads(
                _wins_in_and_behind(all_cells, as_a, as_b), blocks
            ):
                on_group[block] += wins_of_block
                on_group[block.stop :] += wins_of_later_cells
            wins.append(on_group)
    return np.hstack(wins).T / n


def _mean_wins_over(opponents: _Opponents, as_a: Tensor, as_b: Tensor) -> Callable[[slice], np.ndarray]:
    """A function from a block of cells to their win rates, ``n x t``."""
    return lambda block: opponents.lose_to(as_a[block], as_b[block]).mean(dim=1, dtype=torch.float64).numpy()


def _wins_in_and_behind(
    all_cells: _Opponents, as_a: Tensor, as_b: Tensor
) -> Callable[[slice], tuple[slice, np.ndarray, np.ndarray]]:
    """A function from a block of cells to the block and two sums of wins.

    The first sum counts the wins of the block over itself and all later cells, ``block x t``. The second counts the
    wins of the later cells over the block, ``later x t``.
    """

    def wins_of(block: slice) -> tuple[slice, np.ndarray, np.ndarray]:
        won = all_cells.lose_to(as_a[block], as_b[block], first=block.start)
        lost = 1 - won[:, len(won) :]
        return block, won.sum(dim=1, dtype=torch.float64).numpy(), lost.sum(dim=0, dtype=torch.float64).numpy()

    return wins_of


def _groups_of(tasks: np.ndarray, n_opponents: int) -> tuple[Tensor, ...]:
    """Groups of task embeddings, so small that the layers of all opponents on one group can be kept."""
    return embeddings_of(tasks).split(max(1, _KEPT // n_opponents))


def _blocks_of(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


@contextmanager
def _in_threads(n_comparisons: int) -> Iterator[Callable[[Callable[[slice], Any], list[slice]], Iterator[Any]]]:
    """A ``map``, in order, on as many threads as torch may use. Inside the context, each thread uses one core."""
    n_threads = min(torch.get_num_threads(), n_comparisons // _WORTH_A_THREAD)
    with single_threaded():
        if n_threads < 2:
            yield map
            return
        # A new thread adopts the setting only once it asks for it, and the product of a matrix and a vector never asks.
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool.map
