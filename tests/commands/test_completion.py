"""``archlock completion``: shells accept the scripts, and bash completes commands, options, configs and keys."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from naslib_archlock.commands.completion import SHELLS

pytest.importorskip("shtab")


@pytest.fixture
def script(run) -> str:
    return run("completion", "bash").out


@pytest.mark.parametrize("shell", SHELLS)
def test_each_script_names_the_commands(run, shell):
    code, out, err = run("completion", shell)
    assert (code, err) == (0, "")
    assert "train-ranker" in out and "archlock.scheme" in out
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=out, text=True, capture_output=True).returncode == 0


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash here")
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("archlock se", "search"),
        ("archlock search --res", "--resume"),
        ("archlock search --config nas", "nasbench201"),
        ("archlock config paper_n", "paper_nasbench201"),
        ("archlock search archlock.sch", "archlock.scheme"),
        ("archlock search seed 1 archlock.target_q", "archlock.target_queries"),
        ("archlock completion fi", "fish"),
    ],
)
def test_bash_completes(script, typed, found):
    words = typed.split()
    code = f"""
{script}
COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}
_shtab_archlock archlock {words[-1]} {words[-2]}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert found in [line.strip() for line in done.stdout.splitlines()]
