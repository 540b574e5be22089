from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from naslib_archlock.commands.main import main

QUICK = [
    "audit.epochs", "1", "audit.seeds", "2", "audit.fractions", "10,100", "audit.learning_rates", "0.03",
    "audit.step_fractions", "50,100",
    "archlock.target", "rotation,edges", "search.epochs", "30", "archlock.source_queries", "30",
]  # fmt: skip


def audit(out: Path, *more: str) -> int:
    return main(["audit", *more, "out_dir", str(out), *QUICK])


def files_in(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "status.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_a_search_is_made_and_audited_and_the_same_again(tmp_path, capsys, monkeypatch):
    assert audit(tmp_path, "--json", "--jobs", "1") == 0
    out = tmp_path / "digits" / "digit" / "archlock" / "tu" / "0" / "audit"
    as_json, printed = capsys.readouterr()
    assert "scheme S finds" in printed  # the report of the search that came first
    assert "Against scheme S: the weights of the cell found gave the attacker less in" in printed
    assert "a stronger attacker may get more" in printed
    written = json.loads((out / "audit.json").read_text())
    assert json.loads(as_json) == written
    assert written["targets"] == ["rotation", "edges"]
    assert set(written["cells"]) == {"found", "scheme S", "random"}
    assert len(written["summary"]) == 2 * 3 * 3 * 6  # targets, roles, budgets, figures
    with (out / "attacks.csv").open() as f:
        assert {row["attack"] for row in csv.DictReader(f)} == {
            "linear probe", "probe then all", "fine-tuning", "scratch",
        }  # fmt: skip
    assert {(row["over"], row["role"]) for row in written["costs"]} == {
        (over, role) for over in ("images", "steps") for role in written["cells"]
    }
    ratios = {cost["over"]: cost for cost in written["cost_ratios"]}
    assert set(ratios) == {"images", "steps"}
    assert all(cost["low"] is cost["high"] is None for cost in ratios.values())  # two seeds are too few
    for picture in ("audit.png", "audit_steps.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")

    before = files_in(out)
    monkeypatch.setattr("naslib_archlock.commands.make_run.prepare", None)  # the search exists
    assert audit(tmp_path, "--jobs", "1") == 0
    assert files_in(out) == before


@pytest.mark.slow
def test_settings_of_an_audit_are_not_those_of_the_search(tmp_path, capsys):
    assert main(["search", "--config-file", "naslib_archlock/configs/digits.yaml", "out_dir", str(tmp_path)]) == 0
    run = tmp_path / "digits" / "digit" / "archlock" / "tu" / "0"
    before = files_in(run)
    assert "audit:" not in (run / "config.yaml").read_text()
    code = main(
        ["audit", "--config-file", "naslib_archlock/configs/digits.yaml", "--out", str(tmp_path / "here"), "out_dir",
         str(tmp_path), "audit.epochs", "1", "audit.seeds", "1", "audit.fractions", "10", "audit.learning_rates", "0.1",
         "audit.random_cells", "0"]
    )  # fmt: skip
    assert code == 0
    assert files_in(run) == before
    assert (tmp_path / "here" / "audit.json").is_file()


@pytest.mark.slow
def test_scheme_s_has_nothing_found_to_compare(tmp_path, capsys):
    assert audit(tmp_path, "--jobs", "1", "archlock.scheme", "s") == 0
    assert "Against" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["audit.fractions", "0.01"], "0.01% of the 1000 training images of digit is not one image"),
        (["audit.seeds", "many"], "audit.seeds must be of type int, not 'many'"),
        (["archlock.target", "rotatoin"], "unknown task 'rotatoin'"),
        (["search_space", "transbench101_micro", "dataset", "class_scene", "archlock.target", "normal"], "Taskonomy"),
    ],
)
def test_mistakes_are_told(tmp_path, toy_tables, capsys, more, message):
    tables = ["archlock.tables", str(toy_tables)] if "transbench101_micro" in more else []
    code = main(["audit", "--jobs", "1", "out_dir", str(tmp_path), *QUICK, *tables, *more])
    assert code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("archlock audit: ")
    assert message in last
    assert not list(tmp_path.rglob("audit.json"))
