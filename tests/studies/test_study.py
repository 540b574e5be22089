"""Studies in YAML files: which are read, which are refused, and their grids."""

from __future__ import annotations

import re
import string
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.errors import ArchLockError, StudyError
from naslib_archlock.spaces.known import DIGITS, SPACES
from naslib_archlock.studies.methods import KINDS
from naslib_archlock.studies.study import Method, Pair, Run, Study, load_study, study_from
from naslib_archlock.studies.two_stage import TwoStage

YAML = """
name: small
about: Two searches beside
  two rules.
source_queries: 50
budgets: [2, 5.5]
seeds: 3
reference: S
compare_with: fewest weights
spaces:
  digits: [digit -> jigsaw, digit->edges]
  nasbench201: all
methods:
  S: {scheme: s}
  TU, lambda 1: {scheme: tu, trade_off: 1}
  fewest weights: {method: fewest_weights}
  random: {method: random}
"""


def content() -> dict[str, Any]:
    return yaml.safe_load(YAML)


@pytest.fixture
def load(tmp_path):
    """A function that reads a study from text."""

    def load_text(text: str | bytes) -> Study:
        path = tmp_path / "study.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_study(path)

    return load_text


def test_a_study(load):
    study = load(YAML)
    assert (study.name, study.source_queries, study.seeds) == ("small", 50, 3)
    assert study.about == "Two searches beside two rules."
    assert study.budgets == (2.0, 5.5)
    assert study.spaces == {"digits": (Pair("digit", "jigsaw"), Pair("digit", "edges")), "nasbench201": None}
    assert study.methods["S"] == Method("archlock", {"scheme": "s"})
    assert study.methods["random"] == Method("random", {})
    assert (study.reference, study.compare_with, study.notes) == ("S", "fewest weights", ())


def test_what_may_be_left_out():
    raw = {key: value for key, value in content().items() if key not in ("source_queries", "budgets", "seeds")}
    study = study_from(raw)
    assert (study.source_queries, study.budgets, study.seeds) == (200, (2.0, 5.0), 10)


