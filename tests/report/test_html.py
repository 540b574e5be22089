"""The HTML page of a study, as text and in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import pytest
import yaml
from browser import brightness
from study_results import COMPARE_WITH, METHODS, STUDY, digits_results

from naslib_archlock.benchmarks.benchmark import FROM_SCRATCH
from naslib_archlock.report.html import html_page
from naslib_archlock.report.pictures import svg
from naslib_archlock.report.study_report import study_report
from naslib_archlock.studies.statistics import analyse
from naslib_archlock.studies.study import study_from

HOSTILE = (
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'> \" onload=\"window.hacked = 3 {{7*7}} "
    "--> ]]> </svg> $\\frac$ é→"
)
# A study refuses a label that is not one printable line. A task's name comes from results.csv, so it may be anything.
HOSTILE_TASK = "</text></svg><script>window.hacked = 4</script>\n$\\frac{$ \x01 _ % --> é"
SECTIONS = ("digits, source budget 2%", "digits, source budget 5%")


PAIRS = (("digit", "jigsaw"), ("digit", "edges"), ("noise", "jigsaw"))


def page_of(label: str, task: str = "noise", pairs: Sequence[tuple[str, str]] = PAIRS) -> str:
    """The page of a small study on the embedded benchmark, with a method called ``label`` and a source ``task``."""
    raw = yaml.safe_load(STUDY)
    raw["about"] = f"What do the simplest methods reach, and {label}?"
    raw["methods"] = {label if name == "random" else name: options for name, options in raw["methods"].items()}
    study = study_from(raw)
    results = digits_results(pairs).replace({"method": {"random": label}, "source": {"noise": task}})
    statistics = analyse(results, list(study.methods), study.reference, study.compare_with)
    report = study_report(study, results, statistics, Path("my results"), {"machine": "a <b>"})
    return html_page(report, {picture.name: svg(picture.figure) for picture in report.all_pictures()})


@pytest.fixture(scope="module")
def text() -> str:
    """The page."""
    return page_of("random")


@pytest.fixture(scope="module")
def hostile_text() -> str:
    """The page with attacks as names of a method and a task."""
    return page_of(HOSTILE, HOSTILE_TASK)


class Elements(HTMLParser):
    """Collects every element of a page, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


# -- as text -----------------------------------------------------------------------------------------------------------


def test_nothing_is_asked_for_from_anywhere(text):
    for tag, attributes in Elements(text).found:
        for name in ("src", "href", "action", "data", "srcset"):
            assert re.match(r"data:|#", attributes.get(name) or "#"), (tag, name)
    around_pictures = re.sub(r'src="data:[^"]*"', "", text)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|https?:", around_pictures)
    policy = next(
        m["content"] for m in Elements(text).named("meta") if m.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


@pytest.mark.parametrize("which", ["text", "hostile_text"])
def test_the_only_script_is_ours(request, which):
    elements = Elements(request.getfixturevalue(which))
    assert len(elements.named("script")) == 1
    drawings = [figure for figure in elements.named("figure") if figure.get("class") == "drawing"]
    assert len(drawings) >= 2 * 3  # in each section, the choices of five methods, each architecture once
    assert len(elements.named("img")) == 4 + len(drawings)
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]


def test_the_pictures_of_hostile_names_are_pictures(hostile_text):
    """The pictures are valid XML, and the names are drawn as text, not as elements."""
    for image in Elements(hostile_text).named("img"):
        svg_file = unquote_to_bytes((image["src"] or "").partition(",")[2])
        root = ElementTree.fromstring(svg_file)
        tags = {element.tag.rpartition("}")[2] for element in root.iter() if isinstance(element.tag, str)}
        assert root.tag.endswith("}svg")
        assert "path" in tags
        assert not tags & {"script", "foreignObject", "a", "iframe", "img"}
        assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]


def test_a_reader_who_does_not_see_it_can_follow_it(text):
    elements = Elements(text)
    assert elements.named("html") == [{"lang": "en"}]
    assert all(th.get("scope") in ("col", "row") for th in elements.named("th"))
    assert all(len(img["alt"] or "") > 30 for img in elements.named("img"))
    assert text.count("<caption>") == text.count("<table>") == 12
    assert len(elements.named("h1")) == 1


