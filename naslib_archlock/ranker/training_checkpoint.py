"""The state of the training of a ranker in a file, so that a training that was killed goes on from there."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import safetensors
import torch
from torch import Tensor, nn

from ..store import weights
from ..store.checkpoint import Clock
from ..store.files import write_bytes
from ..store.sealed import DamagedError

_FORMAT = "naslib_archlock.training/1"
_MODEL = "model"  # prefix of the names of the weights; the tensors of the optimizer begin with a parameter's number


class TrainingCheckpoint:
    """A file of all that changes while a ranker is trained, except the schedule, which follows from the step.

    The file is safetensors: the weights and what the optimizer has learnt, and in its metadata the state of the random
    numbers, the number of steps, and a digest of the training that the state belongs to.
    """

    def __init__(self, path: Path, depends_on: Callable[[], str]) -> None:
        """Name the file; nothing is read or written yet.

        Args:
            path: the file.
            depends_on: computes a digest of all that the training depends on. It is only called when a checkpoint is
                read or written, because most trainings end before the first one is due.
        """
        self._path, self._depends_on = path, depends_on
        self._clock = Clock()

    def keep(self, n_done: int, model: nn.Module, optimizer: torch.optim.Optimizer, rng: np.random.Generator) -> None:
        """Write the state if the last one is old enough.

        Args:
            n_done: the number of steps made.
            model: the network in training.
            optimizer: its optimizer.
            rng: the generator that pairs are drawn from.

        Raises:
            OutputError: if the file cannot be written.
        """
        if not self._clock.is_due():
            return
        about = {"depends_on": self._depends_on(), "n_done": n_done, "rng": rng.bit_generator.state}
        write_bytes(self._path, weights.encode(_tensors_of(model, optimizer), _FORMAT, about))

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer, rng: np.random.Generator) -> int:
        """Put model, optimizer and generator into the state in the file, if there is one of the same training.

        A file that cannot be used causes a warning.

        Args:
            model: the network before its first step.
            optimizer: its optimizer.
            rng: the generator that pairs are drawn from.

        Returns:
            The number of steps made until then; 0 if training starts at the beginning.
        """
        try:
            metadata, tensors = weights.decode(self._path, _FORMAT)
        except FileNotFoundError:
            return 0
        except (OSError, safetensors.SafetensorError, DamagedError) as err:
            warnings.warn(f"checkpoint {self._path} cannot be used ({err}); training starts again", stacklevel=2)
            return 0
        about = json.loads(metadata.get(_FORMAT, "{}"))
        if about.get("depends_on") != self._depends_on():
            return 0  # the checkpoint belongs to another training
        _load(tensors, model, optimizer)
        rng.bit_generator.state = about["rng"]
        return int(about["n_done"])


def _tensors_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The weights, as ``model.NAME``, and the state of the optimizer, as ``PARAMETER.KEY``."""
    tensors = {f"{_MODEL}.{name}": tensor for name, tensor in model.state_dict().items()}
    for parameter, state in optimizer.state_dict()["state"].items():
        tensors.update({f"{parameter}.{key}": value for key, value in state.items()})
    return tensors


def _load(tensors: Mapping[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Give model and optimizer what ``_tensors_of`` took of them."""
    of_model: dict[str, Tensor] = {}
    of_optimizer: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        owner, _, key = name.partition(".")
        if owner == _MODEL:
            of_model[key] = tensor
        else:
            of_optimizer.setdefault(int(owner), {})[key] = tensor
    model.load_state_dict(of_model)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": of_optimizer})
