from __future__ import annotations

from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib.figure import Figure

from naslib_archlock.report.architecture import Panel, architecture_figure, architecture_png, live_slots
from naslib_archlock.report.pictures import svg
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, SPACES, TRANSBENCH101_MACRO


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axis in figure.axes for text in axis.texts if text.get_text()]


def test_the_edges_of_a_cell_carry_their_operations():
    figure = architecture_figure(NASBENCH201, [Panel("found", (3, 1, 2, 0, 4, 3))])
    assert sorted(texts(figure)) == sorted(
        ["in", "1", "2", "out", "conv 3x3", "skip", "conv 1x1", "avg pool", "conv 3x3"]
    )
    assert figure.axes[0].get_title() == "found"


@pytest.mark.parametrize(
    ("cell", "live"),
    [
        ((0, 0, 0, 0, 0, 0), set()),
        ((3, 3, 0, 1, 0, 0), {3}),  # nodes 1 and 2 lead nowhere
        ((0, 0, 2, 0, 3, 3), set()),  # nodes 1 and 2 get nothing
        ((3, 0, 2, 0, 0, 1), {0, 2, 5}),
        ((1, 1, 1, 1, 1, 1), set(range(6))),
    ],
)
def test_the_live_edges_lie_on_a_path_from_input_to_output(cell, live):
    assert live_slots(cell) == live


def test_dead_edges_are_grey_and_dashed():
    axis = architecture_figure(DIGITS, [Panel("", (3, 3, 0, 1, 0, 0))]).axes[0]
    arrows = [patch for patch in axis.patches if hasattr(patch, "get_arrowstyle")]
    assert len(arrows) == 3
    assert sorted(arrow.get_linestyle() == "-" for arrow in arrows) == [False, False, True]


def test_a_cell_without_a_path_says_so():
    assert "no path from input to output" in texts(architecture_figure(DIGITS, [Panel("", (0,) * 6)]))


def test_a_macro_architecture_is_a_row_of_modules():
    shown = texts(architecture_figure(TRANSBENCH101_MACRO, [Panel("", (1, 4, 3, 2, 0, 0))]))
    assert shown == ["in", "plain", "channels x 2\nresolution / 2", "resolution\n/ 2", "channels\nx 2", "out"]


@pytest.mark.parametrize("space", SPACES.values(), ids=list(SPACES))
def test_every_space_has_drawings_with_the_same_bytes_whatever_the_users_settings(space, users_settings):
    arch = tuple(space.distinct()[-1].tolist())
    ours = architecture_png(space, arch, "$\\frac$ <b>")
    assert ours.startswith(b"\x89PNG")
    with matplotlib.rc_context(users_settings):
        assert architecture_png(space, arch, "$\\frac$ <b>") == ours


def test_several_stand_side_by_side():
    panels = [Panel(str(i), (3, 1, 2, 0, 4, 3)) for i in range(4)]
    figure = architecture_figure(NASBENCH201, panels, n_columns=3)
    assert [axis.get_title() for axis in figure.axes] == ["0", "1", "2", "3"]
    assert ElementTree.fromstring(svg(figure)).tag.endswith("svg")
