"""The configurations of the package: each loads, runs under its name, and can be copied."""

from __future__ import annotations

import pytest
import yaml

from naslib_archlock.config.load import load_config
from naslib_archlock.config.packaged import about_config, own_copy, packaged_config, packaged_configs
from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.spaces.known import SPACES


@pytest.mark.parametrize("name", packaged_configs())
def test_each_is_a_config_that_says_what_it_is_for_and_how_to_run_it(name):
    path = packaged_config(name)
    assert load_config(path).optimizer == "archlock"
    text = path.read_text(encoding="utf-8")
    assert f"archlock search --config {name}\n" in text or f"archlock search --config {name} " in text
    assert len(about_config(path).split()) > 2


def test_each_search_space_has_one_of_its_name():
    assert set(SPACES) <= set(packaged_configs())
    assert {load_config(packaged_config(name)).search_space for name in SPACES} == set(SPACES)


def test_an_unknown_name_lists_those_that_exist_the_most_similar_first():
    with pytest.raises(UnknownNameError, match="unknown config 'nasbench20'.*known: nasbench201, .*mean 'nasbench201'"):
        packaged_config("nasbench20")


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("# One thing. Another one.\nseed: 0\n", "One thing"),
        ("# A long\n# sentence:\n#   archlock search\n", "A long sentence"),
        ("seed: 0\n", ""),
    ],
)
def test_the_first_sentence_of_the_comment(tmp_path, text, about):
    (tmp_path / "config.yaml").write_text(text)
    assert about_config(tmp_path / "config.yaml") == about


@pytest.mark.parametrize("folder", ["/photos/mine", '/a "b"/#c: d', "/ümlaut, and comma"])
def test_a_copy_has_new_values_and_keeps_its_comments(tmp_path, folder):
    out = tmp_path / "mine.yaml"
    values = {"dataset": folder, "scheme": "tk", "target": [f"{folder}2", f"{folder}3"]}
    out.write_text(own_copy("images", out, values), encoding="utf-8")
    config = load_config(out)
    assert (config.dataset, config.archlock.scheme) == (folder, "tk")
    assert config.archlock.targets == (f"{folder}2", f"{folder}3")
    original = packaged_config("images").read_text(encoding="utf-8")
    assert out.read_text(encoding="utf-8").count("#") - original.count("#") == folder.count("#") * 3
    assert f"archlock search --config-file {out}\n" in out.read_text() or f"--config-file {out} " in out.read_text()


def test_a_copy_without_changes_is_the_same_config(tmp_path):
    for name, path in packaged_configs().items():
        assert yaml.safe_load(own_copy(name, tmp_path / "x.yaml", {})) == yaml.safe_load(path.read_text())


def test_an_impossible_copy_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="which is the source"):
        own_copy("images", tmp_path / "x.yaml", {"dataset": "/a/b", "target": ["/a/b"]})
