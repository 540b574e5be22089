"""Hooks of mkdocs: the site also shows pages that stand elsewhere in the repository, and its links follow them.

These are the README, the release notes, the pages of ``experiments``, ``benchmarks`` and ``examples``, and the
notebooks. A page of the site has its path in the repository, without ``docs/``. A picture that a page shows is added to
the site, and any other file that a page links to is shown as a page below ``source/``.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nbconvert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from naslib_archlock.commands.main import COMMANDS

REPO = Path(__file__).resolve().parents[1]
ELSEWHERE = ("README.md", "CHANGELOG.md", "benchmarks/README.md", "examples/README.md", "experiments/**/*.md")
NOTEBOOKS = "examples/notebooks/*.ipynb"
COMMANDS_MARK = "<!-- the help of each command -->"

_PICTURES = (".png", ".svg")
_FENCED = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere, and the files that all pages link to."""
    pages = {path: path.read_text(encoding="utf-8") for path in map(REPO.joinpath, _in_docs(files))}
    for path in (path for pattern in ELSEWHERE for path in sorted(REPO.glob(pattern))):
        pages[path] = path.read_text(encoding="utf-8")
        files.append(File.generated(config, _place_in_site(path), abs_src_path=str(path)))
    for path in sorted(REPO.glob(NOTEBOOKS)):
        pages[path], pictures = _notebook(path)
        files.append(File.generated(config, _place_in_site(path), content=pages[path]))
        for name, content in pictures.items():
            place = posixpath.join(posixpath.dirname(_place_in_site(path)), name)
            files.append(File.generated(config, place, content=content))
    for path in sorted({link for page, text in pages.items() for link in _linked_files(page, text)}):
        if path.suffix in _PICTURES:
            files.append(File.generated(config, _place_in_site(path), abs_src_path=str(path)))
        elif path.suffix not in (".md", ".ipynb"):
            files.append(File.generated(config, _place_in_site(path), content=_source_page(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to places in the site, and fill in the help of the commands."""
    if page.file.src_uri.startswith("source/"):
        return markdown
    origin = REPO / _place_in_repository(page.file.src_uri)
    if COMMANDS_MARK in markdown:
        markdown = markdown.replace(COMMANDS_MARK, "\n".join(map(_help_of, (command.name for command in COMMANDS))))
    return _outside_code(markdown, partial(_LINK.sub, partial(_link_in_site, origin)))


def _in_docs(files: Files) -> Iterator[str]:
    return (f"docs/{file.src_uri}" for file in files.documentation_pages())


def _place_in_repository(src_uri: str) -> str:
    """The path in the repository of a page of the site."""
    in_docs = REPO / "docs" / src_uri
    return f"docs/{src_uri}" if in_docs.exists() else src_uri


def _place_in_site(path: Path) -> str:
    """The path in the site of a file in the repository."""
    place = path.relative_to(REPO).as_posix()
    if path.suffix == ".ipynb":
        return place.replace(".ipynb", ".md")
    if path.suffix not in (*_PICTURES, ".md"):
        return f"source/{place}.md"
    return place.removeprefix("docs/")


def _linked_files(page: Path, text: str) -> Iterator[Path]:
    """Yield the files outside ``docs`` that a page links to. Links to nowhere are left for mkdocs to report."""
    for link in _LINK.findall("".join(_FENCED.split(text)[::2])):
        path = _target(page, link)
        if path.is_file() and REPO / "docs" not in path.parents:
            yield path


def _target(page: Path, link: str) -> Path:
    return Path(os.path.normpath(page.parent / link))


def _link_in_site(origin: Path, link: re.Match[str]) -> str:
    path = _target(origin, link.group(1))
    if not path.is_file():
        return link.group(1)
    return posixpath.relpath(_place_in_site(path), posixpath.dirname(_place_in_site(origin)))


def _outside_code(markdown: str, change: partial[str]) -> str:
    """Change the text of a page, but not its blocks of code."""
    parts = _FENCED.split(markdown)
    parts[::2] = map(change, parts[::2])
    return "".join(parts)


def _source_page(path: Path) -> str:
    """A page that shows a file of the repository."""
    language = {".py": "python", ".yaml": "yaml"}.get(path.suffix, "text")
    content = path.read_text(encoding="utf-8")
    return f"---\nsearch: {{exclude: true}}\n---\n# {path.relative_to(REPO)}\n\n````{language}\n{content}````\n"


def _notebook(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown, and its pictures by file name."""
    markdown, resources = nbconvert.MarkdownExporter().from_filename(str(path))
    pictures = {f"{path.stem}_{name}": content for name, content in resources["outputs"].items()}
    for name in resources["outputs"]:
        markdown = markdown.replace(f"({name})", f"({path.stem}_{name})")
    return markdown, pictures


def _help_of(command: str) -> str:
    """A section with the help of a command, as it is printed."""
    done = subprocess.run(
        [sys.executable, "-m", "naslib_archlock", command, "--help"],
        env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return f"## archlock {command}\n\n```text\n{done.stdout}```\n"
