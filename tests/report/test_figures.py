from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from study_results import COMPARE_WITH, METHODS, REFERENCE, digits_results

from naslib_archlock.report.figures import cost_figure, pair_figure, rows_of, score_figure
from naslib_archlock.report.pictures import png, svg
from naslib_archlock.studies.statistics import Statistics, analyse

LONG = [f"a label that goes on and on, far longer than any picture has room for, number {i}" for i in range(16)]


@pytest.fixture(scope="module")
def statistics() -> Statistics:
    """The statistics of a small study on the embedded benchmark, at budgets 2% and 5%."""
    return analyse(digits_results(), METHODS, REFERENCE, COMPARE_WITH)


def many_methods(statistics: Statistics) -> Statistics:
    """The same figures under sixteen more names, all long."""

    def multiply(frame: pd.DataFrame) -> pd.DataFrame:
        some = frame[frame["method"] == "ceiling"]
        return pd.concat([frame, *(some.assign(method=label) for label in LONG)], ignore_index=True)

    return Statistics(*map(multiply, statistics))


def one_budget(statistics: Statistics) -> Statistics:
    """The figures at budget 2%; the method to compare with has a long name."""
    return Statistics(*(rows_of(frame, "digits", 2.0).replace(COMPARE_WITH, LONG[0]) for frame in statistics))


def all_figures(statistics: Statistics) -> dict[str, Figure]:
    return {
        "scores": score_figure(statistics.summary, statistics.summary["method"].iloc[3]),
        "pairs": pair_figure(rows_of(statistics.pairs, "digits", 2.0), "digits"),
        "costs": cost_figure(statistics.summary, statistics.pairs),
    }


