"""The output folder of a run: what is in it, which run it belongs to, and how an interrupted run is resumed."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.sections import Config
from ..errors import ArchLockError, OutputError, RankerError, shown
from ..spaces.known import get_space
from ..store import checkpoint, sealed
from ..store.files import make_folder, remove_folder, write_bytes, write_text
from ..store.reading import UnreadableError, parse_json, parse_yaml, read_regular, read_yaml
from ..strategies.base import Search

if TYPE_CHECKING:
    from ..ranker.ranker import Ranker


def is_same_run(config: Config) -> bool:
    """Whether the folder that a config names holds a run with the same configuration."""
    try:
        return bool(read_yaml(config.save / "config.yaml") == parse_yaml(config.to_yaml()))
    except UnreadableError:
        return False


class RunFolder:
    """The output folder of one run. A run with another configuration replaces nothing in it.

    A run that was killed at any moment continues from the files in the folder: its ranker or the checkpoint of the
    ranker's training, the state of the search, and the metrics of networks that it trained. The run is finished as
    soon as ``result.json`` exists.

    Attributes:
        folder: the folder itself.
        networks: the folder below it for the metrics of networks that the run trains.
    """

    _FILES = ("result.json", "config.yaml", "timings.json", "search.png", "lock.png", "ranker.safetensors")

    def __init__(self, config: Config, resume: bool, overwrite: bool) -> None:
        """Create the folder, and check that the run may use it.

        Args:
            config: the configuration of the run.
            resume: whether an earlier run with this configuration is continued.
            overwrite: whether a run with another configuration may be replaced.

        Raises:
            OutputError: if the folder cannot be written, holds another run that may not be replaced, or holds no run
                to resume.
        """
        self.folder = config.save
        self.networks = self.folder / "networks"
        self._config, self._resume = config, resume
        self._state, self._ranker = self.folder / "state.json", self.folder / "ranker.safetensors"
        self._training = checkpoint.beside(self._ranker)
        self._ranker_digest: str | None = None
        self._is_same = is_same_run(config)
        parts = (self.folder / "result.json", self._state, self._ranker, self._training, self.networks)
        if any(path.exists() for path in parts) and not self._is_same and (resume or not overwrite):
            raise OutputError(
                f"{self.folder} holds a run with another configuration (see its config.yaml); "
                "choose another out_dir, or give --overwrite to replace it"
            )
        if resume and not self._is_same:
            raise OutputError(f"{self.folder} holds no run to resume; run without --resume")
        make_folder(self.folder)

    def begin(self) -> None:
        """Make the folder this run's own: from now on, it holds nothing of another run.

        Raises:
            OutputError: if a file cannot be removed or written.
        """
        if not self._is_same:
            # This run must not take a file of another run for its own. The other run's result is removed first:
            # without its result but with its config.yaml, the folder is that run, interrupted.
            for name in self._FILES:
                if name != "config.yaml":
                    (self.folder / name).unlink(missing_ok=True)
            self.tidy()
            self._is_same = True
        write_text(self.folder / "config.yaml", self._config.to_yaml())

    def begin_training(self) -> Path:
        """Call ``begin``, and return the file for the checkpoint of the ranker's training."""
        self.begin()
        return self._training

    def result(self) -> dict[str, Any] | None:
        """The result and the timings of the run to resume, or None if it is not finished.

        If a file is damaged, this warns, and the run counts as not finished.
        """
        path = self.folder / "result.json"
        if not self._resume or not path.exists():
            return None
        try:
            result, timings = (parse_json(read_regular(self.folder / name)) for name in (path.name, "timings.json"))
            space = get_space(self._config.search_space)
            for found in (result, result["s"]):
                if tuple(found["cell"]) != space.from_str(found["arch"]):
                    raise ValueError(f"{shown(found['cell'])} is not {shown(found['arch'])}")
            return {**result, **timings}
        except (UnreadableError, ArchLockError, LookupError, TypeError, ValueError) as err:
            warnings.warn(f"{path} or timings.json cannot be used ({err}); the run is made again", stacklevel=2)
            return None

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
        self._training.unlink(missing_ok=True)

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
        self, result: Mapping[str, Any], timings: Mapping[str, float], pictures: Mapping[str, bytes]
    ) -> None:
        """Write what the run found. The result comes last, because it marks the run as finished.

        Args:
            result: the result of ``finish``.
            timings: the seconds of ``timings``.
            pictures: the content of each picture, by file name.

        Raises:
            OutputError: if a file cannot be written.
        """
        for name, picture in pictures.items():
            write_bytes(self.folder / name, picture)
        for name, content in (("timings.json", timings), ("result.json", result)):
            write_text(self.folder / name, json.dumps(content, indent=2) + "\n")

    def tidy(self) -> None:
        """Remove the files that only an interrupted run needs.

        Raises:
            OutputError: if a folder cannot be removed.
        """
        self._state.unlink(missing_ok=True)
        self._training.unlink(missing_ok=True)
        if self.networks.exists():
            remove_folder(self.networks)

    def files(self) -> list[str]:
        """The names of the run's files that exist."""
        return [name for name in self._FILES if (self.folder / name).is_file()]
