"""Helpers that tests of several commands share: outcomes, and functions that replace others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

COMMAND = [sys.executable, "-m", "naslib_archlock"]


class Outcome(NamedTuple):
    """The result of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if not key.startswith("seconds")}


def train_again(*args: Any, **kwargs: Any) -> None:
    pytest.fail("trained again")


def interrupt(*args: Any, **kwargs: Any) -> None:
    raise KeyboardInterrupt
