"""The registered schemes, and that the configuration knows the same names."""

from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.config.keys import keys_of
from naslib_archlock.config.sections import ArchLockSection
from naslib_archlock.errors import UnknownNameError
from naslib_archlock.locking.schemes import SCHEMES, get_scheme

SOURCE = np.array([1.0, 5.0, 10.0])
TARGETS = np.array([[2.0, 4.0, 9.0], [4.0, 8.0, 1.0]])


def test_the_configuration_knows_all_schemes_and_no_other():
    assert tuple(SCHEMES) == tuple(keys_of(ArchLockSection)["scheme"].choices)


def test_each_scheme_says_what_it_is():
    assert all(scheme.name == name and scheme.summary for name, scheme in SCHEMES.items())
    with pytest.raises(UnknownNameError, match="unknown scheme 'st'; known: s, tk, tu"):
        get_scheme("st")


@pytest.mark.parametrize(("name", "expected"), [("s", [-1, -5, -10]), ("tk", [2.5, 3.5, 0]), ("tu", [2.5, 3.5, 0])])
def test_fitness_by_hand(name, expected):
    np.testing.assert_array_equal(get_scheme(name).combine(trade_off=0.5, targets_by="mean")(SOURCE, TARGETS), expected)


def test_what_is_hidden():
    assert get_scheme("tk").hidden(["a", "b"]) == ()
    for name in ("s", "tu"):
        assert get_scheme(name).hidden(["a", "b"]) == ("a", "b")


def test_only_scheme_s_gives_nothing_up():
    assert [name for name, scheme in SCHEMES.items() if not scheme.locks] == ["s"]
