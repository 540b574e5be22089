"""Ctrl-C that comes at a moment when Python drops it."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SECONDS = 0.05


@contextmanager
def no_interrupt_lost() -> Iterator[None]:
    """In the block, raise a Ctrl-C again that Python could not raise.

    Python runs the handler of a signal wherever it is. Inside a destructor or a callback of the garbage collector, it
    prints the ``KeyboardInterrupt`` as an exception that is ignored, and the command would go on.
    """
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            # Here it would be dropped again. If the next moment is as bad, this hook is called once more.
            threading.Timer(_SECONDS, _interrupt).start()
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt() -> None:
    if hasattr(signal, "pthread_kill"):  # wakes the main thread, too, where it waits
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
