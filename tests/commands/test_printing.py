"""``--json`` and ``--quiet``: what goes where. ``test_main.py`` gives them to commands."""

from __future__ import annotations

import sys

import pytest

from naslib_archlock.commands.printing import printed, result_line


@pytest.mark.parametrize(
    ("as_json", "quietly", "out", "err"),
    [
        (False, False, "prose\nresult\n", "warning\n"),
        (True, False, "", "prose\nwarning\nresult\n"),
        (False, True, "result\n", "warning\n"),
        (True, True, "", "warning\n"),
    ],
)
def test_where_each_kind_of_line_goes(capsys, as_json, quietly, out, err):
    with printed(as_json, quietly):
        print("prose")
        print("warning", file=sys.stderr)
        result_line("result")
    assert capsys.readouterr() == (out, err)


def test_afterwards_all_is_printed_again(capsys):
    with pytest.raises(ValueError, match="x"), printed(False, True):
        raise ValueError("x")
    result_line("result")
    print("prose")
    print("error", file=sys.stderr)
    assert capsys.readouterr() == ("result\nprose\n", "error\n")
