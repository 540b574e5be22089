from __future__ import annotations

import json

import pytest
import yaml

from naslib_archlock.config.keys import keys_of
from naslib_archlock.config.packaged import packaged_config, packaged_configs
from naslib_archlock.config.sections import SECTIONS, Config


@pytest.mark.parametrize("argv", [[], ["--list"]])
def test_the_list_has_one_line_for_each(run, argv):
    code, out, err = run("config", *argv)
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == list(packaged_configs())
    assert "NAS-Bench-201 from NASLib's own files" in out


def test_a_config_is_printed_as_it_is(run):
    assert run("config", "digits") == (0, packaged_config("digits").read_text(), "")
    about = json.loads(run("config", "digits", "--json").out)
    assert yaml.safe_load(about["text"])["search_space"] == "digits"


def test_every_key_is_described_with_its_default(run):
    out = run("config", "--keys").out
    for section, cls in (("", Config), *((f"{name}.", cls) for name, cls in SECTIONS.items())):
        for name in keys_of(cls):
            assert f"\n{section}{name}  (default " in f"\n{out}"
    assert 'archlock.scheme  (default "tu"; s, tk, tu)\n    What the search may know' in out
    assert max(map(len, out.splitlines())) < 250
    keys = json.loads(run("config", "--keys", "--json").out)["keys"]
    assert {"key": "search.epochs", "default": 200}.items() <= next(
        k for k in keys if k["key"] == "search.epochs"
    ).items()


def test_mistakes(run, fails):
    assert "unknown config 'digit'" in fails("config", "digit")
    assert run("config", "digits", "--keys").code == 2
