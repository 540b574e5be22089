"""The baselines: each does the same work in the way of another project. README.md names that project."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, Dataset

from naslib_archlock.ranker.pair_model import PairModel
from naslib_archlock.ranker.training import TrainingTask
from naslib_archlock.spaces.cells import Cell, one_hot
from naslib_archlock.spaces.space import SearchSpace

# -- win rates of cells against one another ----------------------------------------------------------------------------


@torch.no_grad()
def one_pair_at_a_time(model: PairModel, cells: np.ndarray, tasks: np.ndarray) -> np.ndarray:
    """Win rates of ``n`` cells against one another on ``t`` tasks, ``t x n``: one forward pass per pair and task."""
    archs, vectors = _tensors(cells, tasks)
    logits = [
        [model(archs[i, None], archs[j, None], vector[None]).item() for i, j in _pairs(len(cells))]
        for vector in vectors
    ]
    return _win_rates(torch.tensor(logits), len(cells))


@torch.no_grad()
def one_batch(model: PairModel, cells: np.ndarray, tasks: np.ndarray) -> np.ndarray:
    """The same win rates with a single forward pass over all pairs and tasks."""
    archs, vectors = _tensors(cells, tasks)
    a, b = torch.tensor(_pairs(len(cells))).T.repeat(1, len(tasks))
    task = torch.arange(len(tasks)).repeat_interleave(len(a) // len(tasks))
    return _win_rates(model(archs[a], archs[b], vectors[task]).reshape(len(tasks), -1), len(cells))


def _pairs(n: int) -> list[tuple[int, int]]:
    """Each pair once, because the network is antisymmetric: one logit decides both orders."""
    return list(itertools.combinations(range(n), 2))


def _win_rates(logits: Tensor, n: int) -> np.ndarray:
    """``t x n`` mean win probabilities from ``t x pairs`` logits; a cell ties with itself."""
    first, second = np.array(_pairs(n)).T
    wins = np.full((len(logits), n, n), 0.5)
    wins[:, first, second] = torch.sigmoid(logits).numpy()
    wins[:, second, first] = 1.0 - wins[:, first, second]
    rates: np.ndarray = wins.mean(axis=2)
    return rates


@torch.no_grad()
def unfactored_win_rates(
    model: PairModel, cells: np.ndarray, tasks: np.ndarray, opponents: np.ndarray, block: int = 8192
) -> np.ndarray:
    """The win rates of ``Ranker.win_rates``, computed with whole forward passes on blocks of pairs."""
    archs, vectors = _tensors(cells, tasks)
    others = torch.from_numpy(one_hot(opponents))
    rows = torch.cartesian_prod(torch.arange(len(cells)), torch.arange(len(opponents))).split(block)
    rates = []
    for vector in vectors:
        logits = [model(archs[r[:, 0]], others[r[:, 1]], vector.expand(len(r), -1)) for r in rows]
        rates.append(torch.sigmoid(torch.cat(logits)).reshape(len(cells), -1).mean(dim=1).numpy())
    return np.stack(rates)


def _tensors(cells: np.ndarray, tasks: np.ndarray) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(one_hot(cells)), torch.from_numpy(tasks.astype(np.float32))


# -- the multiply-add rate of a plain product --------------------------------------------------------------------------


class PlainProduct:
    """Products of a ``rows x w0`` matrix with ``w0 x w1``, ``w1 x w2``, ..., in blocks of rows, without new memory."""

    BLOCKS = (512, 2048, 8192, 32768)

    def __init__(self, widths: Sequence[int], rows: int) -> None:
        """Choose the fastest block size of ``BLOCKS``, and round ``rows`` up to whole blocks."""
        generator = torch.Generator().manual_seed(0)
        self._weights = [
            torch.randn(n_in, n_out, generator=generator) / n_in**0.5 for n_in, n_out in zip(widths, widths[1:])
        ]
        self._inputs = torch.randn(max(self.BLOCKS), widths[0], generator=generator)
        self.block = min(self.BLOCKS, key=self._seconds_a_row)
        self._set_block(self.block)
        self.rows = -(-rows // self.block) * self.block

    def __call__(self) -> None:
        self._multiply(self.rows)

    def _set_block(self, block: int) -> None:
        self.block = block
        self._outputs = [torch.empty(block, weight.shape[1]) for weight in self._weights]

    def _multiply(self, rows: int) -> None:
        for _ in range(0, rows, self.block):
            x = self._inputs[: self.block]
            for weight, output in zip(self._weights, self._outputs):
                x = torch.mm(x, weight, out=output)

    def _seconds_a_row(self, block: int) -> float:
        self._set_block(block)
        rows = 4 * max(self.BLOCKS)
        seconds = []
        for _ in range(4):
            start = time.perf_counter()
            self._multiply(rows)
            seconds.append(time.perf_counter() - start)
        return min(seconds)


# -- the released search script ----------------------------------------------------------------------------------------


class NaslibGraphs:
    """Architectures in NASLib's form: each one is a clone of a whole graph."""

    def __init__(self, search_space: Any, task: str, dataset_api: Any) -> None:
        from naslib.search_spaces.core.query_metrics import Metric

        self._template, self._task, self._dataset_api = search_space, task, dataset_api
        self._metric = Metric.VAL_ACCURACY
        self._parent = self._drawn()

    def draw(self) -> float:
        """Query the source accuracy of a random architecture."""
        return self._query(self._drawn())

    def mutate(self) -> float:
        """Query the source accuracy of a mutant; the parent is always the same architecture."""
        graph = self._template.clone()
        graph.mutate(self._parent, dataset_api=self._dataset_api)
        return self._query(graph)

    def _drawn(self) -> Any:
        graph = self._template.clone()
        graph.sample_random_architecture(dataset_api=self._dataset_api)
        return graph

    def _query(self, graph: Any) -> float:
        return float(graph.query(self._metric, self._task, dataset_api=self._dataset_api))