def panels(figure: Figure) -> list:
    return [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """The pairs of tick labels, titles and legend entries that overlap, and the texts that stick out."""
    figure.draw_without_rendering()
    whole = figure.bbox
    groups = [legend.get_texts() for legend in figure.legends]
    for axis in figure.axes:
        low, high = axis.get_xlim()  # matplotlib also has ticks beyond the ends, which it does not draw
        ticks = [text for text in axis.get_xticklabels() if low <= text.get_position()[0] <= high]
        groups += [[*ticks, axis.title], axis.get_yticklabels()]
    found = []
    for group in groups:
        texts = [text for text in group if text.get_visible() and text.get_text()]
        boxes = [text.get_window_extent() for text in texts]
        for i, (text, box) in enumerate(zip(texts, boxes)):
            if not (whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1):
                found.append((text.get_text(), "sticks out"))
            if text.get_rotation() == 0:
                found += [(text.get_text(), texts[j].get_text()) for j in range(i) if box.overlaps(boxes[j])]
    return found


@pytest.mark.parametrize("name", ["scores", "pairs", "costs"])
@pytest.mark.parametrize("change", [lambda s: s, many_methods, one_budget], ids=["few", "many", "one"])
def test_labels_can_be_read(statistics, name, change):
    assert overlaps(all_figures(change(statistics))[name]) == []


def test_scores_are_drawn_with_both_intervals_one_panel_a_budget(statistics):
    figure = score_figure(statistics.summary, COMPARE_WITH)
    assert [axis.get_title() for axis in figure.axes] == ["digits, source budget 2%", "digits, source budget 5%"]
    for axis, budget in zip(figure.axes, (2.0, 5.0)):
        rows = rows_of(statistics.summary, "digits", budget)
        points = axis.collections[2].get_offsets()
        assert points[:, 0].tolist() == pytest.approx(rows["lock_score"].tolist())
        ends = np.array([path.vertices[:, 0] for path in axis.collections[0].get_paths()])
        assert ends == pytest.approx(rows[["lock_score_low", "lock_score_high"]].to_numpy())
        first, last = (points[i, 1] for i in (0, -1))
        assert axis.transData.transform((0, first))[1] > axis.transData.transform((0, last))[1]  # the first is on top
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(METHODS)


def test_pairs_are_drawn_one_panel_a_method_with_their_figures(statistics):
    rows = rows_of(statistics.pairs, "digits", 2.0)
    figure = pair_figure(rows, "digits")
    assert [axis.get_title() for axis in panels(figure)] == list(METHODS)
    for axis, method in zip(panels(figure), METHODS):
        of_method = rows[rows["method"] == method]
        expected = sorted(
            "✗" if outside == 100 else f"{score:.2f}".replace("-0.00", "0.00")
            for score, outside in zip(of_method["lock_score"], of_method["outside_budget_pct"])
        )
        assert sorted(text.get_text() for text in axis.texts) == expected
        assert np.isnan(axis.images[0].get_array().filled(np.nan)).sum() == 1  # the pair noise, edges was not run


def test_costs_beyond_three_budgets_stand_at_the_edge(statistics):
    figure = cost_figure(statistics.summary, statistics.pairs)
    for axis, budget in zip(figure.axes, (2.0, 5.0)):
        rows = rows_of(statistics.summary, "digits", budget)
        assert rows["source_loss_pct"].max() > 3 * budget
        means = np.concatenate([dots.get_offsets() for dots in axis.collections[1::2]])
        assert means[:, 0].tolist() == pytest.approx(rows["source_loss_pct"].clip(upper=3 * budget).tolist())
        assert means[:, 1].tolist() == pytest.approx(rows["target_drop_pct"].tolist())
        low, high = axis.get_xlim()
        assert low < means[:, 0].min() <= means[:, 0].max() < high
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["source budget", *METHODS]


def test_costs_within_three_budgets_take_all_the_room(statistics):
    cheap = Statistics(*(frame[~frame["method"].isin(["random", "best of 50"])] for frame in statistics))
    for axis, budget in zip(cost_figure(cheap.summary, cheap.pairs).axes, (2.0, 5.0)):
        assert budget < axis.get_xlim()[1] < 1.5 * budget


def test_a_space_without_some_budget_leaves_its_panel_empty(statistics):
    part = Statistics(
        *(
            pd.concat([frame, rows_of(frame, "digits", 2.0).assign(space="nasbench201")], ignore_index=True)
            for frame in statistics
        )
    )
    assert len(score_figure(part.summary, COMPARE_WITH).axes) == 4
    assert png(score_figure(part.summary, COMPARE_WITH))
    assert png(cost_figure(part.summary, part.pairs))


def test_every_method_is_in_the_legend(statistics):
    renamed = Statistics(*(frame.replace("random", "_random") for frame in statistics))
    legend = cost_figure(renamed.summary, renamed.pairs).legends[0]
    assert " _random" in [text.get_text() for text in legend.get_texts()]


def test_a_hostile_label_is_drawn_as_it_is(statistics):
    label = r"$\frac{1}$ <script>alert(1)</script> & --> ]]>"
    renamed = Statistics(*(frame.replace("random", label) for frame in statistics))
    for figure in all_figures(renamed).values():
        assert png(figure).startswith(b"\x89PNG")
        tags = {str(element.tag).rpartition("}")[2] for element in ElementTree.fromstring(svg(figure)).iter()}
        assert "path" in tags
        assert tags.isdisjoint({"script", "foreignObject", "a"})


DRAW = """
import sys, hashlib
sys.path.insert(0, sys.argv[1])
from test_figures import *
found = analyse(digits_results(), METHODS, REFERENCE, COMPARE_WITH)
for figure in all_figures(found).values():
    print(hashlib.sha256(png(figure)).hexdigest(), hashlib.sha256(svg(figure)).hexdigest())
"""


@pytest.mark.slow
def test_the_same_figures_have_the_same_bytes_in_every_process(statistics, child_environment, request):
    folder = request.path.parent
    command = [sys.executable, "-c", DRAW, str(folder)]
    environment = {**child_environment, "PYTHONPATH": f"{child_environment['PYTHONPATH']}:{folder.parent}"}
    runs = [
        subprocess.run(command, env={**environment, "PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True)
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(set(runs[0].stdout.split())) == 6


def test_pictures_have_settings_of_their_own(statistics, users_settings):
    def files() -> list[bytes]:
        return [write(figure) for figure in all_figures(statistics).values() for write in (png, svg)]

    ours = files()
    with matplotlib.rc_context(users_settings):
        assert files() == ours
        assert matplotlib.rcParams["font.size"] == 20  # and the session keeps its own
