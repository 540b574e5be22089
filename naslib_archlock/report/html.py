"""The report of a study, and of a run, as one HTML page that needs nothing else: no server, network or library."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from .. import __version__
from .run_report import RunReport
from .study_report import StudyReport
from .tables import are_figures

_LOADER = PackageLoader(__package__)
# With autoescape, the page shows the name of a method as text, whatever it is.
_TEMPLATES = Environment(loader=_LOADER, autoescape=True, undefined=StrictUndefined)


def html_page(report: StudyReport, svgs: Mapping[str, bytes]) -> str:
    """The page of a study. Args: svgs: the SVG file of each picture, by its name."""
    drawings = {
        f"{section.slug} {i}": drawing.svg
        for section in report.sections
        for i, drawing in enumerate(section.choices.drawings)
    }
    return _page("study.html", report, {**svgs, **drawings})


def run_page(report: RunReport) -> str:
    """The page of a run."""
    return _page("run.html", report, {"found": report.drawing})


def _page(template: str, report: Any, svgs: Mapping[str, bytes]) -> str:
    style, script = (_LOADER.get_source(_TEMPLATES, name)[0] for name in ("page.css", "page.js"))
    return _TEMPLATES.get_template(template).render(
        report=report,
        images={name: _data_url(svg) for name, svg in svgs.items()},
        are_figures=are_figures,
        version=__version__,
        style=style,
        script=script,
        policy=_policy(style, script),
    )


def _data_url(svg: bytes) -> str:
    """A picture within the page; percent-encoded SVG is shorter than base64, and compresses far better."""
    return "data:image/svg+xml," + quote(svg, safe="/ ()*!~:?,=;@+$[]")


def _policy(style: str, script: str) -> str:
    """What the browser may load and run: pictures from within the page, our own style and script, and nothing else."""
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
