"""Long work in parts: in parallel, with progress and the time left, and continued where it was interrupted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
from tqdm import tqdm

from .errors import OutputError
from .files import make_folder, write_text

_SETTINGS = "settings.json"


def compute_parts(
    function: Callable[..., Any],
    calls: Mapping[str, tuple[Any, ...]],
    folder: Path,
    settings: Mapping[str, Any],
    jobs: int,
    what: str,
) -> dict[str, Any]:
    """``function(*call)`` for each named call; what is already in ``folder`` is not computed again.

    A result is kept in ``NAME.json`` as soon as it is there. A part file that is cut short or is no JSON is computed
    again.

    Args: function: returns what JSON can hold; settings: what the results depend on beside the calls; jobs: processes
        at once; what: shown beside the bar.
    Returns: name -> result, in the order of ``calls``.
    Raises: OutputError: if the folder cannot be written, or holds parts that other settings made.
    """
    make_folder(folder)
    _check_settings(folder / _SETTINGS, settings)
    results = {name: _read(folder / f"{name}.json") for name in calls}
    missing = [name for name, result in results.items() if result is None]
    bar = tqdm(
        total=len(calls), initial=len(calls) - len(missing), desc=what, unit="part", disable=not sys.stderr.isatty()
    )
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    with bar:
        for name, result in parallel(joblib.delayed(_named)(name, function, calls[name]) for name in missing):
            write_text(folder / f"{name}.json", json.dumps(result))
            results[name] = json.loads(json.dumps(result))  # the same as when it is read back
            bar.update(1)
    return results


def _named(name: str, function: Callable[..., Any], call: tuple[Any, ...]) -> tuple[str, Any]:
    return name, function(*call)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None


def _check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    wanted = json.loads(json.dumps(settings))
    if not path.exists():
        write_text(path, json.dumps(settings, indent=1) + "\n")
    elif _read(path) != wanted:
        raise OutputError(
            f"{path.parent} holds parts of work with other settings ({path.name}); choose another folder, or remove it"
        )