def test_it_says_what_was_asked_what_was_found_and_what_was_not(text):
    plain = re.sub(r"<[^>]+>", " ", text)
    assert "What do the simplest methods reach, and random?" in plain
    assert FROM_SCRATCH in plain
    assert "archlock compare &#39;my results/study.yaml&#39; --out &#39;my results&#39;" in plain
    assert "a &lt;b&gt;" in plain  # the machine
    assert "✗: outside the source budget (a mean: with every seed)" in plain
    assert "node3 = " in plain
    assert "Looked up target accuracies, which an owner does not have: ceiling." in plain
    assert "With 3 pairs Wilcoxon&#39;s test gives no p below 0.25" in plain
    # The labels of all methods are in every table of both sections, and in the definition.
    for method in METHODS:
        assert plain.count(method) >= 2 * 3


def test_the_same_results_have_the_same_page(text):
    assert page_of("random") == text


# -- in a browser ------------------------------------------------------------------------------------------------------


class Opened:
    """A page opened from a file, and all events since then."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = browser.new_context(**options).new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.refused: list[tuple[str, str | None]] = []
        self.page.on("requestfailed", lambda request: self.refused.append((request.url, request.failure)))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.set_default_timeout(10_000)
        self.page.goto(path.as_uri())

    def column(self, table: int, heading: str) -> list[str]:
        """The cells of a column, from top to bottom."""
        locator = self.page.locator("table").nth(table)
        headings = [name.strip() for name in locator.locator("thead th").all_inner_texts()]
        cells = locator.locator(f"tbody tr > :nth-child({headings.index(heading) + 1})")
        return [cell.strip() for cell in cells.all_inner_texts()]

    def sort(self, table: int, heading: str) -> None:
        self.page.locator("table").nth(table).get_by_role("button", name=heading, exact=True).click()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    opened: list[Opened] = []

    def open_it(text: str, **options: Any) -> Opened:
        path = tmp_path / "report.html"
        path.write_text(text, encoding="utf-8")
        opened.append(Opened(browser, path, **options))
        return opened[-1]

    yield open_it
    for each in opened:
        each.page.context.close()


def is_seen(locator: Any) -> bool:
    box = locator.bounding_box()
    return box is not None and box["width"] > 50 and box["height"] > 20


@pytest.mark.parametrize("which", ["text", "hostile_text"])
def test_tables_and_pictures_are_there_without_complaints_or_requests(open_page, request, which, tmp_path):
    opened = open_page(request.getfixturevalue(which))
    page = opened.page
    assert page.title() == "simple: lock scores"
    assert [h.split("\n")[0] for h in page.locator("h2").all_inner_texts()[1:3]] == list(SECTIONS)
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    tables = page.locator("table")
    assert tables.count() == 12
    assert all(is_seen(tables.nth(i)) for i in range(12))
    pictures = page.locator("img")
    assert pictures.count() >= 4 + 2 * 3
    for i in range(pictures.count()):
        assert is_seen(pictures.nth(i))
        assert pictures.nth(i).evaluate("img => img.complete && img.naturalWidth") > 300
    assert opened.requests == [(tmp_path / "report.html").as_uri()]
    assert opened.complaints == []
    assert page.evaluate("window.hacked") is None


def test_a_label_is_shown_as_it_is_written(open_page, hostile_text):
    opened = open_page(hostile_text)
    for table, per_method in ((0, 1), (1, 1)):
        assert opened.column(table, "method").count(HOSTILE) == per_method
    assert HOSTILE in opened.page.locator("header").inner_text()


def test_scripts_and_requests_from_elsewhere_are_refused(open_page, text):
    opened = open_page(text)
    opened.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<p id='p' onclick='window.hacked = 2'>x</p>");
            document.getElementById("p").click();
            document.body.insertAdjacentHTML("beforeend", "<img src='http://127.0.0.1:9/x.png'>");
        }"""
    )
    opened.page.wait_for_timeout(200)
    assert opened.page.evaluate("window.hacked") is None
    assert opened.refused == [("http://127.0.0.1:9/x.png", "csp")]
    assert len([complaint for complaint in opened.complaints if "Content Security Policy" in complaint]) == 3


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(open_page, text):
    opened = open_page(text)
    losses = [float(cell) for cell in opened.column(0, "source accuracy lost, %")]
    assert losses != sorted(losses)
    opened.sort(0, "source accuracy lost, %")
    assert [float(cell) for cell in opened.column(0, "source accuracy lost, %")] == sorted(losses)
    opened.sort(0, "source accuracy lost, %")
    assert [float(cell) for cell in opened.column(0, "source accuracy lost, %")] == sorted(losses, reverse=True)
    assert opened.page.locator("th[aria-sort]").evaluate_all("all => all.map(th => th.ariaSort)") == ["descending"]
    opened.sort(0, "method")
    assert opened.column(0, "method") == sorted(METHODS)
    assert opened.column(1, "method") == [method for method in METHODS if method != COMPARE_WITH]  # the original order
    assert opened.page.locator("th[aria-sort]").count() == 1


