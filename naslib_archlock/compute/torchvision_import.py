"""Importing torchvision beside a torch that it was not built for."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def declare_torchvision_operators() -> None:
    """Let PyPI's CUDA build of torchvision be imported beside a CPU-only torch.

    Its compiled operators do not load there, and its import then fails on the missing schemas of ``nms`` and ``qnms``.
    NASLib uses datasets and transforms only, so declaring the schemas is enough.
    """
    import torch

    if "torchvision" in sys.modules:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError as err:
        if "torchvision::nms" not in str(err):
            raise
        for name in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEEP_ALIVE.append(library)
        importlib.import_module("torchvision")


_KEEP_ALIVE: list[Any] = []  # a torch Library's definitions are undone when it is collected
