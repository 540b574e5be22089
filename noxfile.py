"""The tests on other versions of Python: those that constraints/ pins, as far as this machine has them.

nox -s core             what needs no torch, on each
nox -s core-lowest      the same with the lowest versions that pyproject.toml allows
nox -s core-newest      the same with the newest versions that there are
nox -s tests-3.12       everything, with torch, and with NASLib where that is found
nox -s wheel-3.13       the built wheel in an empty folder, and some tests from the sdist (make dist)
nox -s same-bytes       on versions of Python with the same libraries, the same seed gives the same bytes
nox -s naslib-as-pinned what needs NASLib, on the versions that NASLib's authors pinned

``make test-all`` runs one of the first three on each Python but the main one. On the oldest it runs core-lowest,
because only that Python can have the lowest versions. On the newest it runs core-newest, because the newest versions
are made for that one. On the others it runs core. To run more than one of them on a Python would take minutes each.

Environments are kept in .nox; with -R they are used again as they are.
"""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nox
from nox.command import CommandFailed
from packaging.requirements import Requirement
from packaging.version import Version

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
# Slow tests, an experiment and what Matplotlib draws say the same on every Python with the tested libraries.
NOT_CORE = ("tests/experiments/test_patterns_study.py", "tests/report/test_figures.py")

MAIN = "3.11"
_SHORT = "search.epochs 60 archlock.source_queries 60"
OF_A_NEW_USER = (
    "archlock --version && python -m naslib_archlock --version",
    "archlock config --list",
    f"archlock search {_SHORT}",
    f"archlock search --config digits {_SHORT} archlock.scheme tk archlock.target jigsaw --quiet",
    f"archlock init space digits_domains && archlock search --config-file archlock.yaml {_SHORT}",
    "archlock compare --example > study.yaml",
    "archlock completion bash | bash -n",
    "archlock doctor",
)
OF_A_NEW_USER_WITH_TORCH = (
    "archlock compare study.yaml --seeds 1 --jobs 1",
    "archlock report run/first",
    "archlock export run/digits/digit/archlock/tu/0 --out network",
    'python -c \'from PIL import Image; Image.new("L", (20, 20)).save("network/image.png")\'',
    "cd network && python classify.py image.png",
)
TESTS_OF_THE_SDIST = ("tests/config", "tests/spaces", "tests/test_layers.py", "tests/test_mirror.py")


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


def _needed_by_core(*extras: str) -> list[str]:
    """What pyproject.toml requires for the core, but for torch, and for these extras."""
    project = nox.project.load_toml(ROOT / "pyproject.toml")["project"]
    needed = [name for name in project["dependencies"] if not name.startswith("torch")]
    return [*needed, *(name for extra in extras for name in project["optional-dependencies"][extra])]


@nox.session(python=VERSIONS)
def core(session: nox.Session) -> None:
    """The tests that need no torch, without it: gigabytes less."""
    _install(session, *_needed_by_core("studies"), "pytest", "hypothesis")
    _test_core(session)


@nox.session(name="core-lowest", python=VERSIONS)
def core_lowest(session: nox.Session) -> None:
    """The same tests with each library at the lower bound that pyproject.toml gives for this Python."""
    pins = _lowest(_needed_by_core("studies"), str(session.python))
    _install_wheels_or_skip(session, "lowest", *pins, "pytest", "hypothesis")
    _test_core(session, "lowest")


@nox.session(name="core-newest", python=VERSIONS)
def core_newest(session: nox.Session) -> None:
    """The same tests with the newest version of each library, which constraints/ may not allow."""
    needed = [*_needed_by_core("studies"), "pytest", "hypothesis"]
    _install_wheels_or_skip(session, "newest", "--upgrade", "--upgrade-strategy=eager", *needed)
    _test_core(session, "newest")


