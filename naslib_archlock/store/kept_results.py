"""The finished results of long work, kept in a folder, so that interrupted work goes on instead of starting again.

Scores and audits in parts (``compute.parts``), the runs of a study (``studies.study_run``) and trained networks
(``benchmarks.trained``) keep theirs this way. The state of a single piece of work that is still running changes all the
time, so it is a checkpoint instead (``store.checkpoint``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import sealed


class KeptResults:
    """A folder of named results. Each is a sealed JSON file that also holds a digest of the settings that made it.

    A result is read back only if its file is whole and was made with the settings that are asked for. Every other
    result has to be made again, and replaces the file.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder.

        Args:
            folder: must exist when a result is kept.
        """
        self._folder = folder

    def file(self, name: str) -> Path:
        """The file of the result called ``name``."""
        return self._folder / f"{name}.json"

    def read(self, settings: Mapping[str, str]) -> dict[str, Any]:
        """Read the results that are there. A warning names a damaged file; a missing file needs none.

        Args:
            settings: name -> digest of all that the result depends on.

        Returns:
            name -> result, in the order of ``settings``, without the results that have to be made.
        """
        contents = sealed.read_all(map(self.file, settings))
        found = {}
        for name, made_with in settings.items():
            content = contents.get(self.file(name))
            if isinstance(content, dict) and content.get("settings") == made_with and "result" in content:
                found[name] = content["result"]
        return found

    def keep(self, name: str, settings: str, result: Any) -> Any:
        """Write a result in one step, so that its file is always whole.

        Args:
            name: the name of its file, without ``.json``.
            settings: digest of all that the result depends on.
            result: anything that JSON can hold.

        Returns:
            The result as ``read`` will give it: tuples have become lists, for example.

        Raises:
            OutputError: if the file cannot be written.
        """
        sealed.write(self.file(name), {"settings": settings, "result": result})
        return json.loads(json.dumps(result))