# -- mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds: 3", "seed: 3", "unknown key 'seed'; did you mean 'seeds'"),
        ("seeds: 3", "x: 3", "unknown key 'x'; known: name, about"),
        ("name: small", "", "the key 'name' is missing"),
        ("name: small", "name: ../small", "must be one of a folder"),
        ("name: small", "name: 3", "name must be text, not 3; put it in quotes"),
        ("seeds: 3", "seeds: 0", "seeds=0 must lie in [1, 10000]"),
        ("seeds: 3", "seeds: 1.5", "seeds must be an integer, not 1.5"),
        ("seeds: 3", "seeds: yes", "seeds must be an integer, not True"),
        ("source_queries: 50", "source_queries: -1", "source_queries=-1 must lie in [0, 1000000]"),
        ("[2, 5.5]", "2", "budgets must be a list, not 2"),
        ("[2, 5.5]", "[]", "at least one source budget"),
        ("[2, 5.5]", "[2, 2.0]", "budgets: 2 occurs 2 times"),
        ("[2, 5.5]", "[2, 101]", "101.0 must lie in [0, 100] %"),
        ("[2, 5.5]", "[.nan]", "nan must lie in [0, 100] %"),
        ("[2, 5.5]", "[2, two]", "budgets must hold numbers, not 'two'"),
        ("[2, 5.5]", f"[1{'0' * 400}]", "is too large"),
        ("seeds: 3", "seeds: 3\nseeds: 3", "the key 'seeds' occurs twice"),
        ("  random:", "  S:", "the key 'S' occurs twice"),
        ("{method: random}", "{method: random, method: ceiling}", "the key 'method' occurs twice"),
        ("reference: S", "reference: s", "unknown reference method 's' in methods; known: S, TU, lambda 1"),
        ("compare_with: fewest weights", "compare_with: fewest", "unknown compare_with method 'fewest'"),
        ("digits:", "digit:", "unknown search space 'digit'; known: nasbench201"),
        ("digit -> jigsaw", "digit -> jigsw", "unknown task 'jigsw' in search space digits, pair digit -> jigsw"),
        ("digit -> jigsaw", "digit -> digit", "pair digit -> digit: the source cannot be its own target"),
        ("digit->edges", "digit -> jigsaw", "pair digit -> jigsaw occurs 2 times"),
        ("digit->edges", "digit edges", "'digit edges' is not a pair like 'a -> b'"),
        ("digit->edges", "a -> b -> c", "'a -> b -> c' is not a pair"),
        ("digit->edges", "-> edges", "'-> edges' is not a pair"),
        ("[digit -> jigsaw, digit->edges]", "[]", "digits needs at least one pair"),
        ("nasbench201: all", "nasbench201: some", "spaces: nasbench201 must be all, or a list of pairs"),
        ("nasbench201: all", "3: all", "the key 3 must be text, not 3; put it in quotes"),
        ("method: random", "method: randm", "method 'random': unknown method 'randm'; known: archlock, random"),
        ("method: random", "method: random, seed: 3", "unknown option 'seed' of method random; it takes none"),
        ("scheme: s}", "scheme: x}", "method 'S': unknown archlock.scheme 'x'; known: s, tk, tu"),
        ("scheme: s}", "schem: s}", "method 'S': unknown option 'schem' of method archlock; did you mean 'scheme'"),
        ("scheme: s}", "epoch: 3}", "method 'S': unknown option 'epoch' of method archlock; did you mean 'epochs'"),
        ("scheme: s}", "epochs: 0}", "method 'S': search.epochs=0 must be at least 1"),
        ("trade_off: 1}", "trade_off: x}", "method 'TU, lambda 1': archlock.trade_off must be of type float"),
        ("scheme: s}", "target: digit}", "method 'S': target is set by the study's spaces; leave it out"),
        ("scheme: s}", "source_budget_pct: 1}", "source_budget_pct is set by the study's budgets"),
        ("scheme: s}", "source_queries: 1}", "source_queries is set by the study's source_queries"),
        ("scheme: s}", "tables: x}", "tables is set by the study's option --tables"),
        ("{method: random}", "{method: fewest_weights}", "methods 'fewest weights' and 'random' are the same"),
        ("{method: random}", "3", "method 'random' must hold keys and values, not 3"),
        ("{method: random}", "{method: naslib}", "method naslib needs the option optimizer: one of rs, re"),
        ("{method: random}", "{method: naslib, optimizer: r}", "unknown optimizer 'r' in method naslib; known: rs"),
        ("{method: random}", "{method: two_stage}", "two_stage needs the option target_queries: a whole number from 1"),
        ("  random:", "  no:", "the key False must be text, not False; put it in quotes"),
        ("  random:", "  ' x':", "must be text on one line, without blanks around it"),
    ],
)  # fmt: skip
def test_mistakes(load, tmp_path, old, new, message):
    assert old in YAML
    with pytest.raises(StudyError, match=re.escape(message)) as caught:
        load(YAML.replace(old, new))
    assert str(tmp_path / "study.yaml") in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "3", "[1", "- a", "methods: {}", "a: !!python/object:os.system {}", b"\xff\xfe\x00", "\x00", "a: 2024-13-45",
     "a: !!timestamp x", "a: !!bool x", "? [1]\n: 2", pytest.param("{" * 5000, id="deep")],
)  # fmt: skip
def test_files_that_are_no_study(load, text):
    with pytest.raises(StudyError):
        load(text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StudyError, match="nowhere.yaml cannot be read"):
        load_study(tmp_path / "nowhere.yaml")
    with pytest.raises(StudyError, match="cannot be read"):
        load_study(tmp_path)


def test_a_merge_key_may_be_overridden(load):
    text = YAML.replace("S: {scheme: s}", "S: &S {scheme: s, epochs: 5}\n  S8: {<<: *S, epochs: 8}")
    assert load(text).methods["S8"].options == {"scheme": "s", "epochs": 8}


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([*KINDS, *SPACES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=5,
)


@given(JUNK)
def test_junk_is_refused_as_such(junk):
    with pytest.raises(ArchLockError):
        study_from(junk)


@given(st.data(), JUNK)
def test_junk_in_one_place_is_refused_or_makes_sense(data, junk):
    raw = content()
    place, key = data.draw(
        st.sampled_from([(raw, key) for key in raw] + [(raw[s], key) for s in ("spaces", "methods") for key in raw[s]])
    )
    place[key] = junk
    try:
        study = study_from(raw)
    except ArchLockError:
        return
    assert study_from(yaml.safe_load(study.to_yaml())) == study


@given(st.data())
def test_a_key_with_one_letter_changed_is_refused_and_the_right_one_named(data):
    raw = content()
    key = data.draw(st.sampled_from(sorted(raw)))
    at = data.draw(st.integers(0, len(key) - 1))
    wrong = key[:at] + data.draw(st.sampled_from(string.ascii_letters)) + key[at + 1 :]
    raw = {(wrong if name == key else name): value for name, value in raw.items()}
    if wrong == key:
        assert study_from(raw).name == "small"
    else:
        with pytest.raises(StudyError, match=f"unknown key '{wrong}'; did you mean '{key}'"):
            study_from(raw)


LABELS = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=8)
PAIRS = st.lists(
    st.sampled_from([Pair(a, b) for a in DIGITS.tasks for b in DIGITS.tasks if a != b]), min_size=1, unique=True
).map(tuple)
METHODS = st.sampled_from(
    [("archlock", {"scheme": "s"}), ("archlock", {"scheme": "tu", "trade_off": 1.0}), ("archlock", {}),
     *((name, {"target_queries": 5} if isinstance(KINDS[name], TwoStage) else {})
       for name in KINDS if not KINDS[name].options and name != "archlock")]
)  # fmt: skip


