from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import another_kind
import pytest

import naslib_archlock
from naslib_archlock.config.load import load_config
from naslib_archlock.errors import ConfigError, RankerError, UnknownNameError
from naslib_archlock.ranker import models
from naslib_archlock.ranker.model_kinds import add_model_folder, build_model, model_class, model_kinds
from naslib_archlock.ranker.models.mlp import PairMLP


def test_every_file_of_the_folder_is_a_kind():
    files = {path.stem for path in Path(models.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(model_kinds()) == files
    for kind in model_kinds():
        assert model_class(kind).kind == kind
    assert model_class("mlp") is PairMLP


def test_names_are_listed_without_torch():
    code = (
        "import sys; from naslib_archlock.ranker.model_kinds import model_kinds; "
        "assert 'mlp' in model_kinds(); assert not {'torch', 'naslib_archlock.ranker.models.mlp'} & set(sys.modules)"
    )
    root = str(Path(naslib_archlock.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True)


def test_another_folder_adds_its_kinds_and_replaces_none(monkeypatch, tmp_path):
    before = model_kinds()
    assert another_kind.NAME not in before
    another_kind.add_kind(monkeypatch, tmp_path / "mine")
    (tmp_path / "mine" / "mlp.py").write_text("raise RuntimeError('not this one')")
    add_model_folder(tmp_path / "mine")  # a second call changes nothing
    assert model_kinds() == sorted([*before, "bilinear"])
    assert build_model("bilinear", 5, {"rank": 3}).settings == {"rank": 3}
    assert model_class("mlp") is PairMLP


@pytest.mark.parametrize("name", ["mpl", "", "__init__", "os", "mlp.py", "../mlp"])
def test_an_unknown_kind_lists_the_known_ones(name):
    with pytest.raises(UnknownNameError, match="unknown ranker model .*known: .*mlp"):
        build_model(name, 4, {})


def test_a_config_names_a_kind_that_exists(monkeypatch, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown archlock.ranker_model 'bilinear'; known: .*mlp"):
        load_config(None, ["archlock.ranker_model", "bilinear"])
    another_kind.add_kind(monkeypatch, tmp_path)
    section = load_config(None, ["archlock.ranker_model", "bilinear"]).archlock
    assert section.ranker_model == "bilinear"
    assert section.trains_its_own_way  # no shipped ranker is of this kind


def test_an_unknown_setting_lists_the_known_ones():
    with pytest.raises(
        UnknownNameError, match="unknown setting 'layers' in ranker model 'mlp'; known: hidden, antisymm"
    ):
        build_model("mlp", 4, {"layers": [3]})
    with pytest.raises(ConfigError, match="widths from 1 to 4096"):
        build_model("mlp", 4, {"hidden": [0]})


@pytest.mark.parametrize("source", ["", another_kind.SOURCE + "\n\nclass Second(PairBilinear):\n    pass\n"])
def test_a_file_defines_exactly_one_kind(monkeypatch, tmp_path, source):
    another_kind.add_kind(monkeypatch, tmp_path, "strange", source)
    with pytest.raises(RankerError, match="strange.py defines [02] subclasses of PairModel"):
        model_class("strange")
