from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from study_results import COMPARE_WITH, METHODS, REFERENCE, STUDY, digits_results

from naslib_archlock.benchmarks.benchmark import FROM_SCRATCH
from naslib_archlock.commands.main import main
from naslib_archlock.store import sealed
from naslib_archlock.studies.statistics import analyse
from naslib_archlock.studies.study import study_from
from naslib_archlock.studies.study_results import to_csv, to_frame

FIGURES = (
    "lock_scores", "costs", "pairs-digits-2pct", "choices-digits-2pct", "pairs-digits-5pct", "choices-digits-5pct",
)  # fmt: skip
TABLES = ("summary", "pairs", "tests")
HOSTILE = "a|b <script>alert(1)</script> $x_1$ %"


def write_study(folder: Path, rename: str = "random") -> Path:
    """A folder as ``archlock compare`` leaves it, in which the method ``random`` may have another name."""
    folder.mkdir()
    raw = yaml.safe_load(STUDY)
    raw["methods"] = {rename if name == "random" else name: options for name, options in raw["methods"].items()}
    (folder / "study.yaml").write_text(study_from(raw).to_yaml(), encoding="utf-8")
    results = digits_results().replace({"method": {"random": rename}})
    (folder / "results.csv").write_text(to_csv(to_frame(results.to_dict("records"))), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of a study, for tests to copy."""
    return write_study(tmp_path_factory.mktemp("made") / "study")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of a folder with the results of a study."""
    shutil.copytree(made, tmp_path / "study")
    return tmp_path / "study"


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_report_is_pages_tables_and_figures(folder, tmp_path, capsys):
    given = files_in(folder)
    assert main(["report", str(folder), "--out", str(tmp_path / "report")]) == 0
    files = files_in(tmp_path / "report")
    expected = {"report.html", "report.md"}
    expected |= {f"tables/{name}.csv" for name in TABLES}
    expected |= {f"tables/{name}-digits-{b}pct.tex" for name in (*TABLES, "scores") for b in (2, 5)}
    expected |= {f"figures/{name}.{ending}" for name in FIGURES for ending in ("png", "svg")}
    assert set(files) == expected
    assert all(data.startswith(b"\x89PNG") for name, data in files.items() if name.endswith(".png"))
    assert all(b"<svg" in data for name, data in files.items() if name.endswith(".svg"))
    assert files_in(folder) == given
    out = capsys.readouterr().out
    assert "digits, source budget 5%" in out
    assert re.search(
        r"^ceiling +\d+\.\d \[\d+\.\d, \d+\.\d\] +\d+\.\d +\d\.\d\d \[\d\.\d\d, \d\.\d\d\]", out, re.MULTILINE
    )
    assert FROM_SCRATCH in " ".join(out.split("\n"))


def test_the_tables_hold_the_statistics_of_the_results(folder):
    assert main(["report", str(folder)]) == 0
    expected = analyse(digits_results(), METHODS, REFERENCE, COMPARE_WITH)
    for name, frame in expected._asdict().items():
        with (folder / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
        assert [row["method"] for row in rows] == list(frame["method"])
        column = "difference" if name == "tests" else "lock_score"
        assert [float(row[column]) for row in rows] == pytest.approx(list(frame[column]), abs=2e-5)


def test_the_markdown_page_shows_what_is_beside_it(folder):
    assert main(["report", str(folder)]) == 0
    text = (folder / "report.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((.+?)\)", text)
    assert links == [f"figures/{name}.png" for name in FIGURES]
    assert all((folder / link).is_file() for link in links)
    assert "# simple" in text
    assert "What do the simplest methods reach on the embedded benchmark?" in text
    assert FROM_SCRATCH in text
    assert 'Not shown to be better than "fewest weights" (no interval that excludes 0)' in text
    definition = text.rpartition("`study.yaml`:\n\n")[2]
    assert yaml.safe_load(definition) == yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_same_results_have_the_same_report(folder, made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "again" / "study")
    for parent in (tmp_path, tmp_path / "again", tmp_path):  # the page names the folder as it was given
        monkeypatch.chdir(parent)
        assert main(["report", "study"]) == 0
        assert files_in(folder) == files_in(parent / "study")


def test_a_report_says_when_and_where_the_runs_were_made(folder, capsys):
    assert main(["report", str(folder)]) == 0  # of an earlier version, which did not keep it
    assert "were made" not in (folder / "report.md").read_text(encoding="utf-8")
    sealed.write(folder / "made.json", {"date": "2026-01-02 03:04 UTC", "machine": "Linux <b>"})
    assert main(["report", str(folder)]) == 0
    assert "* date: 2026-01-02 03:04 UTC\n* machine: Linux" in (folder / "report.md").read_text(encoding="utf-8")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert '<th scope="row">machine</th><td>Linux &lt;b&gt;</td>' in page
    assert f"archlock compare {folder}/study.yaml --out {folder}" in page
    (folder / "made.json").write_text("{}", encoding="utf-8")
    assert main(["report", str(folder)]) == 2
    assert "made.json cannot be read" in capsys.readouterr().err


def test_json_has_null_for_what_is_not_there(folder, capsys):
    assert main(["report", str(folder), "--json"]) == 0
    result = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert result["study"] == "simple"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        *result["files"], "results.csv", "study.yaml",
    }  # fmt: skip
    ceiling = next(row for row in result["summary"] if row["method"] == "ceiling")
    assert ceiling["lock_score"] > 0.5
    assert ceiling["lock_score_seeds_low"] is None
    assert [row["method"] for row in result["tests"]] == 2 * [name for name in METHODS if name != COMPARE_WITH]


def test_a_method_may_be_called_anything(tmp_path):
    folder = write_study(tmp_path / "study", HOSTILE)
    assert main(["report", str(folder)]) == 0
    assert HOSTILE in (folder / "tables" / "summary.csv").read_text(encoding="utf-8")
    markdown = (folder / "report.md").read_text(encoding="utf-8").partition("## Run it again")[0]
    assert r"a\|b &lt;script&gt;alert(1)&lt;/script&gt; \$x\_1\$ %" in markdown
    assert "<script" not in markdown
    tex = (folder / "tables" / "summary-digits-2pct.tex").read_text(encoding="utf-8")
    assert r"a|b \textless{}script\textgreater{}alert(1)\textless{}/script\textgreater{} \$x\_1\$ \%" in tex


def test_an_incomplete_study_says_what_is_missing(folder):
    path = folder / "results.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    is_lost = [",random," in line and "digit,edges,2.0" in line for line in lines]
    assert sum(is_lost) == 3
    path.write_text("".join(line for line, lost in zip(lines, is_lost) if not lost), encoding="utf-8")
    assert main(["report", str(folder)]) == 0
    said = "Runs are missing, and means are over those that are there: random 3 of 9."
    assert (folder / "report.md").read_text(encoding="utf-8").count(said) == 1


def test_a_study_of_one_method_and_one_pair_has_a_report(folder):
    raw = yaml.safe_load(STUDY)
    raw.update(methods={"S": {"method": "most_accurate"}}, reference="S", compare_with="S", budgets=[2])
    raw["spaces"] = {"digits": ["noise -> jigsaw"]}
    (folder / "study.yaml").write_text(study_from(raw).to_yaml(), encoding="utf-8")
    rows = digits_results((("noise", "jigsaw"),), (2.0,), 1).query("method == @REFERENCE").assign(method="S")
    (folder / "results.csv").write_text(to_csv(to_frame(rows.to_dict("records"))), encoding="utf-8")
    assert main(["report", str(folder)]) == 0
    assert "nan" not in (folder / "report.md").read_text(encoding="utf-8").lower()


# -- bad input ---------------------------------------------------------------------------------------------------------


def replace(old: str, new: str, count: int = -1):
    return lambda text: text.replace(old, new, count)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("results.csv", None, "holds no results.csv; give the folder that 'archlock compare' wrote"),
        ("study.yaml", None, "holds no study.yaml; give the folder"),
        ("results.csv", lambda text: "", "cannot be read"),
        ("results.csv", lambda text: text.splitlines()[0] + "\n", "hold no rows"),
        ("results.csv", lambda text: text[: len(text) // 2], "results.csv"),
        ("results.csv", lambda text: "\0\1\2" * 100, "results.csv"),
        ("results.csv", replace("lock_score,", "score,", 1), "lack the column lock_score"),
        ("results.csv", replace(",True,", ",perhaps,", 1), "must be True or False, not 'perhaps'"),
        ("results.csv", lambda text: text + text.splitlines()[-1] + "\n", "occurs twice"),
        ("results.csv", replace(",ceiling,", ",TU,"), "holds methods that study.yaml does not: TU"),
        ("results.csv", replace("digits,", "../../digits,"), "holds spaces that study.yaml does not: ../../digits"),
        ("results.csv", replace(f",{REFERENCE},", ",random,"), "results.csv"),
        ("results.csv", replace("|nor_conv_3x3~0|", "|nor_conv_9x9~0|"), "an architecture that digits does not have"),
        ("study.yaml", replace(f"reference: {REFERENCE}", "reference: most acurate"), "did you mean 'most accurate'"),
        ("study.yaml", replace("methods:", "method:"), "unknown key 'method'"),
        ("study.yaml", lambda text: "{", "is not YAML"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_nothing_is_written(folder, name, change, message, capsys):
    path = folder / name
    if change is None:
        path.unlink()
    else:
        text = change(path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
    before = files_in(folder)
    assert main(["report", str(folder)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert files_in(folder) == before


@pytest.mark.parametrize("method", [REFERENCE, COMPARE_WITH])
def test_what_the_others_are_measured_against_must_have_results(folder, method, capsys):
    path = folder / "results.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if f",{method}," not in line), encoding="utf-8")
    assert main(["report", str(folder)]) == 2
    assert re.search(
        rf"unknown (reference|compare_with) method '{method}' in the results.*known: ", capsys.readouterr().err
    )


def test_a_folder_that_holds_neither_a_run_nor_a_study_is_named_and_left_alone(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert main(["report", str(folder)]) == 2
        assert f"{folder} holds neither a run nor a study" in capsys.readouterr().err
    assert files_in(tmp_path) == {}


# -- the page of a run -------------------------------------------------------------------------------------------------


def test_the_folder_of_a_run_gets_a_page(tmp_path, capsys):
    keys = ["search_space", "digits", "dataset", "digit", "archlock.target", "edges", "search.epochs", "20"]
    assert main(["search", *keys, "out_dir", str(tmp_path)]) == 0
    run = tmp_path / "digits" / "digit" / "archlock" / "tu" / "0"
    before = files_in(run)
    assert main(["report", str(run), "--out", str(tmp_path / "page"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["files"] == ["report.html"]
    assert list(files_in(tmp_path / "page")) == ["report.html"]
    assert files_in(run) == before
    (run / "result.json").unlink()
    assert main(["report", str(run)]) == 2
    assert "holds a run that is not finished" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_named_and_nothing_is(folder, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "tables").write_text("mine", encoding="utf-8")
    assert main(["report", str(folder), "--out", str(out)]) == 2
    assert str(out / "tables") in capsys.readouterr().err
    assert files_in(out) == {"tables": b"mine"}
