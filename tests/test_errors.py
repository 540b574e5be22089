from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from naslib_archlock import errors
from naslib_archlock.errors import ArchLockError, OutputError, UnknownNameError, named, nearest, shown, unknown

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, ArchLockError)]


def test_every_error_has_one_base_and_a_builtin_parent():
    assert len(CLASSES) > 5
    for cls in CLASSES:
        assert cls is ArchLockError or issubclass(cls, (ValueError, RuntimeError, OSError))


@pytest.mark.parametrize(("name", "hint"), [("cifar1", "; did you mean 'cifar10'?"), ("zzz", ""), ("", "")])
def test_the_nearest_name(name, hint):
    assert nearest(name, ["cifar10", "normal"]) == hint


def test_an_unknown_name_lists_the_known_ones():
    error = unknown("task", "norml", ["normal", "jigsaw"], "some benchmark")
    assert isinstance(error, UnknownNameError)
    assert str(error) == "unknown task 'norml' in some benchmark; known: normal, jigsaw; did you mean 'normal'?"
    assert str(unknown("task", "x", [])) == "unknown task 'x'; known: none"


@pytest.mark.parametrize("text", ["", "x", "unknown task 'a'; known: b, c", "é naïve"])
def test_a_message_is_as_it_was_written(text):
    assert str(ArchLockError(text)) == str(OutputError(text)) == text
    assert str(pickle.loads(pickle.dumps(ArchLockError(text)))) == text


def test_a_message_is_one_line_that_can_be_printed():
    assert str(ArchLockError("a:\n\tb\r\n\r\n c")) == "a: b c"
    assert str(ArchLockError("\x1b[2J\u202e\ud800 \x00")) == "\\x1b[2J\\u202e\\ud800 \\x00"


def test_a_long_message_keeps_its_beginning_and_its_end():
    text = str(ArchLockError("value " + "x" * 10**6 + " is too long; cut it"))
    assert text.startswith("value xxx")
    assert text.endswith("xxx is too long; cut it")
    assert " [...] " in text
    assert len(text) < 1500


def bomb() -> Any:
    value: Any = "x"
    for _ in range(100):
        value = [value] * 9
    return value


@pytest.mark.parametrize("value", [1, -7, 1.5, None, True, "x", "a'b", [], [1, "a"], {"a": 1}, (1, (2, 3)), b"x"])
def test_values_are_shown_as_python_writes_them(value):
    assert shown(value) == repr(value)


@pytest.mark.parametrize("value", ["x" * 10**6, list(range(10**6)), {i: i for i in range(10**5)}, bomb(), 1j * 10**300])
def test_large_values_are_shown_in_short(value):
    assert len(shown(value)) < 500


def test_integers_of_thousands_of_digits_are_described():
    assert shown(16**5000) == "an integer of about 6,021 digits"
    assert shown([-(16**5000)]) == "[an integer of about 6,021 digits]"


def test_keys_are_quoted_only_where_they_must_be():
    assert [named(key) for key in ("seed", "", "a\nb", None, 1, "x" * 101)] == [
        "seed", "''", r"'a\nb'", "None", "1", repr("x" * 101)
    ]  # fmt: skip


def test_hints_are_given_for_names():
    assert nearest("cifar1", ["cifar10", "x"]) == "; did you mean 'cifar10'?"
    for name in (None, 3, "c" * 10**6, ["cifar10"]):
        assert nearest(name, ["cifar10"]) == ""
        assert "known: cifar10" in str(unknown("task", name, ["cifar10"]))
