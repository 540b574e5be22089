from __future__ import annotations

import pytest
import yaml

from naslib_archlock.config.keys import keys_of
from naslib_archlock.config.load import config_from, load_config
from naslib_archlock.config.naslib_keys import NASLIB_KEYS
from naslib_archlock.config.sections import SECTIONS, Config
from naslib_archlock.errors import ConfigError


def test_keys_of_naslib_are_let_pass_and_strangers_only_where_asked():
    text = "search: {learning_rate: 0.1, use_zc_api: false}\nevaluation: {}\nbatch_size: 3\n"
    assert config_from(yaml.safe_load(text)) == Config()
    strange = {"somebody": 1, "search": {"elses": 2, "epochs": 3}}
    assert config_from(strange, strict=False).search.epochs == 3
    with pytest.raises(ConfigError, match="unknown key somebody"):
        config_from(strange)
    with pytest.raises(ConfigError, match="unknown key archlock.schem"):
        config_from({"archlock": {"schem": "s"}}, strict=False)


def test_our_own_keys_are_not_repeated():
    for section, names in NASLIB_KEYS.items():
        ours = {*keys_of(SECTIONS[section])} if section else {*keys_of(Config), *SECTIONS}
        assert not ours & set(names)
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(("key", "near"), [("evaluatoin", "evaluation"), ("search.predictor_typ", "predictor_type")])
def test_a_misspelt_key_of_naslib_is_an_error(key, near):
    with pytest.raises(ConfigError, match=f"unknown key {key}; did you mean '{near}'"):
        load_config(None, [key, "1"])
