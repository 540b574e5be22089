"""The configurations that come with the package: commands take them by name, and a user's own begins as a copy."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from ..errors import one_line, unknown
from .load import config_from

_FOLDER = Path(__file__).parents[1] / "configs"


def packaged_configs() -> dict[str, Path]:
    """The files of all packaged configurations by name, in alphabetical order."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def packaged_config(name: str) -> Path:
    """The file of a packaged configuration.

    Raises:
        UnknownNameError: if there is none of this name. It lists those that exist, the most similar names first.
    """
    configs = packaged_configs()
    if name not in configs:
        similar = sorted(configs, key=lambda known: -difflib.SequenceMatcher(None, name, known).ratio())
        where = "the package (a file of your own is given with --config-file)"
        raise unknown("config", name, similar, where)
    return configs[name]


def about_config(path: Path) -> str:
    """The first sentence of the comment at the top of a configuration file, which says what it is for."""
    first_sentence = re.match(r"#.*?(?=\.\s|:\n)", path.read_text(encoding="utf-8"), re.DOTALL)
    return " ".join(line.lstrip("# ") for line in first_sentence[0].splitlines()) if first_sentence else ""


def own_copy(name: str, file: Path, values: Mapping[str, str | Sequence[str]]) -> str:
    """The text of a user's own configuration: a packaged one, with its comments, and with other values.

    Args:
        name: of the packaged configuration.
        file: where the text will be written, for the commands in its comments.
        values: a new value for each of these keys, which the packaged configuration must hold; without sections.

    Raises:
        UnknownNameError: if there is no packaged configuration of this name.
        ConfigError: if the configuration is impossible.
    """
    text = packaged_config(name).read_text(encoding="utf-8")
    text = text.replace(f"--config {name}", f"--config-file {one_line(str(file))}")
    for key, value in values.items():
        written = json.dumps(value, ensure_ascii=False)  # YAML reads JSON
        escaped = written.replace("\\", r"\\")
        text, n = re.subn(rf"(?m)^( *{key}:) .*?(?=  #|$)", rf"\1 {escaped}", text)
        assert n == 1, f"{name} must hold the key {key} once"
    config_from(yaml.safe_load(text))
    return text
