"""The report of a study as Markdown, with its figures beside it in ``figures``."""

from __future__ import annotations

from collections.abc import Iterable

from .study_report import Picture, StudyReport
from .tables import markdown_text, to_markdown


def markdown_page(report: StudyReport) -> str:
    """The page."""
    blocks = [
        f"# {markdown_text(report.name)}",
        markdown_text(report.about),
        markdown_text(report.meaning),
        *map(_picture, report.pictures),
        _items(report.notes),
    ]
    for section in report.sections:
        blocks += [
            f"## {markdown_text(section.title)}",
            _items(section.findings),
            to_markdown(section.summary),
            f"Lock scores compared with {markdown_text(report.compare_with)}:" if len(section.tests) else "",
            to_markdown(section.tests) if len(section.tests) else "",
            _picture(section.picture),
            "Mean lock score of each pair:",
            to_markdown(section.scores),
            markdown_text(section.score_note),
            *map(_picture, section.pictures()[1:]),
            to_markdown(section.choices.table),
        ]
    settings = _items(f"{name}: {value}" for name, value in report.settings.items())
    made = _items(f"{name}: {value}" for name, value in report.made.items())
    blocks += ["## Run it again", _code(report.commands), settings]
    blocks += ["The last runs were made:", made] if made else []
    blocks += ["The definition, `study.yaml`:", _code(report.definition)]
    return "\n\n".join(block.strip("\n") for block in blocks if block) + "\n"


def _picture(picture: Picture) -> str:
    return f"![{markdown_text(picture.caption)}](figures/{picture.name}.png)"


def _items(texts: Iterable[str]) -> str:
    return "\n".join(f"* {markdown_text(text)}" for text in texts)


def _code(text: str) -> str:
    """An indented code block, which no text inside it can end."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
