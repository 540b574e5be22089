from __future__ import annotations

import pytest

from naslib_archlock.report.charts import Chart, Line, Point

KEY = (("found", "found"), ("s", "scheme S"), ("floor", "least within the budget"))


def chart(*points: Point, **more) -> Chart:
    return Chart("title", "x", "y", points, KEY, **more)


def test_higher_values_are_further_right_and_further_up():
    drawn = chart(Point(0, 0, "s", "low"), Point(10, 5, "found", "high"))
    left, top, right, bottom = drawn.panel
    (x0, y0, *_), (x1, y1, kind, label) = drawn.marks()
    assert left < x0 < x1 < right
    assert top < y1 < y0 < bottom
    assert (kind, label) == ("found", "high")


def test_the_key_holds_only_what_is_drawn():
    assert chart(Point(0, 0, "s", "")).shown_key == [("s", "scheme S")]
    with_line = chart(Point(0, 0, "s", ""), lines=[Line("floor", [0, 1], [0, 1])])
    assert with_line.shown_key == [("s", "scheme S"), ("floor", "least within the budget")]


def test_intervals_and_bands_lie_within_the_panel():
    drawn = chart(Point(1, 1, "s", "", (0, 2), (-3, 4)), lines=[Line("band", [1, 2], [0, 0], [9, 9])])
    left, top, right, bottom = drawn.panel
    corners = [tuple(map(float, text.split(","))) for _, points, _ in drawn.paths() for text in points.split()]
    ends = [end for x1, y1, x2, y2, _ in drawn.whiskers() for end in ((x1, y1), (x2, y2))]
    assert len(corners) == 4
    assert len(ends) == 4
    assert all(left <= x <= right and top <= y <= bottom for x, y in corners + ends)


def test_a_logarithmic_axis_has_its_own_ticks():
    across, _ = chart(Point(1, 0, "s", ""), Point(100, 1, "s", ""), x_ticks=[1, 10, 100]).ticks()
    assert [text for _, text in across] == ["1", "10", "100"]
    assert across[1][0] - across[0][0] == pytest.approx(across[2][0] - across[1][0], abs=0.2)


@pytest.mark.parametrize("points", [[], [Point(3, 3, "s", "")], [Point(0, 0, "s", ""), Point(1, 0, "s", "")]])
def test_few_or_equal_points_are_drawn(points):
    across, along = chart(*points).ticks()
    assert across
    assert along
