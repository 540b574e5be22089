"""The tests on other versions of Python: those that constraints/ pins, as far as this machine has them.

nox -s core             what needs no torch, on each; ``make test-all`` runs it on all but the main one
nox -s tests-3.12       everything, with torch, and with NASLib where that is found
nox -s same-bytes       on versions of Python with the same libraries, the same seed gives the same bytes
nox -s naslib-as-pinned what needs NASLib, on the versions that NASLib's authors pinned

Environments are kept in .nox; with -R they are used again as they are.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"  # of nox.project
nox.options.sessions = ["core"]
nox.options.error_on_missing_interpreters = False  # also in CI: a machine tests the versions that it has

ROOT = Path(__file__).parent
PINNED_BY_NASLIB = "constraints/naslib.txt"
NASLIB = Path(os.environ.get("NASLIB_HOME") or Path.home() / "NASLib")
VERSIONS = sorted(
    (path.stem[2:] for path in ROOT.glob("constraints/py3.*.txt")), key=lambda version: int(version.partition(".")[2])
)
# Versions that several Pythons have: of what computes, and of what draws.
SAME_LIBRARIES = {
    "NumPy 1.26, SciPy 1.13": (
        ("numpy==1.26.4", "scipy==1.13.1", "matplotlib==3.9.4", "pillow==11.3.0", "kiwisolver==1.4.7"),
        ("3.9", "3.10", "3.11", "3.12"),
    ),
    "NumPy 2.2, SciPy 1.15": (
        ("numpy==2.2.6", "scipy==1.15.3", "matplotlib==3.10.9", "pillow==12.3.0", "kiwisolver==1.5.1"),
        ("3.10", "3.11", "3.12", "3.13"),
    ),
}
# Slow tests, an experiment and what Matplotlib draws say the same on every Python.
NOT_CORE = ("tests/experiments/test_patterns_study.py", "tests/report/test_figures.py")


def _runs(command: str) -> bool:
    try:
        return subprocess.run([command, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


def _put_pyenv_on_path() -> None:
    """pyenv's commands answer only for the version that it is set to: its others go before them on the path."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in VERSIONS:
        if not _runs(f"python{version}"):
            found = sorted(root.glob(f"versions/{version}.*/bin/python{version}"), key=_numbers)
            if found:
                os.environ["PATH"] = os.pathsep.join([str(found[-1].parent), os.environ.get("PATH", "")])


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.parents[1].name)]


_put_pyenv_on_path()


def _install(session: nox.Session, *packages: str) -> None:
    session.install("-c", f"constraints/py{session.python}.txt", *packages)


def _needed_by_core() -> list[str]:
    project = nox.project.load_toml(ROOT / "pyproject.toml")["project"]
    return [name for name in project["dependencies"] if not name.startswith("torch")]


@nox.session(python=VERSIONS)
def core(session: nox.Session) -> None:
    """The tests that need no torch, without it: gigabytes less."""
    _install(session, *_needed_by_core(), "pytest", "hypothesis", "pymoo")
    # from the checkout, not installed into it: sessions run side by side
    options = ["-q", "-m", "not slow", "--without-torch", "-p", "no:cacheprovider"]
    options += [f"--ignore={path}" for path in NOT_CORE]
    session.run("python", "-m", "pytest", *options, *session.posargs)


@nox.session(python=VERSIONS)
def tests(session: nox.Session) -> None:
    """All tests; those that need NASLib where it is found."""
    has_naslib = (NASLIB / "naslib" / "__init__.py").is_file()
    _install(session, "-e", ".[dev,naslib]" if has_naslib else ".[dev]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(name="same-bytes")
@nox.parametrize("python,libraries", [(version, name) for name, of in SAME_LIBRARIES.items() for version in of[1]])
def same_bytes(session: nox.Session, libraries: str) -> None:
    """What needs no torch (``tests/outputs.py``), compared with what others made that are in ``build/same-bytes``."""
    pins, _ = SAME_LIBRARIES[libraries]
    session.install(*_needed_by_core(), *pins)
    folder = ROOT / "build" / "same-bytes" / libraries.replace(" ", "")
    folder.mkdir(parents=True, exist_ok=True)
    made = session.run(
        "python", "tests/outputs.py", "--core", silent=True, env={"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    )
    (folder / f"{session.python}.json").write_text(str(made).splitlines()[-1] + "\n", encoding="utf-8")
    contents = {path.stem: path.read_bytes() for path in folder.glob("3.*.json")}
    if len(set(contents.values())) > 1:
        session.error(f"outputs differ among Python {', '.join(sorted(contents))}: see {folder}")
    session.log(f"{libraries}: the same bytes on Python {', '.join(sorted(contents))}")


@nox.session(python="3.9", name="naslib-as-pinned")
def naslib_as_pinned(session: nox.Session) -> None:
    """The tests that need NASLib, on Python 3.9, the last that its setup.py allows, and its authors' versions."""
    session.install("setuptools<60", "wheel")
    # constrained from the environment: what builds the old packages must be old, too
    session.install("-e", ".[naslib]", "pytest", "hypothesis", "distributed", env={"PIP_CONSTRAINT": PINNED_BY_NASLIB})
    session.run("python", "-m", "pytest", "-m", "naslib", *session.posargs)
