from __future__ import annotations

import numpy as np

from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.strategies.fitness import ExpectedFitness

VALUES = np.random.default_rng(0).standard_normal(len(DIGITS.distinct()))


def test_every_function_has_its_value():
    np.testing.assert_array_equal(ExpectedFitness(DIGITS, VALUES).of(DIGITS.distinct()), VALUES)


def test_cells_of_one_function_are_equally_fit():
    fitness, everything = ExpectedFitness(DIGITS, VALUES), DIGITS.all()
    usable = everything[np.isin(DIGITS.index(DIGITS.representatives(everything)), DIGITS.index(DIGITS.distinct()))]
    np.testing.assert_array_equal(fitness.of(usable), fitness.of(DIGITS.representatives(usable)))


def test_on_the_source_alone_all_are_alike():
    assert not ExpectedFitness(DIGITS, VALUES).on_source_alone().of(DIGITS.distinct()).any()
