"""Studies on the embedded benchmark: what is computed, what is kept, and what is computed again."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from naslib_archlock.benchmarks.digits_benchmark import digits_benchmark
from naslib_archlock.benchmarks.lock_score import LockScale
from naslib_archlock.compute.parts import LocalProcesses
from naslib_archlock.errors import OutputError, StudyError, TableError
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.store import sealed
from naslib_archlock.studies import study_run as running
from naslib_archlock.studies.jobs import Picks
from naslib_archlock.studies.methods import KINDS
from naslib_archlock.studies.study import Study, load_study, study_from
from naslib_archlock.studies.study_results import SCHEMA, read_results
from naslib_archlock.studies.study_run import Done, plan_study, read_made, resolve, run_study

RULES = {
    "S": {"scheme": "s", "strategy": "evolution", "epochs": 3},
    "TU": {"scheme": "tu"},
    "random": {"method": "random"},
    "fewest weights": {"method": "fewest_weights"},
    "ceiling": {"method": "ceiling"},
}
N_RUNS = 2 * 2 + 2 * 2 * 2 + 2 * 2 + 2 + 2 * 2  # two pairs of one source, two budgets and two seeds


def study(**changes: Any) -> Study:
    raw = {
        "name": "small", "about": "A study.", "budgets": [2, 5], "seeds": 2, "source_queries": 6, "reference": "S",
        "compare_with": "fewest weights", "spaces": {"digits": ["digit -> jigsaw", "digit -> edges"]}, "methods": RULES,
    }  # fmt: skip
    return resolve(study_from({**raw, **changes}))


def made_by(done: Done) -> tuple[int, int]:
    return done.n_runs, done.n_made


def files_of(out: Path, label: str = "") -> list[Path]:
    paths = sorted((out / "runs").iterdir())
    return [path for path in paths if sealed.read(path)["result"]["run"][0].startswith(label)]


def without_seconds(out: Path) -> str:
    frame = read_results(out / "results.csv")
    return frame.drop(columns="seconds").to_csv()


def without_wall_time(path: Path) -> dict[str, Any]:
    """The content of a run's file, without the seconds that the run took."""
    content = sealed.read(path)
    return {**content, "result": {**content["result"], "seconds": 0}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of the study, for tests to copy."""
    out = tmp_path_factory.mktemp("finished") / "out"
    assert made_by(run_study(study(), out, workers=LocalProcesses(1))) == (N_RUNS, N_RUNS)
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished output, which a test may change."""
    for path in finished.rglob("*"):
        if path.is_file():
            copy = tmp_path / "out" / path.relative_to(finished)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return tmp_path / "out"


# -- results -----------------------------------------------------------------------------------------------------------


def test_a_row_for_each_place_in_the_order_of_the_study(finished):
    frame = read_results(finished / "results.csv")
    assert list(frame) == list(SCHEMA)
    places = [(p.space, *p.pair, p.budget_pct, p.method, p.seed) for p in study().grid()]
    keys = ["space", "source", "target", "budget_pct", "method", "seed"]
    assert [tuple(row) for row in frame[keys].itertuples(index=False)] == places


def test_rows_say_what_the_benchmark_says(finished):
    frame, benchmark = read_results(finished / "results.csv"), digits_benchmark()
    for row in frame.itertuples():
        arch = DIGITS.from_str(row.arch)
        scored = LockScale(benchmark, row.source, row.target, row.budget_pct).score(arch)
        assert row.lock_score == pytest.approx(scored.lock_score, abs=1e-5)
        assert row.is_within_budget == scored.is_within_budget
        assert row.source_loss_pct == pytest.approx(scored.source_loss_pct, abs=1e-4)
        assert row.target_test == pytest.approx(benchmark.accuracy(arch, task=row.target, split="test"), abs=1e-5)
        assert row.target_percentile == pytest.approx(scored.target_percentile, abs=1e-4)
        assert row.limit_percentile <= row.target_percentile or not row.is_within_budget
        assert row.source_test == pytest.approx(benchmark.accuracy(arch, task=row.source, split="test"), abs=1e-5)


def test_the_mean_of_the_picks_is_that_of_their_scores(finished):
    content = sealed.read(files_of(finished, "ceiling")[0])["result"]
    _, _, source, target, budget, _ = content["run"]
    scale = LockScale(digits_benchmark(), source, target, budget)
    scores = [scale.score(DIGITS.from_str(text)).lock_score for text in content["archs"]]
    frame = read_results(finished / "results.csv")
    row = frame[(frame.method == "ceiling") & (frame.target == target) & (frame.budget_pct == budget)].iloc[0]
    assert len(scores) == 5
    assert row.lock_score_top5 == pytest.approx(np.mean(scores), abs=1e-5)


def test_one_run_serves_every_place_that_its_method_does_not_look_at(finished):
    frame = read_results(finished / "results.csv")
    assert (frame[frame.method == "S"].groupby(["target", "seed"])["arch"].nunique() == 1).all()
    assert (frame[frame.method == "fewest weights"].groupby("budget_pct")["arch"].nunique() == 1).all()
    assert len(files_of(finished, "fewest weights")) == 2


def test_look_ups_are_limited(finished):
    frame = read_results(finished / "results.csv")
    assert (frame[frame.method.isin(["S", "TU"])]["source_queries"] <= 6).all()
    assert (frame[frame.method != "ceiling"]["target_queries"] == 0).all()
    assert (frame[frame.method == "ceiling"]["target_queries"] > 0).all()


def test_the_same_study_gives_the_same_results_on_any_number_of_processes(finished, tmp_path):
    assert made_by(run_study(study(), tmp_path, workers=LocalProcesses(2))) == (N_RUNS, N_RUNS)
    assert without_seconds(tmp_path) == without_seconds(finished)
    assert (tmp_path / "study.yaml").read_bytes() == (finished / "study.yaml").read_bytes()


def test_the_study_is_kept_with_its_notes(finished):
    kept = load_study(finished / "study.yaml")
    assert kept == study()
    assert "embedded benchmark" in kept.notes[0]
    assert yaml.safe_load((finished / "study.yaml").read_text())["methods"]["random"] == {"method": "random"}


def test_files_of_runs_hold_no_accuracy(finished):
    """Picks are scored when all runs are finished."""
    for path in files_of(finished):
        content = sealed.read(path)
        assert set(content) == {"settings", "result"}
        assert set(content["result"]) == {"run", "archs", "source_queries", "target_queries", "seconds"}
        assert re.fullmatch("[0-9a-f]{64}", content["settings"])


# -- going on ----------------------------------------------------------------------------------------------------------


def test_what_is_there_is_not_made_again(out):
    before = {path: path.stat().st_mtime_ns for path in files_of(out)}
    csv = (out / "results.csv").read_bytes()
    assert made_by(run_study(study(), out, workers=LocalProcesses(1))) == (N_RUNS, 0)
    assert {path: path.stat().st_mtime_ns for path in files_of(out)} == before
    assert (out / "results.csv").read_bytes() == csv


def cut(content: str) -> str:
    return content[: len(content) // 2]


def changed(**values: Any) -> Any:
    """A whole file with another result."""

    def change(content: str) -> str:
        before = sealed.unseal(content.encode())
        return sealed.seal({**before, "result": {**before["result"], **values}}).decode()

    return change


def with_settings(settings: Any) -> Any:
    return lambda content: sealed.seal({**sealed.unseal(content.encode()), "settings": settings}).decode()


def flipped(content: str) -> str:
    """The file with one more query."""
    n = sealed.unseal(content.encode())["result"]["source_queries"]
    return content.replace(f'"source_queries": {n}', f'"source_queries": {n + 1}')


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: "", cut, flipped, lambda content: "[]", lambda content: "null", lambda content: "\ufffd\x00",
        changed(archs=[]), changed(archs=["x"]), changed(archs="x"), changed(archs=None), changed(archs=[3]),
        changed(archs=["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"] * 2), changed(source_queries="many"),
        changed(seconds=None), with_settings({}), with_settings(None), with_settings({"version": 0}),
        with_settings(""),
    ],
)  # fmt: skip
def test_a_file_that_is_damaged_or_another_versions_is_made_again_and_only_that(out, finished, spoil):
    path = files_of(out, "fewest weights")[0]
    before = without_wall_time(path)
    path.write_text(spoil(path.read_text()))
    assert made_by(run_study(study(), out, workers=LocalProcesses(1))) == (N_RUNS, 1)
    assert without_wall_time(path) == before
    assert without_seconds(out) == without_seconds(finished)


