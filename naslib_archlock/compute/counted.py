"""The progress of long work, with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from tqdm import tqdm

from ..store.status_file import kept_status
from .messages import LOGGER, shows_bars

_SECONDS_BEFORE = 2.0  # shorter work shows nothing
_SECONDS_BETWEEN_LINES = 30.0
_SHARE_BETWEEN_LINES = 0.1  # of the work
_SECONDS_BETWEEN_NEWS = 0.5  # of a bar


class News(NamedTuple):
    """What is known beside the count.

    Attributes:
        text: for people; stands behind the count.
        keys: for ``status.json``, in JSON types.
    """

    text: str = ""
    keys: Mapping[str, Any] = MappingProxyType({})


class Counted:
    """Work that is counted. It is shown as a bar on a terminal, and else as lines of the package's logger.

    The lines are rare: one after two seconds, one whenever a further tenth and a further half a minute are over, and
    one at the end. ``status.json`` is written, too, if the command keeps one.

    Attributes:
        n: how many are done.
        total: how many there will be, at most.
    """

    def __init__(self, total: int, initial: int, what: str, unit: str, news: Callable[[], News], leave: bool) -> None:
        """Begin to count; see ``counted``."""
        self.n, self.total, self._initial, self._what, self._unit = initial, total, initial, what, unit
        self._news = news
        self._start = self._news_at = time.monotonic()
        self._last_line: tuple[float, int] | None = None
        self._bar = tqdm(
            total=total, initial=initial, desc=what, unit=unit, leave=leave, disable=not shows_bars(),
            delay=_SECONDS_BEFORE,
        )  # fmt: skip

    def __call__(self) -> None:
        """Count one more."""
        self.count_to(self.n + 1)

    def count_to(self, n: int) -> None:
        """Count up to ``n``."""
        more, self.n = n - self.n, n
        now = time.monotonic()
        status = kept_status()
        if status is not None and status.is_due:
            status.tell(**self._keys(now))
        if not self._bar.disable:
            if now - self._news_at >= _SECONDS_BETWEEN_NEWS:
                self._bar.set_postfix_str(self._news().text, refresh=False)
                self._news_at = now
            self._bar.update(more)
        elif self._is_line_due(now):
            self._say(now)

    def rename(self, what: str) -> None:
        """Say from now on that something else is done."""
        self._what = what
        self._bar.set_description(what, refresh=False)

    def close(self, is_over: bool) -> None:
        """Show the last state. Args: is_over: whether the work came to its end."""
        status, now = kept_status(), time.monotonic()
        if status is not None:
            status.note(**self._keys(now))
        if not self._bar.disable:
            self._bar.set_postfix_str(self._news().text, refresh=False)
        self._bar.close()
        if is_over and self._last_line and self._last_line[1] != self.n:
            self._say(now)

    def _keys(self, now: float) -> dict[str, Any]:
        """What ``status.json`` says of the progress."""
        left = self._seconds_left(now)
        seconds_left = None if left is None else round(left)
        about = {"done": self.n, "total": self.total, "unit": self._unit, "seconds_left": seconds_left}
        return {**about, **self._news().keys}

    def _seconds_left(self, now: float) -> float | None:
        """The time that is left if the rest goes as fast as what was done now; None before anything was done."""
        n_now = self.n - self._initial
        return (now - self._start) / n_now * max(self.total - self.n, 0) if n_now > 0 else None

    def _is_line_due(self, now: float) -> bool:
        if self._last_line is None:
            return now - self._start >= _SECONDS_BEFORE
        at, n = self._last_line
        return now - at >= _SECONDS_BETWEEN_LINES and self.n - n >= _SHARE_BETWEEN_LINES * self.total

    def _say(self, now: float) -> None:
        left, interval, news = self._seconds_left(now), tqdm.format_interval, self._news().text
        line = f"{self._what}: {self.n} of {self.total} {self._unit}s after {interval(now - self._start)}"
        if left and self.n < self.total:
            line += f", {interval(left)} left"
        LOGGER.info("%s; %s" if news else "%s%s", line, news)
        self._last_line = now, self.n


@contextmanager
def counted(
    total: int, initial: int, what: str, unit: str, news: Callable[[], News] = News, leave: bool = True
) -> Iterator[Counted]:
    """Yield a function that counts one more, and shows it: a bar on a terminal, else a line now and then, on stderr.

    Args:
        total: how many there will be, at most.
        initial: how many of them were there before.
        what: what is being done, shown first.
        unit: what is counted.
        news: what else to show; called only when something is shown.
        leave: whether a bar stays on the terminal when the work is over.
    """
    count, is_over = Counted(total, initial, what, unit, news, leave), False
    try:
        yield count
        is_over = True
    finally:
        count.close(is_over)
