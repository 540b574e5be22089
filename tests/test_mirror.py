"""The tests mirror the package: those of ``naslib_archlock/X/y.py`` stand in ``tests/X/test_y.py``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import naslib_archlock

PACKAGE, TESTS = Path(naslib_archlock.__file__).parent, Path(__file__).parent
MODULES = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py"]
# Module -> why it has no test file of its own.
WITHOUT = {
    "__main__.py": "it is one call, and all tests that run commands as processes go through it",
}
# What runs inside NASLib is tested inside the real one: in this folder, tests are skipped without it.
ALSO_IN = {"plugin": "integration"}


def has_tests(module: Path) -> bool:
    """Whether a file of the module's name holds tests, where they belong."""
    folder = module.parent.as_posix()
    places = [TESTS / place / f"test_{module.name}" for place in (folder, ALSO_IN.get(folder, folder))]
    return any(path.is_file() and "\ndef test_" in path.read_text(encoding="utf-8") for path in places)


def test_every_module_has_a_test_file_of_its_own_or_a_reason_not_to():
    assert {module.as_posix() for module in MODULES if not has_tests(module)} == set(WITHOUT)


def test_no_two_test_files_share_a_name():
    """As the folders of tests are no packages, pytest would import one of the two in place of both."""
    names = Counter(path.name for path in TESTS.rglob("test_*.py"))
    assert [name for name, n in names.items() if n > 1] == []