def _test_core(session: nox.Session, libraries: str = "") -> None:
    # from the checkout, not installed into it: sessions run side by side
    options = ["-q", "-m", "not slow", "--without-torch", "-p", "no:cacheprovider"]
    options += [f"--libraries={libraries}"] if libraries else [f"--ignore={path}" for path in NOT_CORE]
    options += [f"--counts={_counts_file(session, libraries)}"]
    session.run("python", "-m", "pytest", *options, *session.posargs)


def _counts_file(session: nox.Session, libraries: str) -> Path:
    """Where a session says how many tests ran; ``.ci/run`` reads it."""
    return ROOT / "build" / f"core-tests-{libraries and f'{libraries}-'}{session.python}.txt"


def _lowest(requirements: Iterable[str], python: str) -> list[str]:
    """``name==bound`` for each library: the highest of the lower bounds that hold on a version of Python."""
    bounds: dict[str, Version] = {}
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"python_version": python}):
            for part in requirement.specifier:
                if part.operator == ">=":
                    bounds[requirement.name] = max(Version(part.version), bounds.get(requirement.name, Version("0")))
    return [f"{name}=={bound}" for name, bound in bounds.items()]


def _install_wheels_or_skip(session: nox.Session, libraries: str, *arguments: str) -> None:
    """Install wheels. Skip the session if the index does not answer, or has no wheel for this machine.

    Every other error of pip fails the session, such as requirements that contradict each other.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        try:
            session.install("--only-binary=:all:", *arguments, silent=False, stdout=output, stderr=subprocess.STDOUT)
        except CommandFailed:
            output.seek(0)
            text = output.read()
            cannot = re.search(
                r"^ERROR: (No matching distribution found for (\S+)|Could not install .* an OSError: HTTP)", text, re.M
            )
            if not cannot:
                session.error(text)
            has_index = cannot[2] and "connection broken by" not in text
            why = f"there is no wheel of {cannot[2]}" if has_index else "the package index does not answer"
            line = f"Python {session.python} without torch, {libraries} libraries: not tested, {why}"
            (ROOT / "build").mkdir(exist_ok=True)
            _counts_file(session, libraries).write_text(line + "\n", encoding="utf-8")
            session.skip(line)


@nox.session(python=VERSIONS)
def tests(session: nox.Session) -> None:
    """All tests; those that need NASLib where it is found."""
    has_naslib = (NASLIB / "naslib" / "__init__.py").is_file()
    _install(session, "-e", ".[dev,naslib]" if has_naslib else ".[dev]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python=VERSIONS)
def wheel(session: nox.Session) -> None:
    """Use the wheel in ``dist`` as a new user would, in an empty folder, and run some tests from the sdist.

    Only the main Python gets torch, and the commands that need it: it takes gigabytes.
    """
    built, source = (next(ROOT.glob(f"dist/{pattern}"), None) for pattern in ("*.whl", "*.tar.gz"))
    if built is None or source is None:
        session.error("dist holds no wheel and sdist: make dist builds them")
    has_torch = session.python == MAIN
    if not has_torch:
        _install(session, *_needed_by_core())
    _install(session, "--force-reinstall", *([] if has_torch else ["--no-deps"]), str(built))
    _install(session, "pytest", "hypothesis")
    with tempfile.TemporaryDirectory() as folder, tarfile.open(source) as archive:
        empty, unpacked = Path(folder, "empty"), Path(folder, "sdist")
        empty.mkdir()
        archive.extractall(unpacked)
        session.chdir(empty)
        for command in (*OF_A_NEW_USER, *(OF_A_NEW_USER_WITH_TORCH if has_torch else ())):
            env = {"XDG_CACHE_HOME": folder, "NASLIB_HOME": folder, "PYTHONPATH": ""}
            session.run("bash", "-c", f"set -eo pipefail; {command}", env=env, external=True, silent=True)
        session.chdir(next(unpacked.iterdir()))
        without = [] if has_torch else ["--without-torch"]
        session.run("python", "-m", "pytest", "-q", "-m", "not slow", *without, *TESTS_OF_THE_SDIST)


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
