"""What a search looks up, as curves in TensorBoard."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..tasks.names import task_name

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
def tensorboard_log(folder: Path, search: Search, source: str) -> Iterator[TensorBoardLog]:
    """Yield a log in ``folder``, which goes on with that of an earlier process. Args: as ``TensorBoardLog``."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        yield TensorBoardLog(writer, search, source)


class TensorBoardLog:
    """The curves of one search.

    ``source/TASK`` and ``target/TASK`` hold the validation accuracies in the order of the look-ups, ``best`` the
    highest source accuracy so far, and ``fitness`` what the search maximises. The step is the number of the look-up.
    """

    def __init__(self, writer: Any, search: Search, source: str) -> None:
        """Begin to listen.

        Args:
            writer: a ``SummaryWriter``.
            search: what it has looked up so far was written before.
            source: the name of the source.
        """
        self._writer, self._source = writer, source
        self._n_told, self._n_told_of_targets = len(search.history), len(search.target_look_ups)

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
        look_ups = search.target_look_ups
        for step, look_up in enumerate(look_ups[self._n_told_of_targets :], self._n_told_of_targets + 1):
            for task, accuracy in look_up.accuracies.items():
                self._writer.add_scalar(f"target/{task_name(task)}", accuracy, step)
        self._n_told_of_targets = len(look_ups)
        self._writer.flush()
