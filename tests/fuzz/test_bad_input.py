"""Every reader accepts good input or refuses it with a clear error of ours; it prints nothing and changes no file.

``experiments/bad_input/run.py`` tries more of the same inputs, by number instead of by hypothesis.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.bad_input.targets import TARGETS, Outcome, Target, outcome, unclear
from naslib_archlock.errors import ConfigError

pytestmark = pytest.mark.slow

# The kinds whose inputs take longest have the fewest examples.
N_EXAMPLES = {"config files": 60, "tables": 40, "packed tables": 40, "results of studies": 60, "studies": 100}
N_EXAMPLES_OF_OTHERS = 200
N_NASTY = 30


def no_bug(target: Target, given_input: Any) -> Outcome:
    found = outcome(target, given_input)
    assert found.verdict in ("accepted", "refused"), f"{found.what}: {found.message}"
    return found


@pytest.mark.parametrize("name", TARGETS)
def test_random_input(name):
    """Make random changes to good input."""
    target, verdicts = TARGETS[name], Counter[str]()

    @settings(
        max_examples=N_EXAMPLES.get(name, N_EXAMPLES_OF_OTHERS),
        suppress_health_check=list(HealthCheck),  # large inputs are intended
        database=None,
    )
    @given(st.randoms(use_true_random=False))
    def check(rng):
        verdicts[no_bug(target, target.draw(rng)).verdict] += 1

    check()
    assert verdicts["refused"] > sum(verdicts.values()) / 10


@pytest.mark.parametrize("name", TARGETS)
def test_input_made_to_break_something(name):
    target = TARGETS[name]
    chosen = Random(0).sample(target.nasty, min(N_NASTY, len(target.nasty)))
    for given_input in chosen:
        no_bug(target, given_input)


# -- what counts as a bug ----------------------------------------------------------------------------------------------


def target_that(read: Any, check: Any = lambda *args: None, called: str = "") -> Target:
    return Target("t", lambda rng: None, (), lambda given_input, folder: folder, read, check, called)


def complain(text: str) -> Any:
    def read(folder):
        raise ConfigError(text)

    return read


def change(folder):
    (folder / "new").write_text("x")


def leak(folder):
    import warnings

    warnings.warn("numpy says something", RuntimeWarning, stacklevel=1)


def say(folder):
    print("something")


def fail(*args):
    raise KeyError("x")


@pytest.mark.parametrize("read", [fail, change, leak, say, complain("x.yaml"), complain("a b c d e f")])
def test_a_bug_is_seen(read):
    assert outcome(target_that(read, called="x.yaml"), None).verdict == "bug"


def test_what_was_read_is_checked():
    assert outcome(target_that(lambda folder: 3, fail), None).verdict == "bug"
    assert outcome(target_that(lambda folder: 3), None).verdict == "accepted"
    assert outcome(target_that(complain("x.yaml is no good at all"), called="x.yaml"), None).verdict == "refused"


def test_a_hang_is_seen():
    def hang(folder):
        while True:
            pass

    found = outcome(target_that(hang), None, limit_s=0.05)
    assert (found.verdict, found.what) == ("bug", "Hang")


@pytest.mark.parametrize("message", ["x" * 3000, "a b c\nd e", "a b \x1b[2J c d", "no"])
def test_unclear_messages(message):
    assert unclear(message, "")
