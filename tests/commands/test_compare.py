"""``archlock compare`` as a user sees it: exit codes, messages, files, and interrupted processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from naslib_archlock.benchmarks.benchmark import FROM_SCRATCH
from naslib_archlock.commands import main as cli
from naslib_archlock.studies import study_run as running
from naslib_archlock.studies.example_study import example_study
from naslib_archlock.studies.study import load_study
from naslib_archlock.studies.study_results import read_results

STUDY = """
name: small
about: Rules on the embedded benchmark.
budgets: [2]
seeds: 3
reference: most accurate
compare_with: fewest weights
spaces: {digits: [digit -> jigsaw, digit -> edges, noise -> edges]}
methods:
  most accurate: {method: most_accurate}
  fewest weights: {method: fewest_weights}
  random: {method: random}
"""
# Some of its runs take a third of a second each.
SLOW = """
  S: {scheme: s, strategy: evolution, epochs: 20}
"""
N_RUNS, N_SLOW = 2 + 2 + 2 * 3, 3 * 3


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def compare(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs the command in this process, with one job."""

    def run(*argv: Any) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main(["compare", "--jobs", "1", *map(str, argv)])
        return (code, *capsys.readouterr())

    return run


def test_a_study_is_run_and_its_table_printed(compare, study, tmp_path):
    code, printed, out = compare(study, "--out", tmp_path / "out", "--json")
    assert code == 0
    result = json.loads(printed)
    assert (result["study"], result["runs"], result["made"], result["rows"]) == (
        "small",
        N_RUNS,
        N_RUNS,
        3 * (1 + 1 + 3),
    )
    assert [row["method"] for row in result["summary"]] == ["most accurate", "fewest weights", "random"]
    frame = read_results(tmp_path / "out" / "results.csv")
    for row in result["summary"]:
        mean = frame[frame.method == row["method"]].groupby(["source", "target"])["lock_score"].mean().mean()
        assert row["lock_score"] == pytest.approx(mean, abs=1e-6)
        line = next(line for line in out.splitlines() if line.startswith(row["method"]))
        assert f"{mean:.3f}" in line
        assert f"{row['lock_score_low']:.3f} to {row['lock_score_high']:.3f}" in line
    for shown in ("digits, source budget 2%, task pairs: 3", "results.csv", "archlock report", "embedded benchmark"):
        assert shown in " ".join(out.split())
    assert FROM_SCRATCH in " ".join(out.split())


def test_the_same_command_again_makes_nothing(compare, study, tmp_path):
    first = compare(study, "--out", tmp_path / "out")
    csv = (tmp_path / "out" / "results.csv").read_bytes()
    again = compare(study, "--out", tmp_path / "out")
    assert first[1].replace(f"{N_RUNS} of them", "0 of them") == again[1]
    assert (tmp_path / "out" / "results.csv").read_bytes() == csv


def test_a_dry_run_says_what_would_be_run_and_writes_nothing(compare, study, tmp_path):
    code, out, _ = compare(study, "--out", tmp_path / "out", "--dry-run")
    assert code == 0
    assert f"3 methods, 3 task pairs, 1 source budget, 3 seeds: {N_RUNS} runs, {N_RUNS} of them missing; about " in out
    assert "(one run was timed on this machine of: most accurate, fewest weights, random), 1 process" in out
    assert f"the results would be in {tmp_path / 'out'}; nothing was written" in out
    assert not (tmp_path / "out").exists()
    plan = json.loads(compare(study, "--out", tmp_path / "out", "--dry-run", "--json")[1])
    assert {key: plan[key] for key in ("methods", "pairs", "budgets", "seeds", "runs", "missing", "rankers")} == {
        "methods": 3, "pairs": 3, "budgets": [2.0], "seeds": 3, "runs": N_RUNS, "missing": N_RUNS, "rankers": 0,
    }  # fmt: skip
    assert plan["seconds"] >= 0
    assert len(compare(study, "--out", tmp_path / "out", "--dry-run", "--quiet")[1].splitlines()) == 1

    made = json.loads(compare(study, "--out", tmp_path / "out", "--json")[1])
    assert made["made"] == plan["missing"]
    before = sorted(tmp_path.rglob("*"))
    assert f"{N_RUNS} runs, 0 of them missing, 1 process" in compare(study, "--out", tmp_path / "out", "--dry-run")[1]
    assert sorted(tmp_path.rglob("*")) == before


def test_one_pair_has_no_interval(compare, study, tmp_path):
    study.write_text(STUDY.replace(", digit -> edges, noise -> edges", ""))
    code, out, _ = compare(study, "--out", tmp_path / "out", "--json")
    assert code == 0
    assert "nan" not in out.lower()


