"""What the folder of a finished run holds, as the page of the run needs it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..audit.audit_results import by_role, chosen_attacks
from ..benchmarks.benchmark import Benchmark
from ..config.load import load_config
from ..config.sections import Config
from ..errors import ArchLockError, OutputError
from ..locking.inputs import measured_digests
from ..locking.prepare import open_benchmark
from ..locking.run_folder import CONFIG, RESULT, read_history, read_made, read_measured, read_result
from ..store.reading import UnreadableError, parse_json, read_regular
from ..tasks.names import is_image_folder

_AUDIT = "audit"  # the folder that ``archlock audit`` writes to, below the run's


@dataclass(frozen=True)
class Run:
    """What a run's folder holds.

    Attributes:
        folder: as the user named it.
        result: the content of ``result.json``.
        history: the text of ``history.csv``; empty in a folder that NASLib's runners wrote.
        made: of ``read_made``.
        benchmark: with the accuracies of all architectures; None where they are not known or not here.
        why_none: why there is no benchmark, in a sentence.
        attacked: the figures of an audit, of ``by_role``; None where the folder holds none.
    """

    folder: str
    config: Config
    result: Mapping[str, Any]
    history: str
    made: Mapping[str, str]
    benchmark: Benchmark | None
    why_none: str
    attacked: pd.DataFrame | None


def read_run(folder: Path) -> Run:
    """Read a finished run, and open the benchmark that it was made on.

    Raises:
        OutputError: if the run is not finished, or a file of it is missing or was changed.
        ConfigError: if its configuration cannot be read.
    """
    if not (folder / RESULT).is_file():
        raise OutputError(
            f"{folder} holds a run that is not finished: give its 'archlock search' command again, with --resume"
        )
    try:
        result = read_result(folder)
        history = read_history(folder) if (folder / "history.csv").exists() else ""
        made, measured = read_made(folder), read_measured(folder)
        attacked = _attacked(folder / _AUDIT)
    except UnreadableError as err:
        raise OutputError(f"{folder} cannot be reported: {err}") from err
    config = load_config(folder / CONFIG)
    benchmark, why_none = _benchmark(config, measured)
    return Run(str(folder), config, result, history, made, benchmark, why_none, attacked)


def _benchmark(config: Config, measured: Mapping[str, str]) -> tuple[Benchmark | None, str]:
    """The benchmark of a run, or None and the reason. A report trains nothing, so folders of images have none."""
    if is_image_folder(config.dataset):
        return None, "The points are the architectures that were trained; bars are 95% intervals, where they are known."
    missing = "Only the architectures found are drawn, because the accuracies of the others"
    try:
        benchmark = open_benchmark(config)
        is_same = not measured or measured == measured_digests(config, benchmark)
    except ArchLockError as err:
        return None, f"{missing} cannot be read here: {err}."
    return (benchmark, "") if is_same else (None, f"{missing} have changed since the run.")


def _attacked(folder: Path) -> pd.DataFrame | None:
    """The figures of an audit; None without one."""
    if not (folder / "audit.json").is_file():
        return None
    about = parse_json(read_regular(folder / "audit.json"))
    try:
        attacks = pd.read_csv(io.BytesIO(read_regular(folder / "attacks.csv")))
        return by_role(chosen_attacks(attacks), dict.fromkeys(about["targets"], about["cells"]))
    except (ValueError, LookupError, TypeError) as err:
        raise UnreadableError(f"its {_AUDIT} is damaged ({err}); give the 'archlock audit' command again") from err