def test_rows_without_a_figure_stay_last(open_page, text):
    opened = open_page(text)
    for _ in range(2):
        opened.sort(0, "lock score: interval over seeds")
        cells = opened.column(0, "lock score: interval over seeds")
        assert [cell == "-" for cell in cells] == [False, False, True, True, True]


def test_headings_show_that_they_sort(open_page, text):
    sign = "e => getComputedStyle(e, '::after').content"
    opened = open_page(text)
    buttons = opened.page.locator("table").first.locator("thead button")
    assert all("\u2195" in content for content in buttons.evaluate_all(f"all => all.map({sign})"))
    opened.sort(0, "method")
    assert "\u25b2" in buttons.first.evaluate(sign)


def test_a_long_table_can_be_filtered_and_a_short_one_cannot(open_page):
    opened = open_page(page_of("random", pairs=(*PAIRS, ("noise", "edges"))))
    opened.page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    fields = opened.page.get_by_label("Show rows with")
    assert fields.count() == 2  # every method and pair, at each budget
    rows = fields.first.locator("xpath=following::table[1]").locator("tbody tr:visible")
    assert rows.count() == len(METHODS) * 4
    fields.first.fill("EDGES ceil")
    assert [row.split("\t")[:3] for row in rows.all_inner_texts()] == [
        ["ceiling", "digit", "edges"], ["ceiling", "noise", "edges"],
    ]  # fmt: skip
    fields.first.fill("")
    assert rows.count() == len(METHODS) * 4


def test_the_page_and_its_pictures_follow_a_change_to_the_dark(open_page, text):
    opened = open_page(text, color_scheme="light")
    pictures = [opened.page.locator("img").first, opened.page.locator(".drawing img").first]
    in_light = [brightness(element.screenshot()) for element in pictures]
    opened.page.emulate_media(color_scheme="dark")
    in_the_dark = [brightness(element.screenshot()) for element in pictures]
    assert min(in_light) > 0.8
    assert max(in_the_dark) < 0.4
    assert luminance(opened.page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")) < 0.1


def test_a_heading_can_be_reached_and_pressed_by_keyboard(open_page, text):
    opened = open_page(text)
    opened.page.locator("table").first.get_by_role("button", name="method", exact=True).focus()
    opened.page.keyboard.press("Enter")
    assert opened.column(0, "method") == sorted(METHODS)


def test_it_can_be_read_without_scripts(open_page, text):
    opened = open_page(text, java_script_enabled=False)
    assert opened.page.locator("button").count() == 0
    assert opened.column(0, "method") == list(METHODS)
    assert is_seen(opened.page.locator("img").first)
    hidden = opened.page.locator("details").first.locator("table")
    assert not hidden.is_visible()
    opened.page.locator("details summary").first.click()
    assert hidden.is_visible()


def luminance(color: str) -> float:
    """The relative luminance (WCAG 2) of ``rgb(r, g, b)``."""
    channels = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_in_the_dark(open_page, text, scheme):
    opened = open_page(text, color_scheme=scheme)
    page_color, *colors = (
        luminance(opened.page.locator(name).first.evaluate(f"e => getComputedStyle(e).{what}"))
        for name, what in (
            ("body", "backgroundColor"), ("body", "color"), ("caption", "color"), ("a", "color"), ("footer", "color"),
        )
    )  # fmt: skip
    assert (page_color > 0.9) == (scheme == "light")
    for color in colors:
        bright, dark = max(color, page_color), min(color, page_color)
        assert (bright + 0.05) / (dark + 0.05) > 4.5


def test_wide_tables_scroll_by_themselves_on_a_narrow_screen(open_page, hostile_text):
    opened = open_page(hostile_text, viewport={"width": 360, "height": 640})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
    first = opened.page.locator(".scroll").first
    assert first.evaluate("e => e.scrollWidth > e.clientWidth")


def test_paper_shows_what_is_folded_away(open_page, text):
    opened = open_page(text)
    assert opened.page.pdf().startswith(b"%PDF")
    assert opened.page.locator("details").evaluate_all("all => all.every(d => d.open)")
