"""The page of a run, as content and in a real browser."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser import brightness
from test_audit_report import LESS, MIDDLE, figures_of

from naslib_archlock.commands.main import main
from naslib_archlock.compute.intervals import accuracy_interval
from naslib_archlock.report.finished_run import Run, read_run
from naslib_archlock.report.html import run_page
from naslib_archlock.report.run_report import _on_target, run_report

KEYS = ["search_space", "digits", "dataset", "digit", "archlock.target", "edges", "search.epochs", "30",
        "archlock.source_queries", "30", "archlock.scheme", "tk", "archlock.target_queries", "5"]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("run of a page")
    assert main(["search", *KEYS, "out_dir", str(out)]) == 0
    return read_run(out / "digits" / "digit" / "archlock" / "tk" / "0")


def test_it_says_what_was_found_beside_scheme_s(run):
    report = run_report(run)
    said = " ".join(report.found)
    assert "After 30 look-ups of accuracy on digit and 5 on the targets, scheme TK chose" in said
    assert f"On the target edges, it is {run.result['targets']['edges']:.2f}" in said
    figures = report.tables["Accuracy of the architecture found and of the one that scheme S finds"]
    assert list(figures["task"]) == ["digit val", "digit test", "edges test"]
    assert "Rank percentile" in report.tables


def test_a_difference_that_the_test_images_cannot_resolve_is_no_lock(run):
    """40 less of 50 is a lock on 200 images, and 2 less is none."""

    def said(on_target: float) -> str:
        ends = {"intervals": {"targets": {"edges": accuracy_interval(on_target, 200)}}}
        of_s = {**run.result["s"], "targets": {"edges": 50.0}}
        of_s["intervals"] = {"targets": {"edges": accuracy_interval(50.0, 200)}}
        result = {**run.result, "targets": {"edges": on_target}, **ends, "s": of_s}
        return _on_target(result, "edges")

    assert said(10.0) == "On the target edges, it is 10.00: 40.00 less than that of scheme S."
    assert "48.00: 2.00 less than that of scheme S. The test images cannot tell the two apart" in said(48.0)
    assert "as much as that of scheme S" in said(50.0)
    assert "these figures show no lock" in said(50.0)


def test_trained_architectures_far_below_the_budget_are_left_out(run):
    """A search that trains shows what it trained; a network that learnt nothing would squeeze all the others."""
    rows = [row for row in csv.DictReader(io.StringIO(run.history)) if row["task"] == "digit"]
    lowest = min(float(row["accuracy"]) for row in rows)
    far = replace(run, benchmark=None, why_none="Trained.", history=run.history.replace(f"{lowest}", "1.0", 1))
    report = run_report(far)
    xs = [point.x for point in report.lock[0].points]
    assert min(xs) > 1.0
    assert len(xs) > 3
    assert re.fullmatch(r"Trained\. \d+ of 30 architectures have less than .* are left out\.", report.lock_note)


def test_the_lock_shows_each_architecture_and_says_what_it_leaves_out(run):
    report = run_report(run)
    (chart,) = report.lock
    kinds = [point.kind for point in chart.points]
    assert (kinds[-2], kinds[-1]) == ("s", "found")
    n_left_out = run.result["n_distinct"] - kinds.count("other")
    assert f"{n_left_out} of {run.result['n_distinct']} architectures have less than" in report.lock_note


def test_the_history_shows_the_look_ups_of_source_and_target(run):
    source, target = run_report(run).history
    assert len(source.points) == 30
    assert len(target.points) == 5
    assert {line.kind for line in source.lines} == {"best", "floor"}
    assert [point.kind for point in target.points].count("found") == 1  # a target look-up made the choice


def test_commands_name_the_real_folder(run):
    commands = " ".join(command for _, command in run_report(run).steps)
    assert f"archlock report '{run.folder}'" in commands
    assert f"'{run.folder}/config.yaml'" in commands


def test_without_its_benchmark_a_run_still_has_a_page(run):
    report = run_report(replace(run, benchmark=None, why_none="They are not here.", history=""))
    assert [point.kind for point in report.lock[0].points] == ["s", "found"]
    assert report.lock_note == "They are not here."
    assert report.history == []


def test_an_audit_is_shown_where_there_is_one(run):
    assert run_report(run).audit is None
    audit = run_report(replace(run, attacked=figures_of("edges", found=LESS, s=MIDDLE))).audit
    assert audit is not None
    assert [chart.title for chart in audit.charts] == ["What the attacker gets on edges, by images"]
    assert any("less in 2 of 2 settings" in finding for finding in audit.findings)


def test_the_same_run_has_the_same_page(run):
    assert run_page(run_report(run)) == run_page(run_report(read_run(Path(run.folder))))


def test_tables_sort_and_pictures_follow_a_change_to_the_dark(run, browser: Any, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(run_page(run_report(run)), encoding="utf-8")
    page = browser.new_context(color_scheme="light", viewport={"width": 1000, "height": 700}).new_page()
    page.goto(path.as_uri())
    page.locator("#history summary").click()
    heading = page.locator("#history").get_by_role("button", name="validation accuracy", exact=True)
    for sign in (1, -1):
        heading.click()
        cells = page.locator("#history tbody tr > :nth-child(4)").all_inner_texts()
        assert len(cells) == 35
        assert cells == sorted(cells, key=lambda text: sign * float(text))
    drawing, chart = page.locator("main img").first, page.locator("#lock .chart > svg")
    in_light = [brightness(element.screenshot()) for element in (drawing, chart)]
    page.emulate_media(color_scheme="dark")
    in_the_dark = [brightness(element.screenshot()) for element in (drawing, chart)]
    assert min(in_light) > 0.8
    assert max(in_the_dark) < 0.4
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_can_be_read_in_a_browser(run, browser: Any, tmp_path, scheme, width):
    attacked = figures_of("edges", found=LESS, s=MIDDLE)
    path = tmp_path / "report.html"
    path.write_text(run_page(run_report(replace(run, attacked=attacked))), encoding="utf-8")
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 700}).new_page()
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".chart").count() == 4
    mark = page.locator("#lock .chart > svg .mark.found")
    mark.click()
    assert page.locator("#lock .tip").inner_text().startswith("scheme TK finds")
    page.locator("summary").first.click()
    page.get_by_label("Show rows with").fill("edges")
    assert page.locator("#history tbody tr:visible").count() == 5
    assert requests == [path.as_uri()]
    assert complaints == []
    page.context.close()
