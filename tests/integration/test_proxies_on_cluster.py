"""``archlock proxies`` on a Dask cluster, with NASLib in its workers."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from machines import SECONDS, Machines

from naslib_archlock.commands.main import main

pytest.importorskip("distributed", reason="distributed is not installed (the extra dask)")

OPTIONS = ["--cells", "4", "--proxies", "nwot,zen", "--image-size", "8", "--batch-size", "8", "--subsets", "1"]


@pytest.mark.slow
def test_the_table_is_that_of_this_machine_though_a_worker_is_killed(
    digit_images, tmp_path, child_environment, monkeypatch, capsys
):
    monkeypatch.setattr("naslib_archlock.plugin.score_tasks._SECONDS_A_PART", 0.1)  # one cell per part
    folders = [str(digit_images[name]) for name in ("low", "shapes")]
    assert main(["proxies", "--out", str(tmp_path / "local"), *OPTIONS, "--jobs", "1", *folders]) == 0
    machines = Machines(tmp_path, child_environment)
    out, killed = tmp_path / "dask", threading.Event()

    def kill_one() -> None:
        """Kill a worker as soon as a part is done."""
        deadline = time.monotonic() + SECONDS
        while not list(out.glob("parts/[0-9]*.json")) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        killed.set()

    try:
        for _ in range(2):
            machines.worker()
        machines.wait_for(2)
        with machines.client() as client:
            pid = next(iter(client.run(os.getpid).values()))
        thread = threading.Thread(target=kill_one)
        thread.start()
        where = ["--backend", "dask", "--scheduler", machines.address]
        assert main(["proxies", "--out", str(out), *OPTIONS, *where, *folders]) == 0, capsys.readouterr().err
        thread.join()
    finally:
        machines.stop()
    assert killed.is_set()
    assert contents(out) == contents(tmp_path / "local")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
