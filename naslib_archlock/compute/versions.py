"""Versions of the libraries that results depend on."""

from __future__ import annotations

import numpy as np
import torch

from .. import __version__


def library_versions() -> dict[str, str]:
    """Versions that a ranker's metadata records."""
    return {"naslib_archlock": __version__, "torch": str(torch.__version__), "numpy": np.__version__}
