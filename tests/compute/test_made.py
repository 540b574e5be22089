from __future__ import annotations

import re
import subprocess
import sys

from naslib_archlock import __version__
from naslib_archlock.compute.made import made_now


def test_it_says_when_where_and_with_what():
    made = made_now()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", made["date"])
    assert made["archlock"] == __version__
    assert made["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert "cores" in made["machine"]
    assert re.match(r"\d", made["numpy"])


def test_it_imports_no_library():
    code = "import sys; from naslib_archlock.compute.made import made_now; made_now(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