def test_other_seeds_and_the_folder_by_default(compare, study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert compare(study, "--seeds", 1)[0] == 0
    assert load_study(tmp_path / "run" / "small" / "study.yaml").seeds == 1
    assert set(read_results(tmp_path / "run" / "small" / "results.csv")["seed"]) == {0}


def test_the_written_study_runs_as_the_same_again(compare, study, tmp_path):
    assert compare(study, "--out", tmp_path / "out")[0] == 0
    code, out, _ = compare(tmp_path / "out" / "study.yaml", "--out", tmp_path / "out")
    assert code == 0
    assert "0 of them made now" in out


def test_a_users_study_is_not_replaced_by_the_resolved_one(compare, study, tmp_path):
    code, out, err = compare(study, "--out", tmp_path)
    assert (code, out) == (2, "")
    assert "study.yaml would be replaced by the study as it was run; rename it, or choose another --out" in err
    assert study.read_text() == STUDY
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("old", "new", "options", "message"),
    [
        ("seeds", "seds", [], "unknown key 'seds'; did you mean 'seeds'"),
        ("noise -> edges", "noise -> noise", [], "the source cannot be its own target"),
        ("digits:", "nasbench201:", [], "unknown task 'digit' in search space nasbench201"),
        ("name", "name", ["--tables", "nowhere"], "--tables nowhere is not a folder"),
        (
            "[digit -> jigsaw, digit -> edges, noise -> edges]",
            "all, nasbench201: all",
            ["--tables", "."],
            "no table of",
        ),
    ],
)
def test_mistakes(compare, study, tmp_path, monkeypatch, old, new, options, message):
    monkeypatch.chdir(tmp_path)
    study.write_text(STUDY.replace(old, new))
    code, out, err = compare(study, "--out", tmp_path / "out", *options)
    assert (code, out) == (2, "")
    assert err.startswith("archlock compare: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("argv", [[], ["--jobs", "0"], ["--seeds", "0"], ["--json", "--x"]])
def test_wrong_usage(argv, study, capsys):
    assert cli.main(["compare", *([str(study)] if argv else []), *argv]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_ctrl_c_in_this_process(compare, study, tmp_path, monkeypatch):
    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "_make", interrupted)
    code, out, err = compare(study, "--out", tmp_path / "out")
    assert (code, out) == (130, "")
    assert f"finished runs are in {tmp_path / 'out'}; the same command goes on" in err


# -- processes of their own --------------------------------------------------------------------------------------------


@pytest.fixture
def started(study: Path, child_environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that starts the command on the slow study with two jobs, and waits for its first slow run."""
    children: list[subprocess.Popen[str]] = []

    def start(out: Path) -> subprocess.Popen[str]:
        study.write_text(STUDY + SLOW.strip("\n"))
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "naslib_archlock",
                "compare",
                str(study),
                "--out",
                str(out),
                "--jobs",
                "2",
            ],
            env=child_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell without job control, as in CI, makes its processes ignore SIGINT. Undo this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        children.append(child)
        deadline = time.monotonic() + 120
        while not slow_runs(out) and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert child.poll() is None, child.communicate()
        return child

    yield start
    for child in children:
        child.kill()
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def slow_runs(out: Path) -> list[Path]:
    return sorted(out.glob("runs/S_*.json"))


@pytest.mark.slow
def test_ctrl_c(started, compare, study, tmp_path):
    """A terminal sends SIGINT to all processes of the group, and so does this test."""
    child = started(tmp_path / "out")
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, "")
    # a run says before what it makes, and a long one prints its progress
    lines = [line for line in err.splitlines() if " parts after " not in line and " of them missing" not in line]
    assert lines == [
        "", f"finished runs are in {tmp_path / 'out'}; the same command goes on", "archlock compare: interrupted"
    ]  # fmt: skip
    assert not (tmp_path / "out" / "results.csv").exists()
    n_done = len(list((tmp_path / "out" / "runs").glob("[!.]*")))
    assert 0 < n_done < N_RUNS + N_SLOW
    code, out, _ = compare(study, "--out", tmp_path / "out", "--json")
    assert code == 0
    assert json.loads(out)["made"] == N_RUNS + N_SLOW - n_done


@pytest.mark.slow
def test_two_at_once_and_kill(started, compare, study, tmp_path):
    """The second command is refused at once. After the first is killed and cannot clean up, the second continues."""
    child = started(tmp_path / "out")
    start = time.monotonic()
    code, out, err = compare(study, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert f"is at work on {tmp_path / 'out'}; wait for its end" in err
    assert time.monotonic() - start < 5
    assert child.poll() is None

    child.kill()  # this does not kill its workers
    child.wait()
    done = {path: path.read_bytes() for path in (tmp_path / "out" / "runs").glob("[!.]*")}
    assert 0 < len(done) < N_RUNS + N_SLOW
    code, out, _ = compare(study, "--out", tmp_path / "out", "--json")
    assert code == 0
    assert json.loads(out)["made"] == N_RUNS + N_SLOW - len(done)
    assert {path: path.read_bytes() for path in done} == done


def test_the_example_is_a_study_to_start_from(run, tmp_path):
    code, out, err = run("compare", "--example")
    assert (code, out.strip(), err) == (0, example_study().strip(), "")
    assert json.loads(run("compare", "--example", "--json").out)["text"] == example_study()
    assert "required" in run("compare").err