def test_a_file_of_another_run_is_made_again(out, finished):
    """The other run has the same settings, and differs only in its place in the grid."""
    other, path, *_ = files_of(out, "random")
    before = without_wall_time(path)
    path.write_bytes(other.read_bytes())
    assert made_by(run_study(study(), out, workers=LocalProcesses(1))) == (N_RUNS, 1)
    assert without_wall_time(path) == before
    assert without_seconds(out) == without_seconds(finished)


def test_a_file_that_is_no_text_is_made_again(out):
    missing, damaged = files_of(out, "random")[0], files_of(out, "ceiling")[0]
    missing.unlink()
    damaged.write_bytes(b"\xff\xfe\x00")
    with pytest.warns(UserWarning, match="what is lost is made again") as caught:
        assert run_study(study(), out, workers=LocalProcesses(1)).n_made == 2
    assert len(caught) == 1 and str(damaged) in str(caught[0].message)


def test_results_of_another_version_are_made_again(out, monkeypatch):
    monkeypatch.setattr(running, "RESULT_VERSION", running.RESULT_VERSION + 1)
    assert run_study(study(), out, workers=LocalProcesses(1)).n_made == N_RUNS
    assert run_study(study(), out, workers=LocalProcesses(1)).n_made == 0


def test_a_method_with_other_settings_is_run_again_and_no_other(out):
    methods = {**RULES, "S": {**RULES["S"], "epochs": 4}}
    assert run_study(study(methods=methods), out, workers=LocalProcesses(1)).n_made == 2 * 2
    assert run_study(study(methods=methods), out, workers=LocalProcesses(1)).n_made == 0


