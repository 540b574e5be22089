"""Calls on a Dask cluster: a real scheduler and real workers on this machine, started as users start them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import test_parts
import yaml
from machines import SECONDS, Machines, stop

from naslib_archlock.commands import main as cli
from naslib_archlock.commands.interrupts import no_interrupt_lost  # noqa: F401  # a child needs it
from naslib_archlock.compute import cluster as cluster_module
from naslib_archlock.compute.cluster import DaskCluster
from naslib_archlock.compute.parts import LocalProcesses, compute_parts, in_parallel
from naslib_archlock.errors import ClusterError, OutputError, TableError
from naslib_archlock.ranker.train_settings import PRESETS, TrainSettings
from naslib_archlock.spaces.known import TRANSBENCH101_MICRO
from naslib_archlock.store import sealed
from naslib_archlock.studies.study import study_from
from naslib_archlock.studies.study_run import resolve, run_study

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="distributed is not installed (the extra dask)"
)


# Workers import this file for the functions below. It imports modules of the folder above, so they need both paths.
THIS_FILE_ON_PATH = (str(Path(__file__).parent), str(Path(__file__).parents[1]))


@pytest.fixture
def machines(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[Machines]:
    """A scheduler without workers."""
    yield from _machines(tmp_path_factory, child_environment)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[Machines]:
    """A scheduler with two workers. Each test has two workers, but tests may replace them."""
    for machines in _machines(tmp_path_factory, child_environment):
        machines.worker()
        machines.worker()
        machines.wait_for(2)
        yield machines


def _machines(factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Machines]:
    path = os.pathsep.join([*THIS_FILE_ON_PATH, environment["PYTHONPATH"]])
    machines = Machines(factory.mktemp("cluster"), {**environment, "PYTHONPATH": path})
    try:
        yield machines
    finally:
        machines.stop()


@pytest.fixture
def cluster(two: Machines) -> DaskCluster:
    two.wait_for(2)
    return DaskCluster(two.address)


# -- calls -------------------------------------------------------------------------------------------------------------


def square(number: int) -> int:
    return number**2


def where(number: int) -> tuple[int, int, str]:
    import torch

    time.sleep(0.2)
    return os.getpid(), torch.get_num_threads(), threading.current_thread().name


def killed_once(folder: Path, number: int) -> int:
    """Kill the process that computes the third number, but only the first time."""
    time.sleep(0.05)
    if number == 2 and not (folder / "killed").exists():
        (folder / "killed").write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def always_killed(folder: Path, number: int) -> int:
    if number == 2:
        with (folder / "deaths").open("a") as f:
            f.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def failing(error: Exception, number: int) -> int:
    if number == 2:
        raise error
    return number**2


def begun(folder: Path, number: int) -> int:
    (folder / str(number)).touch()
    time.sleep(0.3)
    return number


def test_results_are_those_of_local_processes_and_so_are_files(cluster, tmp_path):
    log = tmp_path / "log"
    calls = {f"part{i}": (log, i) for i in range(7)}
    results = [
        compute_parts(test_parts.halves, calls, tmp_path / name, {"seed": 0}, workers, "halving")
        for name, workers in (("local", LocalProcesses(1)), ("dask", cluster))
    ]
    assert results[0] == results[1]
    assert list(results[1]) == list(calls)
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("local", "dask")]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 7 + 1


def test_work_goes_on_elsewhere(cluster, tmp_path):
    """A run begins here, continues on the cluster and ends here, and computes nothing twice."""
    log = tmp_path / "log"
    for n, workers in ((2, LocalProcesses(1)), (4, cluster), (6, LocalProcesses(1))):
        calls = {f"part{i}": (log, i) for i in range(n)}
        compute_parts(test_parts.halves, calls, tmp_path / "parts", {}, workers, "halving")
    assert sorted(map(int, log.read_text().split())) == list(range(6))


def test_all_workers_work_on_one_thread_each(cluster):
    seen: dict[int, Any] = {}
    in_parallel(where, {i: (i,) for i in range(6)}, seen.__setitem__, cluster, "looking")
    assert len({pid for pid, _, _ in seen.values()}) == 2
    assert os.getpid() not in {pid for pid, _, _ in seen.values()}
    assert {threads for _, threads, _ in seen.values()} == {1}


def test_functions_of_a_script_run_there_too(two, tmp_path, child_environment):
    """Dask sends their code, because a worker cannot import the script."""
    two.wait_for(2)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from naslib_archlock.compute.cluster import DaskCluster\n"
        "from naslib_archlock.compute.parts import in_parallel\n"
        "FACTOR = 3\n"
        "def times(number): return FACTOR * number\n"
        "results = {}\n"
        "in_parallel(times, {i: (i,) for i in range(3)}, results.__setitem__, DaskCluster(sys.argv[1]), 'x')\n"
        "print(sorted(results.items()))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), two.address], env=child_environment, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[(0, 0), (1, 3), (2, 6)]\n", "")


def test_nothing_to_do_asks_nobody():
    in_parallel(square, {}, dict[Any, Any]().__setitem__, DaskCluster("tcp://127.0.0.1:1"), "nothing")


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    """Dask's settings for a cluster that refuses everyone without a certificate: name of a setting -> value."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, to make certificates, is not here")
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subject = ["-subj", "/CN=archlock", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    roles = {f"{role}.{name}": path for role in ROLES for name, path in (("cert", certificate), ("key", key))}
    return {f"distributed.comm.tls.{name}": path for name, path in {"ca-file": certificate, **roles}.items()}


ROLES = ("scheduler", "worker", "client")


def test_a_cluster_that_speaks_tls(tls, tmp_path_factory, child_environment):
    import dask

    settings = {**tls, "distributed.comm.default-scheme": "tls", "distributed.comm.require-encryption": "true"}
    names = {f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": value for name, value in settings.items()}
    for machines in _machines(tmp_path_factory, {**child_environment, **names}):
        assert machines.address.startswith("tls://")
        machines.worker()
        cluster, seen = DaskCluster(machines.address), dict[int, int]()
        with pytest.raises(ClusterError, match="no Dask scheduler answers at tls://"):
            cluster.check()  # this process has no certificate
        with dask.config.set(tls):
            in_parallel(square, {i: (i,) for i in range(4)}, seen.__setitem__, cluster, "squaring")
        assert seen == {i: i**2 for i in range(4)}


# -- deaths, errors, and stopping --------------------------------------------------------------------------------------


def test_a_worker_is_killed_in_the_middle_and_the_results_are_the_same(cluster, tmp_path):
    calls = {f"part{i}": (tmp_path, i) for i in range(12)}
    results = compute_parts(killed_once, calls, tmp_path / "dask", {}, cluster, "squaring")
    assert (tmp_path / "killed").exists()
    assert compute_parts(killed_once, calls, tmp_path / "local", {}, LocalProcesses(1), "squaring") == results
    for path in (tmp_path / "local").iterdir():
        assert (tmp_path / "dask" / path.name).read_bytes() == path.read_bytes()


def test_a_call_that_always_kills_its_worker_is_named(cluster, tmp_path):
    results: dict[int, int] = {}
    with pytest.raises(ClusterError, match="^2: 2 workers died while they computed it.*what is finished is kept"):
        in_parallel(always_killed, {i: (tmp_path, i) for i in range(5)}, results.__setitem__, cluster, "squaring")
    assert (tmp_path / "deaths").read_text() == "xx"
    assert results.items() <= {i: i**2 for i in range(5)}.items()


def test_an_error_made_for_users_names_the_worker(cluster):
    with pytest.raises(ClusterError, match="on worker tcp://127.0.0.1:[0-9]+: no table of x"):
        in_parallel(failing, {2: (TableError("no table of x"), 2)}, print, cluster, "failing")


@pytest.mark.parametrize("bug", [ZeroDivisionError, TimeoutError, ModuleNotFoundError])
def test_a_bug_passes_through(cluster, bug):
    with pytest.raises(bug, match="three"):
        in_parallel(failing, {2: (bug("three"), 2)}, print, cluster, "failing")


def test_what_is_stopped_is_cancelled(cluster, tmp_path):
    def full(name: int, result: Any) -> None:
        raise OutputError("no space left")

    with pytest.raises(OutputError, match="no space left"):
        in_parallel(begun, {i: (tmp_path, i) for i in range(40)}, full, cluster, "beginning")
    seen: dict[int, int] = {}
    in_parallel(square, {i: (i,) for i in range(2)}, seen.__setitem__, cluster, "squaring")  # there is room again
    assert len(list(tmp_path.iterdir())) <= 4


def test_ctrl_c_cancels_and_says_nothing(two, tmp_path, child_environment):
    two.wait_for(2)
    code = (
        "import sys, pathlib, test_cluster as t\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "try:\n"
        "    with t.no_interrupt_lost():\n"  # as in all commands: Python may drop a Ctrl-C
        "        t.in_parallel(t.begun, {i: (folder, i) for i in range(200)}, lambda *_: None,\n"
        "                      t.DaskCluster(sys.argv[1]), 'beginning')\n"
        "except KeyboardInterrupt: sys.exit(130)\n"
    )
    path = os.pathsep.join([*THIS_FILE_ON_PATH, child_environment["PYTHONPATH"]])
    child = subprocess.Popen(
        [sys.executable, "-c", code, two.address], env={**child_environment, "PYTHONPATH": path}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        # A shell without job control, as in CI, makes its processes ignore SIGINT. Undo this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        deadline = time.monotonic() + SECONDS
        while len(list(tmp_path.iterdir())) < 3 and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=SECONDS)
    finally:
        stop(child)
    assert (child.returncode, out, err) == (130, "", "")
    time.sleep(0.5)  # the running calls end
    n_begun = len(list(tmp_path.iterdir()))
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) == n_begun < 200


def test_a_scheduler_that_is_lost(machines, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "_PATIENCE", 3.0)
    machines.worker()
    machines.wait_for(1)
    results: list[int] = []

    def keep(name: int, result: int) -> None:
        results.append(result)
        stop(machines.scheduler)

    with pytest.raises(ClusterError, match="lost.*give the same command again"):
        in_parallel(begun, {i: (tmp_path, i) for i in range(9)}, keep, DaskCluster(machines.address), "beginning")
    assert len(results) == 1


def test_workers_that_are_all_lost(machines, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "_WITHOUT_WORKERS", 2.0)
    worker = machines.worker("--no-nanny")
    machines.wait_for(1)
    calls = {i: (tmp_path, i) for i in range(9)}
    with pytest.raises(ClusterError, match="all workers were lost.*give the same command again"):
        in_parallel(begun, calls, lambda name, result: stop(worker), DaskCluster(machines.address), "beginning")


# -- commands ----------------------------------------------------------------------------------------------------------

STUDY = """
name: small
about: Two rankers, two searches each, and a rule.
budgets: [2]
seeds: 2
source_queries: 3
reference: S
compare_with: fewest weights
spaces: {transbench101_micro: [class_scene -> normal]}
methods:
  S: {scheme: s, strategy: evolution, epochs: 3, hidden: "8", opponents: 16, screening: 2}
  TU: {scheme: tu, strategy: evolution, epochs: 3, hidden: "8", opponents: 16, screening: 2, n_targets: 2}
  fewest weights: {method: fewest_weights}
"""


def train_as(settings: TrainSettings) -> None:
    """Set in a worker what the fixture ``fast_training`` sets here."""
    PRESETS["default"] = settings


def files_of(out: Path) -> dict[str, Any]:
    """All files of a study's output, without the seconds that runs took; ``.lock`` always exists."""
    contents: dict[str, Any] = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        if path.name in ("status.json", "made.json"):  # these hold the command, its process and times
            continue
        name = str(path.relative_to(out))
        if name == "results.csv":
            contents[name] = pd.read_csv(path).drop(columns="seconds").to_csv()
        elif name.startswith("runs"):
            contents[name] = sealed.read(path)
            contents[name]["result"]["seconds"] = 0
        else:
            contents[name] = path.read_bytes()
    return contents


def test_a_study_on_a_cluster_is_that_of_this_machine(two, toy_tables, tmp_path, monkeypatch, capsys, fast_training):
    """Workers also train the rankers. Paths are relative to this process's folder, in which no worker runs."""
    two.wait_for(2)
    with two.client() as client:
        client.run(train_as, fast_training)
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(STUDY)
    Path("tables").symlink_to(toy_tables)
    for out, where in (("local", ["--jobs", "1"]), ("dask", ["--backend", "dask", "--scheduler", two.address])):
        assert cli.main(["compare", "study.yaml", "--out", out, "--tables", "tables", *where]) == 0
        said = capsys.readouterr().err.splitlines()
        assert "5 runs, 5 of them missing, and 2 rankers to find or train first" in said[0]
        assert [line for line in said[1:] if "parts after" not in line] == []  # only progress, on a slow machine
    local, there = files_of(Path("local")), files_of(Path("dask"))
    assert there == local
    assert len([name for name in there if name.startswith("rankers")]) == 2
    assert cli.main(["compare", "study.yaml", "--out", "dask", "--tables", "tables", "--jobs", "1"]) == 0
    assert "5 runs, 0 of them made now" in capsys.readouterr().out


def test_networks_that_workers_train_are_those_of_this_machine(cluster, digit_images):
    """Images are read by the workers, and no figure depends on where a network is trained."""
    from naslib_archlock.benchmarks.trained import TrainedBenchmark
    from naslib_archlock.networks.fit import FitSettings

    tasks, archs = [str(digit_images[name]) for name in ("low", "high")], [(3, 2, 1, 3, 1, 2), (1, 0, 0, 2, 0, 4)]
    settings = FitSettings(epochs=2, batch_size=16, augmentations=("flip", "crop"))
    found = []
    for workers in (LocalProcesses(1), cluster):
        benchmark = TrainedBenchmark(TRANSBENCH101_MICRO, tasks, 12, 0, False, 0, settings)
        benchmark.train_with(workers)
        benchmark.train_all(archs, tasks)
        found.append([benchmark.accuracy(arch, task=task, split="test") for arch in archs for task in tasks])
    assert found[0] == found[1]
    assert len(set(found[0])) > 1


def test_a_worker_that_sees_other_files_names_them(cluster, toy_tables, tmp_path, monkeypatch):
    """The worker runs in another folder, so a relative path leads to no file."""
    monkeypatch.chdir(tmp_path)
    raw = yaml.safe_load(STUDY)
    # This method needs no ranker, because another test may have changed how the workers train one.
    raw["methods"]["S"] = {"method": "most_accurate"}
    raw["methods"]["TU"] = {"scheme": "tu", "strategy": "bayesian", "zero_cost": "zc_transbench101_micro.json"}
    Path("zc_transbench101_micro.json").write_bytes((toy_tables / "zc_transbench101_micro.json").read_bytes())
    tables = str(toy_tables)
    with pytest.raises(ClusterError, match=r"on worker tcp.*: run TU on .*: zc_transbench101_micro.json is not there"):
        run_study(resolve(study_from(raw), tables), tmp_path / "out", tables, cluster)


def test_tables_that_change_are_read_again_by_workers_that_stay(cluster, toy_tables, tmp_path, rewrite_tables):
    def noise(name: str, values: np.ndarray) -> np.ndarray:
        return np.random.default_rng(len(name)).permutation(values)

    raw = yaml.safe_load(STUDY)
    raw["methods"] = {"S": {"method": "most_accurate"}, "fewest weights": {"method": "fewest_weights"}}
    tables, picks = tmp_path / "tables", []
    for change in (None, noise):
        rewrite_tables(toy_tables, tables, "transbench101_micro", change_column=change)
        study = resolve(study_from(raw), str(tables))
        picks.append([run_study(study, tmp_path / f"out{i}", str(tables), w).results["arch"].tolist()
                      for i, w in enumerate((LocalProcesses(1), cluster))])  # fmt: skip
        shutil.rmtree(tables)
    assert picks[0][0] == picks[0][1] != picks[1][0] == picks[1][1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backend", "dask"], "needs the address of a scheduler: --scheduler tcp://HOST:PORT"),
        (["--scheduler", "tcp://x:1"], "--scheduler tcp://x:1 is for a Dask cluster: add --backend dask"),
        (["--backend", "dask", "--scheduler", "tcp://x:1", "--jobs", "2"], "--jobs is for processes on this machine"),
        (["--backend", "dask", "--scheduler", "x"], "no Dask scheduler answers at x"),
    ],
)
@pytest.mark.parametrize("command", ["compare", "proxies"])
def test_mistakes_in_asking_for_a_cluster(command, options, message, digit_images, tmp_path, capsys):
    study = tmp_path / "study.yaml"
    study.write_text(STUDY.replace("transbench101_micro: [class_scene -> normal]", "digits: [digit -> edges]"))
    given = {"compare": study, "proxies": digit_images["low"]}[command]
    assert cli.main([command, str(given), "--out", str(tmp_path / "out"), *options]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"archlock {command}: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


# -- clusters that cannot be used --------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Callable[[bytes], str]]:
    """The address of a server that is no scheduler; it gives one answer, or none."""
    sockets: list[socket.socket] = []

    def serve(answer: bytes) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)

        def answer_all() -> None:
            while answer:
                try:
                    connection, _ = listening.accept()
                    connection.sendall(answer)
                    connection.close()
                except OSError:
                    return

        threading.Thread(target=answer_all, daemon=True).start()
        return f"tcp://127.0.0.1:{listening.getsockname()[1]}"

    yield serve
    for listening in sockets:
        listening.close()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_something_else_at_the_address(server, monkeypatch, answer):
    monkeypatch.setattr(cluster_module, "_PATIENCE", 1.0)
    start = time.monotonic()
    with pytest.raises(ClusterError, match="no Dask scheduler answers at tcp://127.0.0.1.*tcp://HOST:8786"):
        DaskCluster(server(answer)).check()
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "here", "http://x:1", "tcp://a.invalid:8786"])
def test_addresses_of_no_scheduler(monkeypatch, address):
    monkeypatch.setattr(cluster_module, "_PATIENCE", 1.0)
    with pytest.raises(ClusterError, match=f"no Dask scheduler answers at {address}"):
        DaskCluster(address).check()


