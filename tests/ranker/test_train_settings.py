from __future__ import annotations

import pytest

from naslib_archlock.errors import ConfigError
from naslib_archlock.ranker.train_settings import parse_widths


def test_widths_are_parsed():
    assert parse_widths("archlock.hidden", "128,64, 32,16") == (128, 64, 32, 16)
    assert parse_widths("audit.widths", "8") == (8,)


@pytest.mark.parametrize("text", ["", "a,b", "128,,16", "0,1", "-3", "128.5", "9999999"])
def test_impossible_widths_are_refused(text):
    with pytest.raises(ConfigError, match="archlock.hidden=.* widths from 1 to 4096"):
        parse_widths("archlock.hidden", text)
