"""Pickles whose keys would overflow the stack, or never be done, are refused before they are read."""

from __future__ import annotations

import pickle

import pytest

from naslib_archlock.store.pickle_limits import MOST_NODES, check_pickle
from naslib_archlock.store.reading import UnreadableError

DOUBLED = b")" + b"2\x86" * 40  # a tuple of itself twice, forty times over
TRAPS = {
    "nested deep": b"\x80\x04}" + b")" + b"\x85" * 300_000 + b"Ns.",
    "doubled": b"\x80\x04}" + DOUBLED + b"Ns.",
    "doubled by the memo": b"\x80\x04})" + b"".join(b"\x94h%ch%c\x86" % (i, i) for i in range(40)) + b"Ns.",
    "put and got": b"\x80\x02})" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(40)) + b"Ns.",
    "in a set": b"\x80\x04\x8f(" + DOUBLED + b"\x90.",
    "in a frozen set": b"\x80\x04(" + DOUBLED + b"\x91.",
    "the second of several keys": b"\x80\x04}(K\x01K\x02" + DOUBLED + b"Nu.",
    "of the first protocol": b"(()" + b"2\x86" * 40 + b"Nd.",
    "by a mark": b"\x80\x04}" + b"(" * 2000 + b"t" * 2000 + b"Ns.",
}


@pytest.mark.parametrize("what", TRAPS)
def test_keys_that_take_too_long_to_hash(what):
    with pytest.raises(UnreadableError, match=f"a tuple of more than {MOST_NODES} values"):
        check_pickle(TRAPS[what])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_honest_pickles_of_every_protocol(protocol):
    content = {(1, (2, "a")): {1, 2}, "x": frozenset([1]), 10**400: [1j, b"x" * 300, bytearray(b"ab"), True, None]}
    nested = [1.5] * 3000, {"é" * 300: tuple(range(5000))}, (((((1,),),),),)
    data = pickle.dumps([content, nested, content], protocol)
    check_pickle(data)
    check_pickle(b"before" + data, len(b"before"))


@pytest.mark.parametrize("data", [b"", b"\x80\x04}", b"\x80\x04s.", b"\x80\x04h\x05.", b"\x80\x04t.", b"\xff"])
def test_damaged_pickles(data):
    with pytest.raises(UnreadableError, match="no whole pickle"):
        check_pickle(data)