class ReleasedScript:
    """The computations of the paper's search script once its population and history are full.

    To draw a member of the population, the script clones a graph in each attempt to meet the source constraint. A
    later step makes a child. For each embedding, it compares every pair of the population and every pair of history and
    child, one pair at a time in a tensor made from lists. It counts ranks from the wins.
    """

    POPULATION, HISTORY, STEPS, TARGETS, TRADE_OFF = 10, 30, 40, 15, 2.0
    CLONES_A_MEMBER = 139  # graph clones until one met the source constraint, on average
    CLONES_A_CHILD = 4  # they take 0.3 to 0.5 s

    def __init__(self, model: PairModel, embeddings: np.ndarray, space: SearchSpace, rng: np.random.Generator) -> None:
        """Start with a history of random architectures, and a population of the latest ones.

        Args:
            model: the ranker's network.
            embeddings: ``1 + targets x dim``, the source first.
            space: the search space.
            rng: the random generator.
        """
        self._model, self._space, self._rng = model, space, rng
        self._embeddings = embeddings.tolist()
        self.history: deque[Cell] = deque(space.sample(self.HISTORY, rng), maxlen=self.HISTORY)
        self.population: deque[Cell] = deque(list(self.history)[-self.POPULATION :], maxlen=self.POPULATION)

    def fill(self, graphs: NaslibGraphs) -> None:
        """Draw one member of the population, without comparisons."""
        for _ in range(self.CLONES_A_MEMBER):
            graphs.draw()

    def step(self, graphs: NaslibGraphs | None = None) -> float:
        """Make a child, and return its fitness among history and child."""
        parent = list(self.population)[int(np.argmax(self.fitness(list(self.population))))]
        child = self._space.mutate(parent, self._rng)
        if graphs is not None:
            for _ in range(self.CLONES_A_CHILD):
                graphs.mutate()
        fitness = self.fitness([*self.history, child])[-1]
        self.population.append(child)
        self.history.append(child)
        return float(fitness)

    @torch.no_grad()
    def fitness(self, cells: Sequence[Cell]) -> np.ndarray:
        """``rank_T - trade_off * rank_S`` of each cell; ranks count only ``cells``."""
        archs = one_hot(cells).tolist()
        n = len(archs[0])
        wins = np.zeros((len(self._embeddings), len(cells)))
        for t, embedding in enumerate(self._embeddings):
            for i, j in itertools.combinations(range(len(cells)), 2):
                x = torch.tensor([archs[i] + archs[j] + embedding])
                logit = self._model(x[:, :n], x[:, n : 2 * n], x[:, 2 * n :]).item()
                wins[t, i if logit > 0 else j] += 1
        ranks = len(cells) - wins
        fitness: np.ndarray = ranks[1:].mean(axis=0) - self.TRADE_OFF * ranks[0]
        return fitness


# -- training with a data loader ---------------------------------------------------------------------------------------


class PairDataset(Dataset):  # type: ignore[type-arg]
    """Random pairs of cells on random tasks, one pair per item, labelled by the majority of the proxies' votes."""

    def __init__(self, tasks: Sequence[TrainingTask], n_items: int) -> None:
        self._tasks, self._n_items = tasks, n_items
        self._archs = [one_hot(task.cells) for task in tasks]
        self._ranks = [task.votes.ranks.tolist() for task in tasks]
        self._rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return self._n_items

    def __getitem__(self, item: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.float32]:
        if item >= self._n_items:
            raise IndexError(item)
        t = int(self._rng.integers(len(self._tasks)))
        a, b = self._rng.integers(len(self._archs[t]), size=2)
        votes = 0
        for ranks in self._ranks[t]:
            votes += (ranks[a] > ranks[b]) - (ranks[a] < ranks[b])
        label = np.float32(0.5 if votes == 0 else votes > 0)
        return self._archs[t][a], self._archs[t][b], self._tasks[t].embedding.astype(np.float32), label


def train_with_data_loader(model: nn.Module, tasks: Sequence[TrainingTask], n_steps: int, batch_size: int) -> nn.Module:
    """Train with Adam for ``n_steps``, on pairs that a DataLoader collects."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for a, b, task, label in DataLoader(PairDataset(tasks, n_steps * batch_size), batch_size=batch_size):
        loss = binary_cross_entropy_with_logits(model(a, b, task), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


# -- NASLib's own functions --------------------------------------------------------------------------------------------


def naslib_zero_cost(op_indices: Sequence[int], loader: Any, proxies: Sequence[str]) -> dict[str, float]:
    """Score a nasbench201 network with ``ZeroCost``, one proxy after the other, and build a new network for each."""
    from naslib.predictors import ZeroCost
    from naslib.search_spaces import NasBench201SearchSpace

    scores = {}
    for proxy in proxies:
        network = NasBench201SearchSpace()
        network.set_op_indices(list(op_indices))
        network.parse()
        scores[proxy] = float(ZeroCost(method_type=proxy).query(network, dataloader=loader))
    return scores


def naslib_accuracies(get_dataset_api: Callable[[], Any], search_space: Any, task: str) -> list[float]:
    """Load a benchmark file of NASLib and query the validation accuracy of every architecture."""
    from naslib.search_spaces.core.query_metrics import Metric

    dataset_api = get_dataset_api()
    search_space.instantiate_model = False
    accuracies = []
    for op_indices in search_space.get_arch_iterator(dataset_api):
        search_space.set_op_indices(list(op_indices))
        accuracies.append(search_space.query(Metric.VAL_ACCURACY, task, dataset_api=dataset_api))
    return accuracies