def test_a_label_that_changes_hands(out):
    methods = {**RULES, "random": {"method": "least_accurate"}}
    done = run_study(study(methods=methods), out, workers=LocalProcesses(1))
    assert done.n_made == 2
    assert set(done.results[done.results.method == "random"]["seed"]) == {0}


def test_a_grid_that_shrinks_and_grows_again(out, finished):
    smaller = run_study(study(seeds=1, budgets=[5]), out, workers=LocalProcesses(1))
    assert smaller.n_made == 0
    assert set(smaller.results["seed"]) == {0}
    assert set(smaller.results["budget_pct"]) == {5.0}
    assert run_study(study(), out, workers=LocalProcesses(1)).n_made == 0
    assert without_seconds(out) == without_seconds(finished)


def test_a_new_target_needs_no_new_run_of_a_method_that_does_not_look_at_it(out):
    pairs = ["digit -> jigsaw", "digit -> edges", "digit -> noise"]
    run_study(study(spaces={"digits": pairs}), out, workers=LocalProcesses(1))
    assert len(files_of(out, "random")) == 2 * 2
    assert len(files_of(out, "ceiling")) == 3 * 2


def test_labels_that_look_alike_have_files_of_their_own(tmp_path):
    labels = ("a b", "a-b", "a/b", "../a", "A b", "ä", "ö", "x" * 200, "x" * 199)
    methods = {label: {"scheme": "s", "strategy": "evolution", "epochs": i + 1} for i, label in enumerate(labels)}
    small = study(methods=methods, reference="a b", compare_with="a/b", seeds=1, spaces={"digits": ["digit -> edges"]})
    assert made_by(run_study(small, tmp_path, workers=LocalProcesses(1))) == (len(labels), len(labels))
    assert len(list((tmp_path / "runs").iterdir())) == len(labels)
    assert run_study(small, tmp_path, workers=LocalProcesses(1)).n_made == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        name
        for name in (".lock", "made.json", "rankers", "results.csv", "runs", "study.yaml")
        if (tmp_path / name).exists()
    )


# -- what is said before, and kept beside ------------------------------------------------------------------------------


def test_when_and_where_the_last_runs_were_made_is_kept(out):
    made = read_made(out)
    assert list(made)[:4] == ["date", "machine", "Python", "archlock"]
    sealed.write(out / "made.json", {**made, "date": "long ago"})
    run_study(study(), out, workers=LocalProcesses(1))  # makes nothing
    assert read_made(out)["date"] == "long ago"
    files_of(out, "random")[0].unlink()
    run_study(study(), out, workers=LocalProcesses(1))
    assert read_made(out)["date"] != "long ago"
    (out / "made.json").write_text((out / "made.json").read_text().replace("machine", "machina"))
    with pytest.raises(StudyError, match="made.json cannot be read .*; remove it, and the report leaves it out"):
        read_made(out)
    (out / "made.json").unlink()
    assert read_made(out) == {}


def test_a_plan_counts_what_is_missing_and_writes_nothing(out, tmp_path, monkeypatch):
    plan = plan_study(study(), tmp_path / "nowhere")
    assert (plan.n_runs, plan.n_missing, plan.n_rankers) == (N_RUNS, N_RUNS, 2 * 2)  # rankers: a target, a seed
    assert plan.how == "one run was timed on this machine of: S, TU, random, fewest weights, ceiling"
    assert plan.seconds is not None and 0 < plan.seconds < 600
    assert not (tmp_path / "nowhere").exists()

    path = files_of(out, "TU")[0]
    others = [sealed.read(file)["result"]["seconds"] for file in files_of(out, "TU")[1:]]
    path.unlink()
    monkeypatch.setattr(running, "_make", None)  # finished runs tell the time
    before = sorted(file for file in out.rglob("*"))
    plan = plan_study(study(), out)
    assert (plan.n_runs, plan.n_missing) == (N_RUNS, 1)
    assert plan.seconds == pytest.approx(np.median(others))
    assert plan.how == "as finished runs in the folder took"
    assert sorted(file for file in out.rglob("*")) == before


