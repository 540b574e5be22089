from __future__ import annotations

from xml.etree import ElementTree

import pandas as pd
import pytest
from study_results import COMPARE_WITH, METHODS, REFERENCE, digits_results

from naslib_archlock.errors import StudyError
from naslib_archlock.report.study_choices import choices, study_choices, typical_pair
from naslib_archlock.spaces.known import DIGITS, TRANSBENCH101_MACRO
from naslib_archlock.studies.statistics import analyse


def pairs_of(**scores: tuple[float, ...]) -> pd.DataFrame:
    """Mean lock scores of methods, for each target."""
    rows = [("s", target, score) for target, some in scores.items() for score in some]
    return pd.DataFrame(rows, columns=["source", "target", "lock_score"])


def test_the_typical_pair_has_the_median_score():
    assert typical_pair(pairs_of(low=(-1.0, 0.0), middle=(0.9, -0.5), high=(0.5, 0.6))) == ("s", "middle")
    assert typical_pair(pairs_of(low=(0.1,), high=(0.2,))) == ("s", "low")  # of two, the lower one
    assert typical_pair(pairs_of(only=(0.0,))) == ("s", "only")


def rows_of(method: str, *archs: str) -> pd.DataFrame:
    figures = {"lock_score": 0.5, "is_within_budget": True, "source_test": 90.0, "target_test": 50.0}
    return pd.DataFrame([{"method": method, "seed": seed, "arch": arch, **figures} for seed, arch in enumerate(archs)])


A, B = (DIGITS.to_str(cell) for cell in ((3, 0, 0, 0, 0, 1), (0, 3, 0, 0, 1, 0)))


def test_the_choice_of_a_method_is_that_of_most_seeds():
    rows = pd.concat([rows_of("often b", A, B, B), rows_of("even", B, A), rows_of("gone", A)])
    chosen = choices(rows.sample(frac=1, random_state=0), ["even", "often b", "absent"], DIGITS).set_index("method")
    assert list(chosen.index) == ["even", "often b"]
    assert chosen.loc["often b", ["arch", "n_same", "n_seeds"]].tolist() == [B, 2, 3]
    assert chosen.loc["even", ["arch", "n_same", "n_seeds"]].tolist() == [B, 1, 2]  # the lowest seed's
    assert chosen.loc["even", "cell"] == (0, 3, 0, 0, 1, 0)
    assert chosen.loc["even", "in_words"].startswith("node1 = 0; node2 = conv3x3(node0); node3 = ")


def test_an_architecture_that_the_space_lacks_is_an_error_of_the_results():
    with pytest.raises(StudyError, match="the results name an architecture that transbench101_macro does not have: "):
        choices(rows_of("m", A), ["m"], TRANSBENCH101_MACRO)


def test_each_architecture_is_drawn_once_with_all_who_chose_it():
    results = digits_results(budgets=(2.0,))
    twin = results[results["method"] == "ceiling"].assign(method="twin")
    results = pd.concat([results, twin])
    pairs = analyse(results, [*METHODS, "twin"], REFERENCE, COMPARE_WITH).pairs
    found = study_choices(results, pairs)
    source, target = typical_pair(pairs)
    assert f"for the source {source} and the target {target}" in found.caption
    assert list(found.table["method"]) == [*METHODS, "twin"]
    names = [drawing.methods for drawing in found.drawings]
    assert "ceiling, twin" in names
    assert len(names) == found.table["architecture"].nunique() == len(found.figure.axes)
    for drawing in found.drawings:
        assert ElementTree.fromstring(drawing.svg).tag.endswith("svg")
        (row, *_) = found.table[found.table["method"].isin(drawing.methods.split(", "))].itertuples(index=False)
        assert drawing.in_words in row
