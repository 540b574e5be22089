from __future__ import annotations

import pytest

from naslib_archlock.compute.core_time import core_time


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.3, "2 core seconds or less"), (2.0, "2 core seconds"), (119.0, "119 core seconds"), (1560.0, "26 core minutes"),
     (7199.0, "120 core minutes"), (36_000.0, "10 core hours")],
)  # fmt: skip
def test_a_time_has_the_unit_that_suits_it(seconds, text):
    assert core_time(seconds) == text