def test_a_plan_times_the_training_of_rankers(tmp_path, fast_training):
    methods = {"ranks": {"scheme": "s", "strategy": "exhaustive", "hidden": "4"}, "random": {"method": "random"}}
    ranked = study(methods=methods, reference="ranks", compare_with="random")
    plan = plan_study(ranked, tmp_path / "out")
    assert plan.n_rankers == 2 * 2  # targets, seeds
    assert "and 4 rankers to find or train first" in str(plan)
    assert not (tmp_path / "out").exists()
    assert run_study(ranked, tmp_path / "out", workers=LocalProcesses(1)).n_made == plan.n_missing
    assert len(list((tmp_path / "out" / "rankers").iterdir())) == 4
    assert plan_study(ranked, tmp_path / "out").n_rankers == 0


def test_what_is_to_be_made_is_said_before_and_how_long_the_rest_takes(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO", logger="naslib_archlock")
    monkeypatch.setattr(running, "_LONG", 0.0)
    run_study(study(seeds=4), tmp_path, workers=LocalProcesses(1))
    first, second = (record.getMessage() for record in caplog.records if "parts after" not in record.getMessage())
    n_runs = len(study(seeds=4).runs())
    assert first == (
        f"5 methods, 2 task pairs, 2 source budgets, 4 seeds: {n_runs} runs, {n_runs} of them missing, and 8 rankers "
        "to find or train first, 1 process"
    )
    n_left = n_runs - 3 * 4 - 2  # three of each method, and both of "fewest weights"
    assert re.fullmatch(rf"about .* core .* for the other {n_left} runs \(as the first ones took\)", second)
    caplog.clear()
    files_of(tmp_path, "TU")[0].unlink()
    run_study(study(seeds=4), tmp_path, workers=LocalProcesses(1))
    (line,) = (record.getMessage() for record in caplog.records)
    assert f"{n_runs} runs, 1 of them missing; about 2 core seconds or less (as finished runs took), 1 process" in line


# -- faults ------------------------------------------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    """Make a kind of method raise an error."""

    def pick(job: Any) -> Picks:
        raise error

    monkeypatch.setitem(KINDS, name, replace(KINDS[name], pick=pick))


def test_an_error_names_the_run_and_what_is_finished_stays(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        failing(patch, "ceiling", TableError("a hole in the table"))
        with pytest.raises(StudyError, match="run ceiling on digits, digit -> jigsaw, budget 2%, seed 0: a hole"):
            run_study(study(), tmp_path, workers=LocalProcesses(1))
    assert not (tmp_path / "results.csv").exists()
    n_kept = len(files_of(tmp_path))
    assert 0 < n_kept < N_RUNS
    assert made_by(run_study(study(), tmp_path, workers=LocalProcesses(1))) == (N_RUNS, N_RUNS - n_kept)


def test_an_error_in_another_process_names_the_run(tmp_path):
    """The search reads the missing file when it begins."""
    methods = {**RULES, "TU": {"strategy": "evolution", "ranker": str(tmp_path / "nowhere.safetensors")}}
    with pytest.raises(StudyError, match="run TU on digits, digit -> .*nowhere.safetensors cannot be read"):
        run_study(study(methods=methods), tmp_path / "out", workers=LocalProcesses(2))


def test_a_bug_is_not_hidden_and_its_run_is_named(tmp_path, monkeypatch):
    failing(monkeypatch, "random", ZeroDivisionError("a bug"))
    with pytest.raises(RuntimeError, match="run random on digits, digit, budget 2%, seed 0 failed: ZeroDivisionError"):
        run_study(study(), tmp_path, workers=LocalProcesses(1))


@pytest.mark.parametrize("archs", [[], [(0,) * 6] * 2, [(i, 0, 0, 0, 0, 0) for i in range(4)] + [(1,) * 6, (2,) * 6]])
def test_a_method_that_does_not_keep_to_the_rules(tmp_path, monkeypatch, archs):
    monkeypatch.setitem(KINDS, "random", replace(KINDS["random"], pick=lambda job: Picks(archs, 1)))
    with pytest.raises(RuntimeError, match="run random.*1 to 5 different architectures"):
        run_study(study(), tmp_path, workers=LocalProcesses(1))


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(OutputError, match="cannot be written"):
        run_study(study(), tmp_path / "file" / "below", workers=LocalProcesses(1))


def test_an_interrupted_study_leaves_the_results_of_the_last_whole_one(out, monkeypatch):
    before = {name: (out / name).read_bytes() for name in ("results.csv", "study.yaml")}
    failing(monkeypatch, "ceiling", KeyboardInterrupt())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        run_study(study(budgets=[3]), out, workers=LocalProcesses(1))
    assert {name: (out / name).read_bytes() for name in before} == before


# -- benchmarks --------------------------------------------------------------------------------------------------------


def test_plain_tables_and_all_that_they_have(toy_tables, tmp_path):
    raw = {
        "name": "toy", "about": "Made up.", "budgets": [2], "seeds": 1, "reference": "S", "compare_with": "weights",
        "spaces": {"transbench101_micro": "all", "digits": ["digit -> jigsaw"]},
        "methods": {"S": {"method": "most_accurate"}, "weights": {"method": "fewest_weights"}},
    }  # fmt: skip
    toy = resolve(study_from(raw), str(toy_tables))
    assert len(toy.spaces["transbench101_micro"] or ()) == 4 * 3
    assert any("MADE UP" in note for note in toy.notes)
    done = run_study(toy, tmp_path, str(toy_tables), workers=LocalProcesses(1))
    assert done.n_runs == 2 * (4 + 1)
    assert done.results["space"].value_counts().to_dict() == {"transbench101_micro": 24, "digits": 2}


def test_other_tables_are_another_setting(toy_tables, tmp_path, rewrite_tables):
    def noise(name: str, values: np.ndarray) -> np.ndarray:
        return np.random.default_rng(len(name)).permutation(values)

    other = rewrite_tables(toy_tables, tmp_path / "other", "transbench101_micro", change_column=noise)
    pairs = {"transbench101_micro": ["normal -> class_scene"]}
    methods = {"S": {"method": "most_accurate"}, "fewest weights": {"method": "fewest_weights"}}
    picks = []
    for tables, n_made in ((toy_tables, 4), (toy_tables, 0), (other, 4), (other, 0)):
        raw = study_from({**yaml.safe_load(study().to_yaml()), "spaces": pairs, "methods": methods})
        done = run_study(resolve(raw, str(tables)), tmp_path / "out", str(tables), workers=LocalProcesses(1))
        assert done.n_made == n_made
        picks.append(done.results["arch"].tolist())
    assert picks[0] == picks[1] != picks[2] == picks[3]


def test_tables_that_are_not_there(tmp_path):
    raw = study_from({**yaml.safe_load(study().to_yaml()), "spaces": {"nasbench201": "all"}})
    with pytest.raises(TableError, match="no table of nasbench201"):
        resolve(raw, str(tmp_path))


def test_real_tables_give_the_known_scores(shared_data, tmp_path):
    """Another program measured the same scores: -0.51 for the most accurate, 0.42 to 0.44 for fewest weights."""
    methods = {"S": {"method": "most_accurate"}, "fewest weights": {"method": "fewest_weights"}}
    raw = {**yaml.safe_load(study().to_yaml()), "spaces": {"nasbench201": "all"}, "methods": methods, "budgets": [2]}
    done = run_study(resolve(study_from(raw), str(shared_data)), tmp_path, str(shared_data), workers=LocalProcesses(1))
    means: pd.Series = done.results.groupby("method")["lock_score"].mean()
    assert means["S"] == pytest.approx(-0.51, abs=0.01)
    assert 0.42 <= means["fewest weights"] <= 0.44


def test_all_that_is_missing_for_the_methods_is_said_at_once_before_any_run(monkeypatch):
    def without(name: str) -> Any:
        def load() -> Any:
            raise StudyError(f"it needs {name}; install it")

        return replace(KINDS["nsga2"], load=load)

    monkeypatch.setitem(KINDS, "nsga2", without("pymoo"))
    monkeypatch.setitem(KINDS, "naslib", replace(without("NASLib"), options=KINDS["naslib"].options))
    methods = {"A": {"method": "most_accurate"}, "B": {"method": "nsga2"}}
    methods |= {name: {"method": "naslib", "optimizer": name} for name in ("rs", "re")}
    message = (
        r"it needs pymoo; install it \(methods: B\); it needs NASLib; install it \(methods: rs, re\); "
        "or leave these methods out of the study"
    )
    with pytest.raises(StudyError, match=message):
        study(methods=methods, reference="A", compare_with="A")
