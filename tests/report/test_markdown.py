from __future__ import annotations

import dataclasses
import re

import pandas as pd
import pytest
from matplotlib.figure import Figure

from naslib_archlock.report.markdown import markdown_page
from naslib_archlock.report.study_choices import Choices
from naslib_archlock.report.study_report import Picture, Section, StudyReport

TABLE = pd.DataFrame({"method": ["one", "two"], "score": ["0.50", "-"]})
EMPTY = TABLE.iloc[:0]


def section(tests: pd.DataFrame) -> Section:
    return Section(
        title="digits, 2%",
        slug="digits-2pct",
        findings=["One is better.", "Two is not."],
        summary=TABLE,
        tests=tests,
        scores=TABLE,
        pairs=TABLE,
        score_note="A cross is no figure.",
        picture=Picture("pairs-digits-2pct", "Scores of pairs.", Figure()),
        choices=Choices("What was chosen.", TABLE, Figure(), []),
    )


def report(**changes) -> StudyReport:
    made = StudyReport(
        name="small",
        about="What is better?",
        commands="archlock compare study.yaml\n",
        settings={"methods": "2"},
        made={"date": "today"},
        definition="name: small\n\nmethods:\n  one: {}\n",
        meaning="Figures are figures.",
        notes=["0 is random."],
        pictures=[Picture("costs", "What it costs.", Figure())],
        compare_with="one",
        sections=[section(TABLE)],
    )
    return dataclasses.replace(made, **changes)


def test_the_page_has_its_parts_in_order():
    blocks = markdown_page(report()).split("\n\n")
    heads = [block for block in blocks if block.startswith("#")]
    assert heads == ["# small", "## digits, 2%", "## Run it again"]
    assert blocks[1:5] == [
        "What is better?", "Figures are figures.", "![What it costs.](figures/costs.png)", "* 0 is random.",
    ]  # fmt: skip
    assert "* One is better.\n* Two is not." in blocks
    assert "![Scores of pairs.](figures/pairs-digits-2pct.png)" in blocks
    assert "Lock scores compared with one:" in blocks
    # the summary, the tests, the scores, what was chosen
    assert sum(block.startswith("| method") for block in blocks) == 4
    assert "A cross is no figure." in blocks
    assert "![What was chosen.](figures/choices-digits-2pct.png)" in blocks
    assert blocks[blocks.index("The last runs were made:") + 1] == "* date: today"


def test_without_comparisons_nothing_is_said_of_them():
    page = markdown_page(report(sections=[section(EMPTY)]))
    assert "compared with" not in page
    assert page.count("| method") == 3


def test_what_is_not_there_leaves_no_gap():
    page = markdown_page(report(notes=[], about="", pictures=[], made={}))
    assert "were made" not in page
    assert "\n\n\n" not in page
    assert page.endswith("one: {}\n")
    assert not page.endswith("\n\n")


@pytest.mark.parametrize("definition", ["```\n# no heading\n```\n", "a: |\n  text\n\n\n  more\n"])
def test_no_definition_ends_the_block_that_it_stands_in(definition):
    block = markdown_page(report(definition=definition)).rpartition("`study.yaml`:\n\n")[2]
    assert re.sub("^    ", "", block, flags=re.MULTILINE) == definition
    assert all(line == "" or line.startswith("    ") for line in block.splitlines())


def test_names_are_text_whatever_they_are():
    name = "a|b <script>alert(1)</script> ![x](y) # *"
    hostile = pd.DataFrame({"method": [name], "score": [name]})
    sections = [dataclasses.replace(section(hostile), title=name, findings=[name])]
    page = markdown_page(report(name=name, compare_with=name, sections=sections, settings={name: name}))
    assert "<script" not in page
    assert "![x](y)" not in page
    (row,) = [line for line in page.splitlines() if line.startswith(r"| a\|b")]  # of the comparisons
    assert len(re.findall(r"(?<!\\)\|", row)) == 3  # the borders of two cells
