"""What pyproject.toml cannot say: the README as a package index shows it, where no file of this repository is."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import setup

_LOCAL = r"(?!https?://|#)"


def for_index(readme: str) -> str:
    """The README without pictures that are files of the repository, and with the text of links to files alone."""
    readme = re.sub(rf"(?m)^!\[[^]]*\]\({_LOCAL}[^)]*\)\n\n?", "", readme)
    readme = re.sub(rf'<img[^>]*src="{_LOCAL}[^>]*>', "", readme)
    return re.sub(rf"(?<!!)\[([^]]*)\]\({_LOCAL}[^)]*\)", r"\1", readme)


if __name__ == "__main__":
    readme = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    setup(long_description=for_index(readme), long_description_content_type="text/markdown")
