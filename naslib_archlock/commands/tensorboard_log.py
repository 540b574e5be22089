"""What a search looks up, as curves in TensorBoard."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..strategies.base import Search

FOLDER = "tensorboard"  # in the folder of a run


def check_tensorboard() -> None:
    """Raises: ConfigError: if TensorBoard is not installed."""
    try:
        importlib.import_module("torch.utils.tensorboard")
    except ImportError as err:
        raise ConfigError(
            f"--tensorboard needs TensorBoard ({err}): pip install 'naslib_archlock[tensorboard]', or leave it out"
        ) from err


@contextmanager
def tensorboard_log(folder: Path, search: Search, source: str, targets: Sequence[str]) -> Iterator[TensorBoardLog]:
    """Yield a log in ``folder``, which goes on with that of an earlier process. Args: as ``TensorBoardLog``."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        yield TensorBoardLog(writer, search, source, targets)


class TensorBoardLog:
    """The curves of one search.

    ``source/TASK`` and ``target/TASK`` hold the validation accuracies in the order of the look-ups, ``best`` the
    highest source accuracy so far, and ``fitness`` what the search maximises. The step is the number of the look-up.
    """

    def __init__(self, writer: Any, search: Search, source: str, targets: Sequence[str]) -> None:
        """Begin to listen.

        Args:
            writer: a ``SummaryWriter``.
            search: what it has looked up so far was written before.
            source, targets: names of tasks; the targets in the order of their accuracies in ``TargetOracle.known``.
        """
        self._writer, self._source, self._targets = writer, source, tuple(targets)
        self._n_told, self._n_told_of_targets = len(search.history), len(_known_of_targets(search))

    def told(self, search: Search) -> None:
        """Write what the search has looked up since the last call."""
        for step, evaluated in enumerate(search.history[self._n_told :], self._n_told + 1):
            if evaluated.source_val is not None:
                best = max(e.source_val for e in search.history[:step] if e.source_val is not None)
                self._writer.add_scalar(f"source/{self._source}", evaluated.source_val, step)
                self._writer.add_scalar(f"best/{self._source}", best, step)
            if math.isfinite(evaluated.fitness):
                self._writer.add_scalar("fitness", evaluated.fitness, step)
        self._n_told = len(search.history)
        for step, accuracies in enumerate(_known_of_targets(search)[self._n_told_of_targets :], 1):
            for task, accuracy in zip(self._targets, accuracies):
                self._writer.add_scalar(f"target/{task}", accuracy, self._n_told_of_targets + step)
        self._n_told_of_targets = len(_known_of_targets(search))
        self._writer.flush()


def _known_of_targets(search: Search) -> list[Sequence[float]]:
    """The accuracies that the search has looked up on the targets, in order."""
    targets = getattr(search, "targets", None)
    return list(targets.known.values()) if targets else []
