"""Runs the readers of run.py under atheris, a fuzzer that looks for input that takes a new path through the code.

This project does not require atheris, because it installs only on Linux and on some versions of Python:

    pip install atheris
    python -m experiments.bad_input.coverage_guided KIND -max_total_time=300    # and other options of libFuzzer

The fuzzer starts from inputs of run.py. At the first bug it stops and writes the input to ``crash-...`` in the folder
where it was started.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import atheris

with atheris.instrument_imports(include=["naslib_archlock", "yaml", "json", "csv"]):
    from experiments.bad_input.targets import TARGETS, outcome
    from naslib_archlock.spaces.known import SPACES

_SEEDS = 200  # the number of inputs to start from


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_SEPARATOR = "\x1e"
_NAMES = list(SPACES)

# Kind -> a function from bytes to an input of this kind, and the function back.
FORMS: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    "cell strings": (
        lambda raw: (_NAMES[raw[0] % len(_NAMES)] if raw else _NAMES[0], _text(raw[1:])),
        lambda given: bytes([_NAMES.index(given[0])]) + _bytes(given[1]),
    ),
    "overrides": (
        lambda raw: _text(raw).split(_SEPARATOR),
        lambda given: _bytes(_SEPARATOR.join(given)),
    ),
    "voters": (_text, _bytes),
    "layers": (_text, _bytes),
    **dict.fromkeys(
        (
            "config files", "tables", "packed tables", "zero-cost files", "ranker files", "embeddings", "studies",
            "results of studies",
        ),
        (bytes, bytes),
    ),
}  # fmt: skip


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in FORMS:
        sys.exit(f"{__doc__}\nKIND is one of: {', '.join(FORMS)}")
    name = sys.argv.pop(1)
    target, (from_bytes, to_bytes) = TARGETS[name], FORMS[name]

    def check(raw: bytes) -> None:
        found = outcome(target, from_bytes(raw))
        if found.verdict == "bug":
            raise RuntimeError(f"{found.what}: {found.message}")

    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for i in range(_SEEDS):
            (corpus / str(i)).write_bytes(to_bytes(target.draw(Random(i))))
        atheris.Setup(
            [sys.argv[0], "-timeout=60", "-rss_limit_mb=8000", "-max_len=4096", *sys.argv[1:], str(corpus)], check
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
