"""What a command prints: everything, one JSON object (``--json``), or its result line and errors (``--quiet``)."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

from ..errors import one_line

_RESULT: ContextVar[TextIO | None] = ContextVar("result", default=None)


def result_line(text: str) -> None:
    """Print the one line that a command prints even under ``--quiet``: what it made, and where that is."""
    print(text, file=_RESULT.get() or sys.stdout)


@contextmanager
def printed(as_json: bool, quietly: bool) -> Iterator[None]:
    """Lead what a command prints to where the options want it. Errors are printed after this, so they are seen.

    Args:
        as_json: stdout is kept for the JSON object, so prose goes to stderr.
        quietly: prose goes nowhere, and so does the result line if there is a JSON object in its place. Warnings are
            still seen.
    """
    with ExitStack() as stack:
        if quietly:
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            token = _RESULT.set(nowhere if as_json else sys.stdout)
            stack.callback(_RESULT.reset, token)
            stack.enter_context(redirect_stdout(nowhere))
        elif as_json:
            stack.enter_context(redirect_stdout(sys.stderr))
        yield


@contextmanager
def warnings_in_one_line(command: str) -> Iterator[None]:
    """Print a warning of this package as one line, without the line of code that raised it."""
    original = warnings.formatwarning

    def formatted(message: Any, category: Any, filename: str, *rest: Any, **named: Any) -> str:
        ours = category is UserWarning and Path(filename).is_relative_to(Path(__file__).parents[1])
        if ours:
            return f"archlock {command}: {one_line(str(message))}\n"
        return original(message, category, filename, *rest, **named)

    warnings.formatwarning = formatted
    try:
        yield
    finally:
        warnings.formatwarning = original
