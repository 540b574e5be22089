"""Every kind of ranker model passes the contract's check, and the check notices violations."""

from __future__ import annotations

import another_kind
import numpy as np
import pytest

from naslib_archlock.errors import UnknownNameError
from naslib_archlock.ranker.model_kinds import model_kinds
from naslib_archlock.testing.ranker_contract import check_ranker_model


@pytest.mark.parametrize("kind", model_kinds())
def test_the_kinds_of_the_package_keep_their_promises(kind):
    check_ranker_model(kind, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("((a[0] - b[0]) * task)", "((a[0] - 2 * b[0]) * task)", "swapping"),
        ("((a[0] - b[0]) * task).sum(dim=-1)", "0 * ((a[0] - b[0]) * task).sum(dim=-1)", "the same logit"),
        ("(self.of_cell(archs),)", "(self.of_cell(archs - archs.mean(dim=0)) * len(archs),)", "beside a cell"),
        (".sum(dim=-1)", ".sum(dim=-1) / 0", "not finite|the same logit"),
    ],
)
def test_a_broken_kind_is_noticed(monkeypatch, tmp_path, right, wrong, message):
    assert right in another_kind.SOURCE
    name = another_kind.add_kind(monkeypatch, tmp_path / "kinds", source=another_kind.SOURCE)
    check_ranker_model(name, np.random.default_rng(0))
    broken = another_kind.add_kind(
        monkeypatch, tmp_path / "broken", "broken", another_kind.SOURCE.replace(right, wrong)
    )
    with pytest.raises(AssertionError, match=message):
        check_ranker_model(broken, np.random.default_rng(0))


def test_an_unknown_kind_is_refused():
    with pytest.raises(UnknownNameError, match="ranker model"):
        check_ranker_model("none", np.random.default_rng(0))
