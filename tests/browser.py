"""A real browser for the tests of HTML pages: an installed Chromium, driven by Playwright."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def brightness(screenshot: bytes) -> float:
    """The mean brightness of a picture that the browser took, from 0 (black) to 1 (white)."""
    import matplotlib.image

    return float(matplotlib.image.imread(io.BytesIO(screenshot), format="png")[..., :3].mean())


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser; skips the test if there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(f"no browser is here: none of {', '.join(_NAMES)} is on the path, and $CHROMIUM is not set")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium's sandbox refuses root
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(_QUIET), chromium_sandbox=not is_root)
        try:
            yield browser
        finally:
            browser.close()
