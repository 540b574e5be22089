"""What lower folders may ask of NASLib, where it cannot be used. ``tests/integration`` asks the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from naslib_archlock.errors import NaslibError, UnknownNameError
from naslib_archlock.plugin import facade
from naslib_archlock.plugin.compat import HOME_VARIABLE


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where NASLib is looked for; it is empty, and no other NASLib can be found."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setattr("naslib_archlock.plugin.compat.importlib.util.find_spec", lambda name: None)
    return tmp_path


@pytest.fixture
def empty(nowhere: Path) -> Path:
    """A checkout without a benchmark file, and without any code."""
    (nowhere / "naslib" / "data").mkdir(parents=True)
    (nowhere / "naslib" / "__init__.py").touch()
    return nowhere


def test_the_checkout_is_found_with_its_data(empty):
    assert facade.home() == empty
    assert facade.data_folder() == empty / "naslib" / "data"


@pytest.mark.parametrize("ask", [facade.home, facade.data_folder, facade.optimizer_picks])
def test_without_naslib_it_is_said_where_it_was_looked_for_and_how_to_get_it(nowhere, ask):
    with pytest.raises(NaslibError, match=f"not importable, and {nowhere} holds no checkout; get it with 'git clone"):
        ask()


@pytest.mark.usefixtures("torch")
def test_without_naslib_no_data_set_is_read(nowhere):
    with pytest.raises(NaslibError, match=f"{nowhere} holds no checkout"):
        facade.read_dataset("cifar10", 10)


@pytest.mark.usefixtures("torch")
def test_data_sets_that_naslib_does_not_load_are_named(empty):
    with pytest.raises(UnknownNameError, match="did you mean 'cifar10'"):
        facade.read_dataset("cifar11", 10)
    with pytest.raises(NaslibError, match="on images of Taskonomy, which NASLib reads from"):
        facade.read_dataset("normal", 10)