def test_the_address_of_a_worker(two, cluster):
    with two.client() as client:
        worker = next(iter(client.nthreads()))
    with pytest.raises(ClusterError, match=f"at {worker} there is a Dask Worker"):
        DaskCluster(worker).check()


def test_a_cluster_without_workers(machines, monkeypatch):
    monkeypatch.setattr(cluster_module, "_FIRST_WORKER", 1.0)
    with pytest.raises(ClusterError, match="has no workers.*start some, with dask worker tcp://127"):
        DaskCluster(machines.address).check()


LACKING = (
    "cannot import naslib_archlock .*install it there, too",
    (),
    "import sys\nsys.modules['naslib_archlock'] = None",
)
OTHER = ("has naslib_archlock 0.0.1, and this machine has", (), "import naslib_archlock as n\nn.__version__ = '0.0.1'")
THREADS = ("has 2 threads.*start workers with --nthreads 1", ("--nthreads", "2"), "")


def test_a_worker_that_is_unfit_is_noticed_before_anything_is_computed(machines, tmp_path):
    for message, options, preload in (OTHER, THREADS):
        unfit = machines.worker("--no-nanny", *options, preload=preload)
        machines.wait_for(1)
        with pytest.raises(ClusterError, match=f"^worker tcp://127.0.0.1:[0-9]+ {message}"):
            in_parallel(begun, {0: (tmp_path, 0)}, print, DaskCluster(machines.address), "beginning")
        stop(unfit)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("message", "options", "preload"), [LACKING, THREADS])
def test_a_worker_that_comes_late_and_is_unfit(machines, tmp_path, message, options, preload):
    machines.worker()
    machines.wait_for(1)

    def keep(name: int, result: int) -> None:
        if name == 0:
            machines.worker("--no-nanny", *options, preload=preload)

    with pytest.raises(ClusterError, match=message):
        in_parallel(begun, {i: (tmp_path, i) for i in range(200)}, keep, DaskCluster(machines.address), "beginning")


def test_without_distributed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"needs the package distributed.*pip install 'naslib_archlock\[dask\]'"):
        DaskCluster("tcp://127.0.0.1:1").check()
