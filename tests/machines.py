"""A Dask cluster on this machine: real processes of a scheduler and its workers, started as users start them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SECONDS = 60  # the most time for any event; other programs may use the machine
LIFE = ("--death-timeout", "20")  # a worker that has lost its scheduler ends, so that no process outlives these tests


class Machines:
    """A scheduler and workers; ``address`` is the scheduler's."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._processes = folder, list[Any]()
        # A call may lose one worker here, because the default of three takes long to reach.
        settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1", "DASK_TEMPORARY_DIRECTORY": str(folder)}
        self._environment = {**environment, **settings}
        file = folder / "scheduler.json"
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file,
            "--idle-timeout", "300",
        )  # fmt: skip
        self.address = json.loads(self._read(file))["address"]

    def worker(self, *options: str, preload: str = "") -> subprocess.Popen[bytes]:
        """Start a worker, by default with one thread and with a nanny, which starts it again after it dies."""
        if preload:
            path = self._folder / f"preload{len(self._processes)}.py"
            path.write_text(preload)
            options = (*options, "--preload", str(path))
        if "--nthreads" not in options:
            options = (*options, "--nthreads", "1")
        return self._start("worker", self.address, "--no-dashboard", "--host", "127.0.0.1", *LIFE, *options)

    def wait_for(self, n: int) -> None:
        with self.client() as client:
            client.wait_for_workers(n, timeout=SECONDS)

    def client(self) -> Any:
        from distributed import Client

        return Client(self.address, timeout=SECONDS, set_as_default=False)

    def _start(self, *command: Any) -> subprocess.Popen[bytes]:
        log = (self._folder / "log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *map(str, command)],
            env=self._environment, cwd=self._folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def _read(self, file: Path) -> str:
        deadline = time.monotonic() + SECONDS
        while not (file.exists() and file.read_text().endswith("}")):
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.02)
        return file.read_text()

    def stop(self) -> None:
        for process in self._processes:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and its children at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
