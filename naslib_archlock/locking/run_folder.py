"""The output folder of a run: what is in it, which run it belongs to, and how an interrupted run is resumed."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..benchmarks.benchmark import Benchmark
from ..compute.made import made_now
from ..config.sections import Config
from ..errors import OutputError, RankerError
from ..store import checkpoint, sealed
from ..store.digests import digest
from ..store.files import make_folder, remove_file, write_bytes, write_text
from ..store.locks import alone_in
from ..store.reading import UnreadableError, parse_json, parse_yaml, read_regular, read_yaml
from ..store.status_file import STATUS
from ..strategies.base import Search
from .inputs import input_digests, measured_digests

if TYPE_CHECKING:
    from ..ranker.ranker import Ranker


RESULT, _TIMINGS, CONFIG, _SEAL = "result.json", "timings.json", "config.yaml", "run.json"
_HISTORY = "history.csv"
_STATE, _RANKER = "state.json", "ranker.safetensors"


@contextmanager
def open_run_folder(
    config: Config, benchmark: Benchmark, resume: bool | None, overwrite: bool = False
) -> Iterator[RunFolder]:
    """Give a run its folder, and lock it until the run ends.

    The folder is ``config.save``. If that holds a run with another configuration, the run gets a folder below it, whose
    name is a digest of the keys that differ from the defaults. A run that has a ``run_name`` is not moved.

    Args:
        config: the configuration of the run.
        benchmark: the benchmark that the configuration names.
        resume: whether an earlier run is continued; None if it is, where there is one.
        overwrite: whether a run with another configuration may be replaced.

    Raises:
        OutputError: if the folder cannot be written, another process writes in it, it holds a run that may not be
            replaced, or it holds no run to resume.
    """
    if resume and not config.save.exists():
        raise OutputError(f"{config.save} holds no run to resume; run without --resume")
    inputs = input_digests(config, benchmark)
    with alone_in(config.save, "choose another out_dir or run_name"):
        folder = config.save
        others = folder / f"run-{config.difference_digest()[:8]}"
        may_move = not config.run_name and not is_same_run(config, folder)
        if may_move and (is_same_run(config, others) or (holds_run(folder) and not overwrite and not resume)):
            folder = others
        yield RunFolder(folder, config, benchmark, inputs, resume, overwrite)


def is_same_run(config: Config, folder: Path) -> bool:
    """Whether a folder holds a run with this configuration."""
    try:
        return bool(read_yaml(folder / CONFIG) == parse_yaml(config.to_yaml()))
    except UnreadableError:
        return False


def holds_run(folder: Path) -> bool:
    """Whether a folder holds anything of a run that would be lost if another run replaced it."""
    paths = [folder / name for name in (RESULT, _STATE, _RANKER)]
    return any(path.exists() for path in (*paths, checkpoint.beside(folder / _RANKER)))


def read_result(folder: Path) -> dict[str, Any]:
    """The result of a run as the run wrote it. A folder that NASLib's runners wrote has no digest to compare it with.

    Raises:
        UnreadableError: if the file is missing, or was changed after the run.
    """
    result: dict[str, Any] = parse_json(_read_sealed(folder, RESULT, "result"))
    return result


def read_history(folder: Path) -> str:
    """The history of a run (``locking.history``) as the run wrote it.

    Raises:
        UnreadableError: if the file is missing, or was changed after the run.
    """
    return _read_sealed(folder, _HISTORY, "history").decode("utf-8")


def read_made(folder: Path) -> dict[str, str]:
    """When, where and with what a run was made (``compute.made``); {} in a folder that NASLib's runners wrote.

    Raises:
        UnreadableError: if the file is missing, or was changed after the run.
    """
    made: dict[str, str] = _timings(folder).get("made", {}) if (folder / _SEAL).exists() else {}
    return made


def read_measured(folder: Path) -> dict[str, str]:
    """The digests of what the test accuracies of a run come from (``inputs.measured_digests``); {} if none are kept."""
    measured: dict[str, str] = _read_seal(folder).get("measured", {})
    return measured


def _read_sealed(folder: Path, name: str, key: str) -> bytes:
    """The content of a file whose digest ``run.json`` holds under ``key``."""
    content = read_regular(folder / name)
    if (folder / _SEAL).exists() and hashlib.sha256(content).hexdigest() != _read_seal(folder).get(key):
        raise UnreadableError(f"{name} was changed after the run, or {_SEAL} was")
    return content


def _read_timings(folder: Path) -> dict[str, float]:
    """The seconds that a run took, by name."""
    return {name: seconds for name, seconds in _timings(folder).items() if name != "made"}


def _timings(folder: Path) -> dict[str, Any]:
    """``timings.json``. It has a digest of its own: all other files are the same for the same seed."""
    timings: dict[str, Any] = parse_json(read_regular(folder / _TIMINGS))
    if not isinstance(timings, dict) or timings.pop("sha256", None) != digest(timings):
        raise UnreadableError(f"{_TIMINGS} was changed after the run")
    return timings


def _read_seal(folder: Path) -> dict[str, Any]:
    """The content of ``run.json``: the digests of the inputs, and of the files once they are written; {} without it."""
    try:
        content = sealed.read(folder / _SEAL)
    except (OSError, sealed.DamagedError):
        return {}
    return content if isinstance(content, dict) else {}


class RunFolder:
    """The output folder of one run. A run with another configuration replaces nothing in it.

    A run that was killed at any moment continues from the files in the folder: its ranker or the checkpoint of the
    ranker's training, and the state of the search. The figures of trained networks are kept elsewhere, for all runs
    (``Config.networks``). The run is finished as soon as ``result.json`` exists. ``run.json`` holds digests of all that
    the run reads and of its result: a run whose inputs have changed begins anew.

    Attributes:
        folder: the folder itself.
    """

    _FILES = (RESULT, CONFIG, _TIMINGS, _HISTORY, "cell.png", "search.png", "lock.png", _RANKER)

    def __init__(
        self,
        folder: Path,
        config: Config,
        benchmark: Benchmark,
        inputs: Mapping[str, str],
        resume: bool | None,
        overwrite: bool,
    ) -> None:
        """Create the folder, and check that the run may use it. The caller holds the lock (``open_run_folder``).

        Args:
            folder: the folder of the run.
            inputs: the digests of ``input_digests``.
            config, benchmark, resume, overwrite: as ``open_run_folder`` takes them.

        Raises:
            OutputError: if the folder cannot be written, holds another run that may not be replaced, or holds no run
                to resume.
        """
        self.folder = folder
        self._config, self._benchmark, self._inputs = config, benchmark, dict(inputs)
        self._state, self._ranker = self.folder / _STATE, self.folder / _RANKER
        self._training = checkpoint.beside(self._ranker)
        self._ranker_digest: str | None = None
        is_same = is_same_run(config, folder)
        if holds_run(folder) and not is_same and (resume or not overwrite):
            raise OutputError(
                f"{self.folder} holds a run with another configuration (see its config.yaml); "
                "choose another out_dir or run_name, or replace it with 'archlock search --overwrite'"
            )
        if resume and not is_same:
            raise OutputError(f"{self.folder} holds no run to resume; run without --resume")
        changed = _changed(_read_seal(folder).get("inputs"), self._inputs) if is_same else []
        self._resume = is_same and resume is not False and not changed
        self._is_begun = is_same and not changed
        if changed and resume is not False and holds_run(folder):
            warnings.warn(
                f"{', '.join(changed)} changed since the run in {folder} began; the run begins anew", stacklevel=2
            )
        make_folder(self.folder)

    def begin(self) -> None:
        """Make the folder this run's own: from now on, it holds nothing of another run.

        Raises:
            OutputError: if a file cannot be removed or written.
        """
        if not self._is_begun:
            # This run must not take a file of another run for its own. The other run's result is removed first:
            # without its result but with its config.yaml, the folder is that run, interrupted.
            for name in (*self._FILES, _SEAL, STATUS):
                if name != CONFIG:
                    remove_file(self.folder / name)
            self.tidy()
            self._is_begun = True
            sealed.write(self.folder / _SEAL, {"inputs": self._inputs})
        write_text(self.folder / CONFIG, self._config.to_yaml())

    def begin_training(self) -> Path:
        """Call ``begin``, and return the file for the checkpoint of the ranker's training."""
        self.begin()
        return self._training

    def result(self) -> dict[str, Any] | None:
        """The result and the timings of the run to resume, or None if it is not finished.

        If a file was changed after the run, or what was measured has changed, this warns, and the run counts as not
        finished.
        """
        path = self.folder / RESULT
        if not self._resume or not path.exists():
            return None
        try:
            result = {**read_result(self.folder), **_read_timings(self.folder)}
            read_history(self.folder)
        except UnreadableError as err:
            warnings.warn(f"{path} cannot be used ({err}); the run is made again", stacklevel=2)
            return None
        changed = _changed(_read_seal(self.folder).get("measured"), measured_digests(self._config, self._benchmark))
        if changed:
            warnings.warn(f"{', '.join(changed)} changed since {path} was written; it is made again", stacklevel=2)
            return None
        return result

    def ranker(self) -> Ranker | None:
        """The ranker of the run to resume, or None if there is none. If it is damaged, this warns."""
        if not self._resume or not self._ranker.is_file():
            return None
        from ..ranker.ranker import Ranker

        try:
            return Ranker.load(self._ranker)
        except RankerError as err:
            warnings.warn(f"{err}; it is made again", stacklevel=2)
            return None

    def keep_ranker(self, ranker: Ranker | None) -> None:
        """Write the ranker, if the search has one, and remove the checkpoint of its training.

        Raises:
            OutputError: if it cannot be written.
        """
        if ranker:
            content = ranker.to_bytes()
            self._ranker_digest = hashlib.sha256(content).hexdigest()
            write_bytes(self._ranker, content)
        remove_file(self._training)

    def keep_state(self, state: dict[str, Any]) -> None:
        """Write the state of the search, with a digest of the ranker that it was made with.

        Raises:
            OutputError: if it cannot be written.
        """
        sealed.write(self._state, {"ranker": self._ranker_digest, "search": state})

    def restore(self, search: Search) -> None:
        """Let the search continue from the state of the run to resume. If the state cannot be used, this warns."""
        if not self._resume or not self._state.exists():
            return
        start = search.state()
        try:
            state = sealed.read(self._state)
            if state["ranker"] != self._ranker_digest:
                raise ValueError("it was made with another ranker")
            search.restore(state["search"])
        except (OSError, ValueError, LookupError, TypeError) as err:  # a DamagedError is one of these
            warnings.warn(f"{self._state} cannot be used ({err}); the search starts again", stacklevel=2)
            search.restore(start)

    def keep_result(
        self, result: Mapping[str, Any], timings: Mapping[str, float], history: str, pictures: Mapping[str, bytes]
    ) -> None:
        """Write what the run found. The result comes last, because it marks the run as finished.

        Args:
            result: the result of ``finish``.
            timings: the seconds of ``timings``.
            history: the text of ``history_csv``.
            pictures: the content of each picture, by file name.

        Raises:
            OutputError: if a file cannot be written.
        """
        for name, picture in pictures.items():
            write_bytes(self.folder / name, picture)
        made = {**timings, "made": made_now()}
        write_text(self.folder / _TIMINGS, json.dumps({**made, "sha256": digest(made)}, indent=2) + "\n")
        write_text(self.folder / _HISTORY, history)
        content = (json.dumps(result, indent=2) + "\n").encode()
        digests = {
            "inputs": self._inputs,
            "measured": measured_digests(self._config, self._benchmark),
            "history": hashlib.sha256(history.encode()).hexdigest(),
            "result": hashlib.sha256(content).hexdigest(),
        }
        sealed.write(self.folder / _SEAL, digests)
        write_bytes(self.folder / RESULT, content)

    def tidy(self) -> None:
        """Remove the files that only an interrupted run needs.

        Raises:
            OutputError: if a file cannot be removed.
        """
        remove_file(self._state)
        remove_file(self._training)

    def files(self) -> list[str]:
        """The names of the run's files that exist."""
        return [name for name in self._FILES if (self.folder / name).is_file()]


def _changed(before: Any, now: Mapping[str, str]) -> list[str]:
    """The names of the inputs whose digests differ."""
    if not isinstance(before, dict):
        return [_SEAL]  # it is missing or damaged
    return [name for name in dict.fromkeys([*now, *before]) if before.get(name) != now.get(name)]
