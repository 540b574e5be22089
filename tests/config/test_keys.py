from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import pytest

from naslib_archlock.config.keys import Key, Role, check_values, join_list, key, keys_of, names_with, split_list
from naslib_archlock.errors import ConfigError, UnknownNameError


@dataclass(frozen=True)
class Oven:
    """An example of a section."""

    heat: float = key(180.0, "How hot it is.", Role.SEARCH, low=50, high=250)
    trays: int = key(1, "How many trays are in it.", Role.DATA, Role.SEARCH)
    mode: str = key("", "How it heats.", Role.LOCK, choices=("fan", "grill"))
    lit: bool = key(False, "Whether its light is on.", Role.DATA)
    made_elsewhere: str = "no key"


def check(**values: object) -> None:
    check_values(Oven(**values), "oven.")  # type: ignore[arg-type]


def test_a_declaration_is_kept_beside_the_default():
    assert Oven() == Oven(180.0, 1, "", False)
    assert keys_of(Oven)["heat"] == Key(180.0, "How hot it is.", (Role.SEARCH,), 50, 250)
    assert keys_of(Oven)["trays"] == Key(1, "How many trays are in it.", (Role.DATA, Role.SEARCH), -inf, inf, ())
    assert list(keys_of(Oven)) == list(keys_of(Oven(heat=60.0))) == ["heat", "trays", "mode", "lit"]
    assert [declared.is_text for declared in keys_of(Oven).values()] == [False, False, True, False]


def test_keys_are_found_by_each_of_their_roles():
    assert names_with(Oven, Role.SEARCH) == ("heat", "trays")
    assert names_with(Oven, Role.DATA) == ("trays", "lit")
    assert names_with(Oven, Role.LOCK, Role.DATA) == ("trays", "mode", "lit")
    assert names_with(Oven, Role.AUDIT) == names_with(Oven) == ()


@pytest.mark.parametrize("heat", [49.9, 251, nan, inf, -inf])
def test_numbers_out_of_range_are_refused(heat):
    with pytest.raises(ConfigError, match=rf"^oven\.heat={heat} must lie in \[50, 250\]$"):
        check(heat=heat)


def test_both_ends_of_a_range_and_any_number_without_one_are_allowed():
    for values in ({"heat": 50}, {"heat": 250}, {"trays": -(10**30)}, {"trays": 10**30}, {"lit": True}):
        check(**values)


def test_choices_are_told_and_the_default_is_always_allowed():
    for mode in ("", "fan", "grill"):
        check(mode=mode)
    message = r"^unknown oven\.mode 'gril'; known: fan, grill; did you mean 'grill'\?$"
    with pytest.raises(UnknownNameError, match=message):
        check(mode="gril")


def test_a_section_may_say_its_ranges_in_its_own_words():
    with pytest.raises(ConfigError, match=r"^heat=20\.0 must be 50 or more$"):
        check_values(Oven(heat=20.0), "", "be {low} or more")


def test_lists_have_commas():
    assert split_list(" a, b ,,c d,") == ("a", "b", "c d")
    assert split_list("") == split_list(" , ") == ()


@pytest.mark.parametrize(
    "parts", [(), ("a",), ("./cats, dogs",), ("a", "b, c", 'd "e" f'), ('"', ",", "x"), ("with space", "é")]
)
def test_names_with_commas_survive_a_list(parts):
    assert split_list(join_list(parts)) == parts
