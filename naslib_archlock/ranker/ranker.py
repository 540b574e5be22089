"""The binary ranker: which of two cells is better on a task (ArchLock, section 3.2), and rankings made from it.

A ranker is a trained network and what it was trained for. The network is of any kind (``model_kinds``); it gives one
logit for a pair of cells on a task, positive when the first cell ranks higher. In a departure from the paper, measured
in ``experiments/ranker_accuracy``, the score of a cell is its mean win probability (Borda) over opponents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from torch import Tensor

from ..errors import RankerError, UnknownNameError, shown
from ..proxies.votes import parse_proxies
from ..spaces.cells import as_cell
from ..spaces.known import SPACES
from ..spaces.space import SearchSpace
from ..store import weights
from ..store.files import write_bytes
from ..tasks.names import HiddenTasks, whole_task
from .model_kinds import build_model, model_class
from .pair_model import Contest, PairModel

EMBEDDINGS = ("proxies", "task2vec", "file")
_FORMAT = "naslib_archlock.ranker/3"
_FORMAT_2 = "naslib_archlock.ranker/2"  # it knew one kind, the MLP, whose settings stood among the other fields
_JSON_TYPES = {
    "family": str, "embedding": str, "embedding_dim": int, "model": str, "model_settings": dict, "tasks": list,
    "proxies": dict, "embedding_proxies": list, "reference_cells": list, "training": dict, "accuracy": dict,
    "versions": dict, "command": str, "embedding_made_by": dict,
}  # fmt: skip
_MOST_LEVELS = 50  # of the metadata; what is nested more deeply may be read, and then not written again
_CONTRADICTIONS = (
    LookupError,
    RankerError,
    TypeError,
    ValueError,
    RuntimeError,  # also a RecursionError
)  # the errors that impossible metadata or weights raise


@dataclass(frozen=True)
class RankerInfo:
    """What a ranker was trained for; stored with its weights.

    Attributes:
        family: the family of search spaces (``spaces``).
        embedding: ``proxies``, ``task2vec`` or ``file``.
        embedding_dim: the size of a task embedding.
        model: the kind of the network.
        model_settings: its settings, in JSON types; before training, the kind has a default for each that is not given.
        tasks: ``space/task`` of every training task.
        proxies: the weights of the voters.
        embedding_proxies: the proxies that the ``proxies`` embedding reads.
        reference_cells: the cells that it reads them on, 6 codes each.
        training: the training settings, with the seed.
        accuracy: pair accuracies, as training reported them.
        versions: versions of the libraries.
        command: the command that trained the ranker, if a command did.
        embedding_made_by: how the embeddings of the training tasks were made (``embedding_file``); empty if not known.
    """

    family: str
    embedding: str
    embedding_dim: int
    model: str
    model_settings: dict[str, Any]
    tasks: tuple[str, ...]
    proxies: dict[str, float]
    embedding_proxies: tuple[str, ...] = ()
    reference_cells: tuple[tuple[int, ...], ...] = ()
    training: dict[str, Any] = field(default_factory=dict)
    accuracy: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    command: str = ""
    embedding_made_by: dict[str, str] = field(default_factory=dict)


class Ranker:
    """A trained network and what it was trained for."""

    def __init__(self, model: PairModel, info: RankerInfo) -> None:
        """Take a trained network.

        Args:
            model: the network; it is switched to evaluation, and its weights no longer require gradients.
            info: what it was trained for; its kind and settings are filled in from the network.
        """
        self.model = model.eval().requires_grad_(False)
        self.info = replace(info, model=model.kind, model_settings=model.settings)

    def check_space(self, space: SearchSpace) -> None:
        """Check that the ranker can rank a search space.

        Raises:
            RankerError: if the ranker was trained for another family of search spaces, or on fewer ops.
        """
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

    def seen_among(self, hidden: HiddenTasks) -> list[str]:
        """The tasks that the ranker was trained on although they are hidden, by the names that the ranker has."""
        trained = dict.fromkeys(name.partition("/")[2] for name in self.info.tasks)
        return list(dict.fromkeys(whole_task(task) for task in trained if task in hidden))

    def check_unseen(self, hidden: HiddenTasks) -> None:
        """Check that the ranker has not seen tasks that must be unknown to it.

        Raises:
            RankerError: if the ranker was trained on a hidden task.
        """
        seen = self.seen_among(hidden)
        if seen:
            raise RankerError(
                f"this ranker was trained on {', '.join(seen)}, which the scheme must not have seen; train one with "
                f"archlock.leave_out {','.join(seen)}, or name other tasks in archlock.target"
            )

    def win_rates(self, cells: np.ndarray, tasks: np.ndarray, opponents: np.ndarray) -> np.ndarray:
        """Mean probability that each cell beats an opponent, on each task (its Borda score).

        Args:
            cells: ``n x 6`` codes.
            tasks: ``t x embedding_dim``.
            opponents: ``m x 6`` codes.

        Returns:
            ``t x n`` float64 in [0, 1].

        Raises:
            RankerError: if the embeddings do not have the size that the ranker was trained with.
        """
        return self.contest(tasks, opponents).win_rates(cells)

    def contest(self, tasks: np.ndarray, opponents: np.ndarray) -> Contest:
        """Fix tasks and opponents, to compare many cells with.

        Args:
            tasks: ``t x embedding_dim``.
            opponents: ``m x 6`` codes.

        Raises:
            RankerError: as ``win_rates``.
        """
        self._check_embeddings(tasks)
        return self.model.contest(tasks, opponents)

    def win_rates_of_all(self, cells: np.ndarray, tasks: np.ndarray) -> np.ndarray:
        """``win_rates(cells, tasks, cells)``; an antisymmetric MLP compares each pair only once.

        Args:
            cells: ``n x 6`` codes.
            tasks: ``t x embedding_dim``.

        Returns:
            ``t x n`` float64 in [0, 1].

        Raises:
            RankerError: as ``win_rates``.
        """
        self._check_embeddings(tasks)
        return self.model.win_rates_of_all(tasks, cells)

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
        """Read a file that ``save`` wrote, in this format or the one before.

        Raises:
            RankerError: if the file is missing, cut short, damaged, not safetensors, not a ranker of these formats, or
                of a kind that is not here.
        """
        file_format, text, tensors = _read(Path(path))
        try:
            info = _info_from_json(text, file_format)
        except _CONTRADICTIONS as err:
            raise _contradiction(path, err) from err
        try:
            model_class(info.model)
        except UnknownNameError as err:
            raise RankerError(
                f"ranker file {path} holds a model of a kind that is not here ({err}); add the file of that kind, or "
                "train a ranker of another kind with 'archlock train-ranker'"
            ) from err
        try:
            _check_weights(info, tensors)
            model = build_model(info.model, info.embedding_dim, info.model_settings, info.family)
            model.load_state_dict(tensors)
            model.check()
        except _CONTRADICTIONS as err:
            raise _contradiction(path, err) from err
        return cls(model, info)


def _read(path: Path) -> tuple[str, str, dict[str, Tensor]]:
    """The format of a ranker's file, its metadata as JSON, and its weights. Raises: RankerError."""
    try:
        for file_format in (_FORMAT, _FORMAT_2):
            metadata, tensors = weights.decode(path, file_format)
            if file_format in metadata:
                return file_format, metadata[file_format], tensors
    except (OSError, ValueError, safetensors.SafetensorError) as err:  # ValueError: DamagedError, a NUL in the name
        raise RankerError(
            f"ranker file {path} cannot be read ({err}); it must be a safetensors file that "
            "'archlock train-ranker' wrote"
        ) from err
    raise RankerError(
        f"{path} is a safetensors file, but not a ranker of format {_FORMAT!r} "
        f"(its metadata: {', '.join(metadata) or 'none'}); train one with 'archlock train-ranker'"
    )