@st.composite
def studies(draw) -> Study:
    chosen = draw(st.lists(METHODS, min_size=1, max_size=4, unique_by=repr))
    labels = draw(st.lists(LABELS, min_size=len(chosen), max_size=len(chosen), unique=True))
    return Study(
        name=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,9}", fullmatch=True)),
        about="Some words.",
        reference=draw(st.sampled_from(labels)),
        compare_with=draw(st.sampled_from(labels)),
        spaces={"digits": draw(st.none() | PAIRS)},
        methods={label: Method(*method) for label, method in zip(labels, chosen)},
        source_queries=draw(st.integers(0, 1000)),
        budgets=tuple(draw(st.lists(st.floats(0, 100), min_size=1, max_size=3, unique=True))),
        seeds=draw(st.integers(1, 4)),
        notes=tuple(draw(st.lists(LABELS, max_size=2))),
    )


@given(studies())
def test_what_is_written_is_read_back(study):
    assert study_from(yaml.safe_load(study.to_yaml())) == study


# -- the grid ----------------------------------------------------------------------------------------------------------


@given(studies())
def test_every_place_has_its_run_and_every_run_its_place(study):
    study = study.resolved({"digits": DIGITS.tasks})
    places, runs = list(study.grid()), study.runs()
    assert len(set(places)) == len(places)
    assert len(set(runs)) == len(runs)
    assert {study.run_at(place) for place in places} == set(runs)
    n_pairs = len(study.spaces["digits"])
    n_seeds = sum(study.seeds if method.kind.is_random else 1 for method in study.methods.values())
    assert len(places) == n_pairs * len(study.budgets) * n_seeds
    for run in runs:
        kind = study.methods[run.method].kind
        assert (run.target is not None) == kind.uses_target
        assert (run.budget_pct is not None) == kind.uses_budget


def test_the_grid_by_hand():
    raw = {**content(), "spaces": {"digits": ["digit -> jigsaw", "digit -> edges"]}, "seeds": 2, "budgets": [2, 5]}
    runs = study_from(raw).runs()
    of_method = {label: [run for run in runs if run.method == label] for label in raw["methods"]}
    assert of_method["S"] == [Run("S", "digits", "digit", t, None, s) for t in ("jigsaw", "edges") for s in (0, 1)]
    assert len(of_method["TU, lambda 1"]) == 2 * 2 * 2
    assert of_method["fewest weights"] == [Run("fewest weights", "digits", "digit", None, b, 0) for b in (2.0, 5.0)]
    assert of_method["random"] == [Run("random", "digits", "digit", None, b, s) for b in (2.0, 5.0) for s in (0, 1)]


def test_all_means_the_ordered_pairs_of_what_the_benchmark_has():
    study = study_from({**content(), "spaces": {"digits": "all"}}).resolved({"digits": ("digit", "noise", "edges")})
    assert [str(pair) for pair in study.spaces["digits"] or ()] == [
        "digit -> noise", "digit -> edges", "noise -> digit", "noise -> edges", "edges -> digit", "edges -> noise",
    ]  # fmt: skip
    assert study.resolved({"digits": ("digit", "noise", "edges")}) == study


def test_tasks_that_the_benchmark_here_does_not_have():
    study = study_from({**content(), "spaces": {"digits": ["digit -> jigsaw"]}})
    with pytest.raises(StudyError, match="unknown task 'jigsaw' in the benchmark of digits that is here; known: digit"):
        study.resolved({"digits": ("digit", "noise")})
    with pytest.raises(StudyError, match="the benchmark of digits has only digit, so no task pair"):
        study_from({**content(), "spaces": {"digits": "all"}}).resolved({"digits": ("digit",)})


def test_a_run_in_words():
    assert str(Run("TU", "digits", "digit", "jigsaw", 2.0, 3)) == "TU on digits, digit -> jigsaw, budget 2%, seed 3"
    assert str(Run("re", "digits", "digit", None, None, 0)) == "re on digits, digit, seed 0"
