"""The binary ranker: which of two cells is better on a task (ArchLock, section 3.2), and rankings made from it.

An MLP reads [cell A, cell B, task embedding] and gives one logit, positive when A ranks higher. Departures from the
paper, both measured in ``experiments/ranker_accuracy``: the logit is antisymmetric by construction (swapping A and B
negates it) unless ``antisymmetric`` is off, and a cell's score is its mean win probability (Borda) over opponents.

How many comparisons are made at once is in ``comparisons``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..errors import RankerError, shown
from ..proxies.votes import parse_proxies
from ..spaces.cells import ENCODING_DIM, as_cell
from ..spaces.known import SPACES
from ..spaces.space import SearchSpace
from ..store import weights
from ..store.files import write_bytes
from ..tasks.names import whole_task
from .comparisons import Contest, win_rates_of_all
from .train_settings import parse_widths

EMBEDDINGS = ("proxies", "task2vec", "file")
_FORMAT = "naslib_archlock.ranker/2"
_JSON_TYPES = {
    "family": str, "embedding": str, "embedding_dim": int, "hidden": list, "antisymmetric": bool, "tasks": list,
    "proxies": dict, "embedding_proxies": list, "reference_cells": list, "settings": dict, "accuracy": dict,
    "versions": dict, "command": str,
}  # fmt: skip
_LARGEST_WEIGHT = 1e4  # far more than training makes; layers of such weights do not overflow
# Embeddings are brought to this length: at 1 they hardly weigh against the cells, at 10 the ranker learns the training
# tasks by heart (pair accuracy on left-out tasks 0.954 at 3, 0.941 at 10).
_EMBEDDING_LENGTH = 3.0


class PairMLP(nn.Module):
    """The network: ``hidden`` layers with ReLU over the concatenation of two cells and a task, and one logit."""

    def __init__(self, embedding_dim: int, hidden: tuple[int, ...], antisymmetric: bool) -> None:
        super().__init__()
        self.antisymmetric = antisymmetric
        self.as_a = nn.Linear(ENCODING_DIM, hidden[0], bias=False)
        self.as_b = nn.Linear(ENCODING_DIM, hidden[0], bias=False)
        self.as_task = nn.Linear(embedding_dim, hidden[0])
        layers: list[nn.Module] = []
        for width_in, width_out in zip(hidden, (*hidden[1:], 1)):
            layers += [nn.ReLU(), nn.Linear(width_in, width_out)]
        self.head = nn.Sequential(*layers)

    def forward(self, arch_a: Tensor, arch_b: Tensor, task: Tensor) -> Tensor:
        """Score how strongly ``arch_a`` outranks ``arch_b``.

        Args: arch_a, arch_b: ``batch x 30`` one-hot cells; task: ``batch x embedding_dim``.
        Returns: ``batch`` logits; above 0 means that ``arch_a`` wins.
        """
        return self.compare(self.project(arch_a), self.project(arch_b), self.project_task(task))

    def project(self, archs: Tensor) -> tuple[Tensor, Tensor]:
        """First-layer contributions of ``n x 30`` cells as A and as B, ``n x width`` each."""
        return self.as_a(archs), self.as_b(archs)

    def project_task(self, tasks: Tensor) -> Tensor:
        """First-layer contributions of ``t x embedding_dim`` embeddings, whose length does not matter."""
        return self.as_task(_EMBEDDING_LENGTH * normalize(tasks, dim=-1))

    def compare(self, a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor], task: Tensor) -> Tensor:
        """``forward`` from projected cells and tasks whose leading dimensions broadcast."""
        logit = self.head(a[0] + b[1] + task)
        if self.antisymmetric:
            logit = logit - self.head(b[0] + a[1] + task)
        return logit.squeeze(-1)


@dataclass(frozen=True)
class RankerInfo:
    """What a ranker was trained for; stored with its weights.

    Attributes: family: of the search spaces (``spaces``); embedding: ``proxies``, ``task2vec`` or ``file``;
        embedding_dim: numbers in a task embedding; reference_cells, embedding_proxies: what the ``proxies`` embedding
        reads; proxies: the voters' weights; tasks: ``space/task`` of every training task; settings, accuracy: as
        training reported them; command: the one that made it, where it was one.
    """

    family: str
    embedding: str
    embedding_dim: int
    hidden: tuple[int, ...]
    antisymmetric: bool
    tasks: tuple[str, ...]
    proxies: dict[str, float]
    embedding_proxies: tuple[str, ...] = ()
    reference_cells: tuple[tuple[int, ...], ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    accuracy: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    command: str = ""


class Ranker:
    """A trained ``PairMLP`` and what it was trained for."""

    def __init__(self, model: PairMLP, info: RankerInfo) -> None:
        self.model, self.info = model.eval().requires_grad_(False), info

    def check_space(self, space: SearchSpace) -> None:
        """Raises: RankerError: if the ranker was trained for another family of search spaces, or on fewer ops."""
        trained_on = f"(trained on {', '.join(self.info.tasks)})"
        if space.family != self.info.family:
            raise RankerError(
                f"this ranker ranks {self.info.family} architectures {trained_on} and "
                f"cannot rank {space.name}, a {space.family} space; train one with 'archlock train-ranker'"
            )
        spaces = [SPACES[name] for name in {task.split("/")[0] for task in self.info.tasks} if name in SPACES]
        if spaces and space.n_codes > max(known.n_codes for known in spaces):
            raise RankerError(
                f"this ranker {trained_on} has never seen all ops of {space.name}, such as pooling; choose "
                f"search_space {spaces[0].name}, or train one with 'archlock train-ranker' on scores of {space.name}"
            )

    def seen_among(self, tasks: Sequence[str]) -> list[str]:
        """Those of ``tasks`` that the ranker was trained on, or on a part of whose classes it was."""
        trained = [whole_task(name.partition("/")[2]) for name in self.info.tasks]
        return [task for task in tasks if task in trained]

    def check_unseen(self, tasks: Sequence[str]) -> None:
        """Raises: RankerError: if the ranker was trained on one of ``tasks``, which must be unknown to it."""
        seen = self.seen_among(tasks)
        if seen:
            raise RankerError(
                f"this ranker was trained on {', '.join(seen)}, which the scheme must not have seen; train one with "
                f"archlock.leave_out {','.join(seen)}, or name other tasks in archlock.target"
            )

    def win_rates(self, cells: np.ndarray, tasks: np.ndarray, opponents: np.ndarray) -> np.ndarray:
        """Mean probability of each cell to beat an opponent, on each task (its Borda score).

        Args: cells: ``n x 6`` codes; tasks: ``t x embedding_dim``; opponents: ``m x 6`` codes.
        Returns: ``t x n`` float64 in [0, 1].
        Raises: RankerError: if the embeddings do not have the size that the ranker was trained with.
        """
        return self.contest(tasks, opponents).win_rates(cells)

    def contest(self, tasks: np.ndarray, opponents: np.ndarray) -> Contest:
        """Tasks and opponents to compare many cells on. Args, Raises: as of ``win_rates``."""
        self._check_embeddings(tasks)
        return Contest(self.model, tasks, opponents)

    def win_rates_of_all(self, cells: np.ndarray, tasks: np.ndarray) -> np.ndarray:
        """``win_rates(cells, tasks, cells)``, with each pair compared only once if the ranker is antisymmetric."""
        self._check_embeddings(tasks)
        return win_rates_of_all(self.model, tasks, cells)

    def _check_embeddings(self, tasks: np.ndarray) -> None:
        if tasks.ndim != 2 or tasks.shape[1] != self.info.embedding_dim:
            raise RankerError(
                f"a task embedding has {tasks.shape[-1]} numbers, but this ranker was trained with "
                f"{self.info.embedding_dim} ({self.info.embedding})"
            )

    def save(self, path: Path) -> None:
        """Write ``to_bytes()``. Raises: OutputError."""
        write_bytes(Path(path), self.to_bytes())

    def to_bytes(self) -> bytes:
        """Weights and metadata as one safetensors file."""
        return weights.encode(self.model.state_dict(), _FORMAT, asdict(self.info))

    @classmethod
    def load(cls, path: Path) -> Ranker:
        """Read a file that ``save`` wrote.

        Raises: RankerError: if it is missing, cut short, damaged, not safetensors, or not a ranker of this format.
        """
        try:
            metadata, tensors = weights.decode(path, _FORMAT)
        except (OSError, ValueError, safetensors.SafetensorError) as err:  # ValueError: DamagedError, a NUL in the name
            raise RankerError(
                f"ranker file {path} cannot be read ({err}); it must be a safetensors file that "
                "'archlock train-ranker' wrote"
            ) from err
        if _FORMAT not in metadata:
            raise RankerError(
                f"{path} is a safetensors file, but not a ranker of format {_FORMAT!r} "
                f"(its metadata: {', '.join(metadata) or 'none'}); train one with 'archlock train-ranker'"
            )
        try:
            info = _info_from_json(metadata[_FORMAT])
            _check_weights(info, tensors)
            model = PairMLP(info.embedding_dim, info.hidden, info.antisymmetric)
            model.load_state_dict(tensors)
        except (LookupError, TypeError, ValueError, RuntimeError) as err:
            raise RankerError(f"ranker file {path} contradicts itself ({err}); train it again") from err
        return cls(model, info)


def _info_from_json(text: str) -> RankerInfo:
    """Raises: LookupError, TypeError, ValueError, RuntimeError: if it is not what ``save`` writes."""
    raw = json.loads(text)
    for key, kind in _JSON_TYPES.items():
        if type(raw[key]) is not kind:
            raise TypeError(f"{key} must be of type {kind.__name__}, not {shown(raw[key])}")
    for name in (*raw["tasks"], *raw["embedding_proxies"], *raw["versions"].values()):
        if not isinstance(name, str):
            raise TypeError(f"{shown(name)} must be text")
    for key in ("hidden", "tasks", "embedding_proxies"):
        raw[key] = tuple(raw[key])
    raw["reference_cells"] = tuple(map(as_cell, raw["reference_cells"]))
    info = RankerInfo(**raw)
    if info.family not in {space.family for space in SPACES.values()}:
        raise ValueError(f"no search space is of the family {shown(info.family)}")
    if info.embedding not in EMBEDDINGS:
        raise ValueError(f"the embedding is {shown(info.embedding)}, not one of {', '.join(EMBEDDINGS)}")
    parse_widths("hidden", ",".join(map(str, info.hidden)))
    for proxy, weight in info.proxies.items():
        parse_proxies(f"{proxy}:{weight}")
    if info.embedding_dim < 1:
        raise ValueError(f"an embedding cannot have {shown(info.embedding_dim)} numbers")
    return info


def _check_weights(info: RankerInfo, tensors: Mapping[str, Tensor]) -> None:
    """Raises: ValueError: if they are not as many as ``info`` says, so that a network of that size must not be made, or
    not numbers that comparisons can be made with.
    """
    n_weights = info.hidden[0] * (2 * ENCODING_DIM + info.embedding_dim + 1)
    n_weights += sum((width + 1) * following for width, following in zip(info.hidden, (*info.hidden[1:], 1)))
    n_found = sum(tensor.numel() for tensor in tensors.values())
    if n_found != n_weights:
        raise ValueError(f"it holds {n_found} weights, and its layers have {shown(n_weights)}")
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not (tensor.abs() <= _LARGEST_WEIGHT).all():  # not so for NaN either
            raise ValueError(f"{shown(name)} holds what is no number, or one that is too large")
