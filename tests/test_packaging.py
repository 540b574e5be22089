"""What a package index shows, and what a wheel and an sdist hold. ``make dist`` builds and uses both."""

from __future__ import annotations

import re
import runpy
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from naslib_archlock import __version__

pytest.importorskip("setuptools", reason="setup.py imports it, and Pythons from 3.12 on do not bring it")
REPO = Path(__file__).resolve().parents[1]
PYPROJECT = (REPO / "pyproject.toml").read_text(encoding="utf-8")
for_index = runpy.run_path(str(REPO / "setup.py"))["for_index"]


def test_the_readme_of_a_package_index_links_to_no_file_of_this_repository():
    shown = for_index((REPO / "README.md").read_text(encoding="utf-8"))
    assert shown.startswith("# naslib_archlock\n")
    links = re.findall(r"\]\(([^)]*)\)", shown) + re.findall(r'src="([^"]*)"', shown)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see [the page](docs/a.md), [it](https://b.c)", "see the page, [it](https://b.c)"),
        ("a\n\n![a picture](b.png)\n\nc\n", "a\n\nc\n"),
        ('<p><img alt="x" src="b.png"></p>', "<p></p>"),
        ('![badge](https://b.c/d.svg) <img src="https://b.c/e.png">', '![badge](https://b.c/d.svg) <img src="https://b.c/e.png">'),
        ("[`code`](a/b.py) [below](#here)", "`code` [below](#here)"),
    ],
)  # fmt: skip
def test_what_becomes_of_links_and_pictures(text, shown):
    assert for_index(text) == shown


def test_each_file_of_the_package_that_is_no_module_is_in_the_wheel():
    patterns = re.search(r"(?s)package-data\]\s*naslib_archlock = \[(.*?)\]", PYPROJECT)
    assert patterns
    globs = re.findall(r'"([^"]+)"', patterns[1])
    package = REPO / "naslib_archlock"
    others = [path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()]
    others = [name for name in others if not name.endswith((".py", ".pyc"))]
    assert [name for name in others if not any(_matches(name, glob) for glob in globs)] == []
    assert [glob for glob in globs if not any(_matches(name, glob) for name in others)] == []


def _matches(name: str, glob: str) -> bool:
    return name.count("/") == glob.count("/") and fnmatch(name, glob)


def test_an_sdist_holds_every_tracked_file():
    """Those that ``MANIFEST.in`` does not name are the package and what setuptools adds by itself."""
    done = subprocess.run(["git", "ls-files"], cwd=REPO, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is no checkout")
    manifest = (REPO / "MANIFEST.in").read_text(encoding="utf-8")
    folders = set(re.findall(r"(?m)^graft (\S+)", manifest)) | {"naslib_archlock"}
    files = set(re.search(r"(?m)^include (.*)", manifest)[1].split())
    by_itself = {"MANIFEST.in", "pyproject.toml", "setup.py", "README.md", "LICENSE"}
    left_out = [name for name in done.stdout.splitlines() if name.partition("/")[0] not in folders | files | by_itself]
    assert left_out == []


def test_the_citation_is_that_of_this_version():
    citation = yaml.safe_load((REPO / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert citation["license"] == "Apache-2.0"
    assert citation["preferred-citation"]["url"] in PYPROJECT


def test_the_changelog_has_a_section_for_this_version():
    """Versions are in order, the newest first, each with its date; what is not released comes before them."""
    headings = re.findall(r"(?m)^## (.*)$", (REPO / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
    assert f"[{__version__}]" in [heading.partition(" ")[0] for heading in headings[1:]]
