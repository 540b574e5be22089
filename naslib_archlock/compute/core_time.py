"""How long work is expected to take, in words."""

from __future__ import annotations


def core_time(seconds: float) -> str:
    """A time of one core in the unit that suits it, such as ``26 core minutes``; rounded, as it is an estimate."""
    for unit, length in (("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} core {unit}s"
    return f"{seconds:.0f} core seconds" if seconds >= 2 else "2 core seconds or less"
