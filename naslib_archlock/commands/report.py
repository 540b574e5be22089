"""``archlock report``: make the page of a run, or the report of a study."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StudyError
from .options import path
from .printing import result_line

if TYPE_CHECKING:
    from ..report.study_report import Section, StudyReport
    from ..studies.statistics import Statistics

EXAMPLES = (
    "archlock report run/first",
    "archlock report run/first --out pages",
)
PAGE = "report.html"
_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("results", type=path, metavar="DIR", help="folder of a run, or of a study")
    parser.add_argument("--out", type=path, metavar="DIR", help="folder for the report (default: the same)")


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Write the page of a run, or the report of a study; the folder says which of the two it holds."""
    from ..store.locks import alone_in

    write = _write_study if _holds_study(args.results) else _write_run
    with alone_in(args.out or args.results):
        return write(args)


def _holds_study(folder: Path) -> bool:
    """Whether a folder holds a study; if not, it holds a run. Raises: StudyError: if it holds neither.

    A folder that holds neither must not become one that holds a lock.
    """
    from ..locking.run_folder import CONFIG, RESULT
    from ..studies.study_run import RESULTS, STUDY

    if any((folder / name).is_file() for name in (STUDY, RESULTS)):
        return True
    if not any((folder / name).is_file() for name in (RESULT, CONFIG)):
        raise StudyError(
            f"{folder} holds neither a run nor a study: give the folder that 'archlock search' wrote its {RESULT} to, "
            f"or the one that 'archlock compare' wrote its {RESULTS} to"
        )
    return False


def _write_run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Write the page of a run."""
    from ..report.finished_run import read_run
    from ..report.html import run_page
    from ..report.run_report import run_report
    from ..store.files import make_folder, write_text

    report = run_report(read_run(args.results))
    out = make_folder(args.out or args.results)
    write_text(out / PAGE, run_page(report))
    print(f"{report.title}\n{textwrap.fill(' '.join(report.found), _WIDTH)}")
    result_line(f"written to {out / PAGE}")
    return {"run": str(args.results), "out": str(out), "files": [PAGE], "title": report.title, "found": report.found}


def _write_study(args: argparse.Namespace) -> Mapping[str, Any]:
    from ..report.study_report import study_report
    from ..store.files import make_folder, write_bytes
    from ..studies.statistics import analyse
    from ..studies.study import load_study
    from ..studies.study_results import read_results, to_records
    from ..studies.study_run import RESULTS, STUDY, read_made

    study = load_study(_found(args.results, STUDY))
    results = read_results(_found(args.results, RESULTS))
    for column, known in (("method", study.methods), ("space", study.spaces)):
        strangers = sorted(set(results[column]) - set(known))
        if strangers:
            raise StudyError(f"{args.results / RESULTS} holds {column}s that {STUDY} does not: {', '.join(strangers)}")
    statistics = analyse(results, list(study.methods), study.reference, study.compare_with)
    report = study_report(study, results, statistics, args.results, read_made(args.results))
    files = report_files(report, statistics)  # all are made before the first is written, so that an error leaves none
    out = args.out or args.results
    for folder in sorted({(out / name).parent for name in files}):
        make_folder(folder)
    for name, data in files.items():
        write_bytes(out / name, data)
    print("\n\n".join(map(_printed, report.sections)))
    print("\nIn brackets: 95% intervals over task pairs and seeds.")
    print(f"{textwrap.fill(report.meaning, _WIDTH)}")
    result_line(f"written to {out}: {PAGE}, report.md, and {len(files) - 2} files in tables and figures")
    return {
        "study": study.name,
        "out": str(out),
        "files": list(files),
        "summary": to_records(statistics.summary),
        "tests": to_records(statistics.tests),
    }


def _found(folder: Path, name: str) -> Path:
    """The path of a file that ``archlock compare`` wrote. Raises: StudyError: if it is missing."""
    path: Path = folder / name
    if not path.is_file():
        raise StudyError(f"{folder} holds no {name}; give the folder that 'archlock compare' wrote its results to")
    return path


def report_files(report: StudyReport, statistics: Statistics) -> dict[str, bytes]:
    """Every file of a report, by its path in the output folder."""
    from ..report import tables
    from ..report.html import html_page
    from ..report.markdown import markdown_page
    from ..report.pictures import png, svg

    svgs = {picture.name: svg(picture.figure) for picture in report.all_pictures()}
    texts = {PAGE: html_page(report, svgs), "report.md": markdown_page(report)}
    for name, frame in statistics._asdict().items():
        texts[f"tables/{name}.csv"] = tables.to_csv(frame)
    for section in report.sections:
        for name, frame in section.tables().items():
            texts[f"tables/{name}-{section.slug}.tex"] = tables.to_latex(frame)
    files = {name: text.encode("utf-8") for name, text in texts.items()}
    for picture in report.all_pictures():
        files[f"figures/{picture.name}.png"] = png(picture.figure)
        files[f"figures/{picture.name}.svg"] = svgs[picture.name]
    return files


def _printed(section: Section) -> str:
    """The summary of one space and budget as text, and its findings."""
    from ..report.tables import PRINTED
    from ..report.text import table

    summary = section.summary[list(PRINTED)]
    findings = [textwrap.fill(text, _WIDTH, initial_indent="* ", subsequent_indent="  ") for text in section.findings]
    return "\n".join([section.title, table([list(PRINTED.values()), *summary.to_numpy().tolist()]), *findings])
