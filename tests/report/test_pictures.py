from __future__ import annotations

import ast
import warnings
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib.figure import Figure

from naslib_archlock.report.pictures import plain, png, svg

LONG = "a label that goes on and on, far longer than any picture has room for, number 3"


def drawn(label: str) -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [1, 0])
    figure.axes[0].set_title(plain(label))
    return figure


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("TU, lambda 1", "TU, lambda 1"),
        ("costs $5 and $6", r"costs \$5 and \$6"),
        (r"$\frac", r"\$\frac"),
        ("one  two\tthree", "one two three"),
        ("two lines of words that take some room", "two lines of words that take\nsome room"),
        (LONG, f"a label that goes on and on,\n…{LONG[-29:]}"),
        ("_hidden", " _hidden"),
        ("a\x01b", "a\N{REPLACEMENT CHARACTER}b"),
        ("", ""),
    ],
)
def test_labels_are_no_formulas_and_take_at_most_two_lines(label, shown):
    assert plain(label) == shown


@pytest.mark.parametrize("label", [r"$\frac{1}$", "<script>alert(1)</script> & --> ]]>", "a\x01b", "x" * 300])
def test_whatever_a_label_is_the_files_are_whole(label):
    assert png(drawn(label)).startswith(b"\x89PNG")
    tags = {str(element.tag).rpartition("}")[2] for element in ElementTree.fromstring(svg(drawn(label))).iter()}
    assert "path" in tags
    assert "script" not in tags


def test_a_label_that_the_font_lacks_is_no_reason_to_complain():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert png(drawn("网络 \N{LOCK}"))


def test_files_hold_no_date_and_no_version():
    for data in (svg(drawn("one")), png(drawn("one"))):
        assert b"dc:date" not in data
        assert b"atplotlib" not in data.replace(b"matplotlib.axis", b"")


@pytest.mark.parametrize("salt", [None, "the user's"])
def test_the_same_picture_has_the_same_bytes_and_settings_stay_as_they_were(monkeypatch, salt):
    expected = png(drawn("one")), svg(drawn("one"))
    monkeypatch.setitem(matplotlib.rcParams, "svg.hashsalt", salt)
    assert (png(drawn("one")), svg(drawn("one"))) == expected
    assert png(drawn("two")) != expected[0]
    assert svg(drawn("two")) != expected[1]
    assert matplotlib.rcParams["svg.hashsalt"] == salt


# -- every picture of this project is made under settings of its own ---------------------------------------------------

REPO = Path(__file__).resolve().parents[2]
FILES = sorted(
    path
    for folder in ("naslib_archlock", "experiments", "benchmarks")
    for path in (REPO / folder).rglob("*.py")
    if "Figure(" in path.read_text(encoding="utf-8")
)


def calls_figure(node: ast.AST) -> bool:
    return any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "Figure" for n in ast.walk(node)
    )


def test_there_are_pictures():
    assert len(FILES) >= 6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(REPO).as_posix())
def test_whatever_makes_a_figure_has_settings_of_its_own(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    makers = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and calls_figure(node)]
    assert makers
    bare = [f.name for f in makers if "own_settings()" not in map(ast.unparse, f.decorator_list)]
    assert bare == []
