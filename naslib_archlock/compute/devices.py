"""The device that torch computes on: the CPU, or a GPU where there is one."""

from __future__ import annotations

import re

from ..errors import ConfigError, shown

_KNOWN = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")


def check_device_name(name: str) -> None:
    """Raises: ConfigError: if this is no name of a device, whether or not it is here."""
    if not _KNOWN.fullmatch(name):
        raise ConfigError(f"archlock.device={shown(name)} must be auto, cpu, cuda, or cuda:N with the number of a GPU")


def find_device(name: str) -> str:
    """The name of a device for torch; ``auto`` is the first GPU, or the CPU where torch sees none.

    Raises: ConfigError: for a GPU that torch does not see.
    """
    import torch

    check_device_name(name)
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda:0" if n_gpus else "cpu"
    if name == "cpu":
        return name
    number = int(name.partition(":")[2] or 0)
    if number >= n_gpus:
        raise ConfigError(f"archlock.device={name}: torch sees {n_gpus} GPUs here; choose auto or cpu")
    return f"cuda:{number}"