def _contradiction(path: Path, err: Exception) -> RankerError:
    return RankerError(f"ranker file {path} contradicts itself ({err}); train it again")


def _info_from_json(text: str, file_format: str) -> RankerInfo:
    """What a ranker was trained for, from its metadata. Raises: ``_CONTRADICTIONS``: if ``save`` did not write them."""
    raw = json.loads(text)
    if _levels(raw) > _MOST_LEVELS:
        raise ValueError("its metadata is nested too deeply")
    if file_format == _FORMAT_2:
        raw["model"], raw["model_settings"] = "mlp", {key: raw.pop(key) for key in ("hidden", "antisymmetric")}
        raw["training"] = raw.pop("settings")
    raw = {"embedding_made_by": {}, **raw}  # rankers that were written before it was noted lack it
    for key, kind in _JSON_TYPES.items():
        if type(raw[key]) is not kind:
            raise TypeError(f"{key} must be of type {kind.__name__}, not {shown(raw[key])}")
    texts = (*raw["versions"].values(), *raw["embedding_made_by"].values())
    for name in (*raw["tasks"], *raw["embedding_proxies"], *texts):
        if not isinstance(name, str):
            raise TypeError(f"{shown(name)} must be text")
    for key in ("tasks", "embedding_proxies"):
        raw[key] = tuple(raw[key])
    raw["reference_cells"] = tuple(map(as_cell, raw["reference_cells"]))
    info = RankerInfo(**raw)
    if info.family not in {space.family for space in SPACES.values()}:
        raise ValueError(f"no search space is of the family {shown(info.family)}")
    if info.embedding not in EMBEDDINGS:
        raise ValueError(f"the embedding is {shown(info.embedding)}, not one of {', '.join(EMBEDDINGS)}")
    for proxy, weight in info.proxies.items():
        parse_proxies(f"{proxy}:{weight}")
    if info.embedding_dim < 1:
        raise ValueError(f"an embedding cannot have {shown(info.embedding_dim)} numbers")
    return info


def _levels(value: Any) -> int:
    """How deeply a JSON value is nested."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_levels, parts), default=0)


def _check_weights(info: RankerInfo, tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that are not as many as the settings say, or that comparisons cannot be made with.

    The weights are counted before the network is built, because a damaged file could ask for one that fills the memory.

    Raises:
        ``_CONTRADICTIONS``: if the weights are such, or a setting of the network is impossible.
    """
    with _without_memory():
        model = build_model(info.model, info.embedding_dim, info.model_settings, info.family)
    expected = model.state_dict()
    n_weights = sum(tensor.numel() for tensor in expected.values())
    n_found = sum(tensor.numel() for tensor in tensors.values())
    if n_found != n_weights:
        raise ValueError(f"it holds {n_found} weights, and its layers have {shown(n_weights)}")
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not (tensor.abs() <= model.largest_weight).all():  # not so for NaN either
            raise ValueError(f"{shown(name)} holds what is no number, or one that is too large")


def _without_memory() -> AbstractContextManager[Any]:
    """A context in which tensors have a shape and no memory. Torch before 2.0 has none, and builds the network."""
    return torch.device("meta") if torch.__version__ >= "2" else nullcontext()  # type: ignore[return-value]
