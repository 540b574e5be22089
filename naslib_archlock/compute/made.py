"""When, where and with what a result was made: what a reader of a report asks, and no result depends on."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from importlib import metadata

from .. import __version__

_LIBRARIES = ("numpy", "scipy", "torch")  # what results are computed with; torch only where a network is trained


def made_now() -> dict[str, str]:
    """The date, the machine and the versions of this process, as text by name, in the order in which it is shown."""
    versions = {name: installed_version(name) for name in _LIBRARIES}
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "Python": platform.python_version(),
        "archlock": __version__,
        **{name: version for name, version in versions.items() if version},
    }


def installed_version(library: str) -> str:
    """The installed version, without importing the library: torch alone takes a second. Empty without the library."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""
