from __future__ import annotations

import pytest

from naslib_archlock.errors import RankerError
from naslib_archlock.train_settings import parse_hidden


def test_layers_are_parsed():
    assert parse_hidden("128,64, 32,16") == (128, 64, 32, 16)
    assert parse_hidden("8") == (8,)


@pytest.mark.parametrize("text", ["", "a,b", "128,,16", "0,1", "-3", "128.5", "9999999"])
def test_impossible_layers_are_refused(text):
    with pytest.raises(RankerError, match="widths from 1 to 4096"):
        parse_hidden(text)
