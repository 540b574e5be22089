"""``archlock data``: it lists, checks, converts and fetches benchmark files."""

from __future__ import annotations

import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from commanding import without_seconds

from naslib_archlock.benchmarks import benchmark_files
from naslib_archlock.benchmarks.benchmark_files import FILES
from naslib_archlock.plugin import facade
from naslib_archlock.store.digests import file_digest

CIFAR10 = "nb201_cifar10_full_training.pickle"


@pytest.fixture
def data_folder(tmp_path, monkeypatch) -> Path:
    """An empty folder that is NASLib's data folder."""
    folder = tmp_path / "NASLib" / "naslib" / "data"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    monkeypatch.setenv("NASLIB_HOME", str(tmp_path / "NASLib"))
    monkeypatch.setattr("naslib_archlock.plugin.compat.importlib.util.find_spec", lambda name: None)
    assert facade.data_folder() == folder
    return folder


@pytest.fixture
def no_naslib(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("NASLIB_HOME", str(tmp_path / "no NASLib"))
    monkeypatch.setattr("naslib_archlock.plugin.compat.importlib.util.find_spec", lambda name: None)


# -- list --------------------------------------------------------------------------------------------------------------


def test_every_file_is_listed_with_where_to_get_it(run, data_folder):
    (data_folder / CIFAR10).write_bytes(bytes(1_200_000))
    code, out, _ = run("data")
    assert code == 0
    assert f"looked for in {data_folder}" in out
    assert f"there    {CIFAR10}: accuracies on cifar10\n           1.2 MB here; NAS-Bench-201, licence MIT" in out
    for file in FILES:
        assert file.name in out and file.page in out
    assert f"-> gdown 1hV6-mCUKInIK1iqZ0jfBkcKaFmftlBtp -O {data_folder}/nb201_cifar100" in out
    assert "digits.csv.gz: comes with the package" in out
    assert "No file has an address that it can be fetched from by its name" in out


def test_the_list_of_one_space_as_json(run, data_folder, tmp_path):
    (tmp_path / CIFAR10).touch()
    for argv in (("--json", "list"), ("list", "--json")):
        code, out, _ = run("data", *argv, "nasbench201", "--dir", tmp_path)
        found = json.loads(out)
        assert code == 0 and found["folder"] == str(tmp_path)
        assert list(found["spaces"]) == ["nasbench201"]
        first, second, *_ = found["spaces"]["nasbench201"]
        assert (first["name"], first["is_there"], first["size"], first["sha256"]) == (CIFAR10, True, "117 MB", "")
        assert not second["is_there"] and second["how_to_get"].startswith("gdown ")


def test_the_list_needs_no_naslib(run, no_naslib):
    code, out, _ = run("data", "list", "transbench101_macro")
    assert code == 0
    assert "NASLib was not found" in out and "transnas-bench_v10141024.pth" in out


def test_an_unknown_space_is_named(fails):
    assert "did you mean 'nasbench201'?" in fails("data", "list", "nasbench20")


# -- convert and check -------------------------------------------------------------------------------------------------


@pytest.fixture
def converted(run, data_folder, toy_nasbench201) -> Path:
    """NASLib's data folder with files that were made of the made-up tables."""
    code, out, _ = run("data", "convert", "nasbench201", "--to", "naslib", "--from", toy_nasbench201)
    assert code == 0 and str(data_folder / CIFAR10) in out and "Note: Each series holds one epoch" in out
    return data_folder


def test_what_was_converted_is_checked(run, converted):
    code, out, err = run("data", "check", "nasbench201")
    assert (code, err) == (0, "")
    assert f"ok           {CIFAR10} (nasbench201)" in out
    assert f"SHA-256 {file_digest(converted / CIFAR10)}" in out


def test_damage_gives_exit_code_2_also_with_json(run, converted):
    (converted / CIFAR10).write_bytes(b"damaged")
    code, out, err = run("data", "check", "nasbench201", "--json")
    assert code == 2
    states = {Path(file["path"]).name: file["state"] for file in json.loads(out)["files"]}
    assert states[CIFAR10] == "damaged" and set(states.values()) == {"damaged", "ok"}
    assert "1 of 4 checks found damage" in err


def test_all_spaces_are_checked_and_tasks_can_be_named(run, converted):
    code, out, _ = run("data", "check", "--tasks", "cifar10")
    assert code == 0
    assert "digits.csv.gz" in out and "cifar100" not in out.replace("on cifar10, cifar100", "")


def test_what_cannot_be_checked_is_said(fails, data_folder):
    assert f"there is no benchmark file in {data_folder}" in fails("data", "check", "nasbench201")
    assert "unknown task 'cifar1'" in fails("data", "check", "nasbench201", "--tasks", "cifar1")


def test_tables_of_naslibs_files_carry_their_caveat_and_keep_the_users_note(run, converted, tmp_path):
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / "NOTE.txt").write_text("My own note.\n")
    for _ in range(2):
        code, out, _ = run("data", "convert", "nasbench201", "--to", "tables", "--out", tables, "--overwrite")
        assert code == 0 and "Note: nasbench201.csv.gz holds the accuracies after the last epoch" in out
        note = (tables / "NOTE.txt").read_text()
        assert note.startswith("My own note.\nnasbench201.csv.gz was converted") and note.count("converted") == 1


def test_nothing_is_replaced_unless_it_is_asked_for(fails, run, converted, tmp_path):
    tables = tmp_path / "tables"
    argv = ("data", "convert", "nasbench201", "--to", "tables", "--out", tables)
    assert run(*argv)[0] == 0
    (tables / "nasbench201.csv.gz").unlink()
    before = sorted(path.name for path in tables.iterdir())
    assert "zc_nasbench201.json exists; choose another name, or give --overwrite" in fails(*argv)
    assert sorted(path.name for path in tables.iterdir()) == before  # not half of it
    (tables / "nasbench201.csv").touch()
    assert "would be read in place of nasbench201.csv.gz" in fails(*argv, "--overwrite")


def test_a_search_gives_the_same_result_on_a_table_and_on_what_became_of_it(run, tmp_path, toy_tables):
    pytest.importorskip("torch")
    naslib, tables = tmp_path / "naslib", tmp_path / "tables"
    space = "transbench101_micro"
    assert run("data", "convert", space, "--to", "naslib", "--from", toy_tables, "--out", naslib)[0] == 0
    assert run("data", "convert", space, "--to", "tables", "--from", naslib, "--out", tables)[0] == 0

    def search(folder: Path, out: str) -> dict[str, Any]:
        argv = ["search", "--json", "search_space", space, "dataset", "class_scene", "archlock.target", "normal"]
        code, found, err = run(*argv, "archlock.tables", folder, "out_dir", tmp_path / out)
        assert code == 0, err
        return without_seconds(json.loads(found))

    first, second = search(toy_tables, "one"), search(tables, "two")
    assert first.pop("notes") and second.pop("notes") == []  # NASLib's format has no place for the note
    assert first == second


def test_what_is_missing_on_the_command_line_is_said(fails, no_naslib, tmp_path):
    argv = ("data", "convert", "nasbench201", "--to")
    assert "with --out DIR" in fails(*argv, "tables")
    assert "with --from DIR" in fails(*argv, "naslib")
    assert "there is no default for the folder" in fails(*argv, "tables", "--out", tmp_path)


# -- fetch -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path) -> Iterator[str]:
    """The address of a server in this process, of a folder with the file ``table.csv``."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "table.csv").write_text("arch,cifar10/val\n")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "site")))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_by_its_address(run, fails, site, tmp_path):
    digest = file_digest(tmp_path / "site" / "table.csv")
    target = tmp_path / "here" / "table.csv"
    argv = ("data", "fetch", f"{site}/table.csv", "--dir", target.parent)
    code, out, _ = run(*argv, "--sha256", digest, "--json")
    assert code == 0
    assert json.loads(out) == {"path": str(target), "url": f"{site}/table.csv", "bytes": 17, "sha256": digest}
    assert target.read_bytes() == (tmp_path / "site" / "table.csv").read_bytes()
    assert "is there already, and has this SHA-256" in run(*argv, "--sha256", digest)[1]
    assert "exists; choose another name" in fails(*argv)
    assert "table.csv.rejected" in fails(*argv, "--sha256", "0" * 64, "--overwrite")
    assert "404" in fails("data", "fetch", f"{site}/other.csv", "--dir", target.parent)


def test_a_known_file_with_an_address_is_fetched_by_its_name_and_digest(run, fails, site, data_folder, monkeypatch):
    shutil.copy(Path(__file__), data_folder.parents[2] / "site" / CIFAR10)
    known = replace(FILES[0], url=f"{site}/{CIFAR10}", sha256=file_digest(Path(__file__)))
    monkeypatch.setattr(benchmark_files, "FILES", (known,))
    assert run("data", "fetch", CIFAR10)[0] == 0
    assert (data_folder / CIFAR10).read_bytes() == Path(__file__).read_bytes()
    monkeypatch.setattr(benchmark_files, "FILES", (replace(known, sha256="0" * 64),))
    assert "has the SHA-256" in fails("data", "fetch", CIFAR10, "--overwrite")


def test_a_file_on_google_drive_is_not_fetched_and_it_is_said_what_to_do(fails, data_folder):
    said = fails("data", "fetch", CIFAR10)
    assert f"gdown 1sh8pEhdrgZ97-VFBVL94rI36gedExVgJ -O {data_folder / CIFAR10}" in said
    assert "gdown --fuzzy" in fails("data", "fetch", "https://drive.google.com/file/d/1sh8/view")
    assert "in a browser" in fails("data", "fetch", "transnas-bench_v10141024.pth")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nb201_cifar10_full_training.pickl"], f"did you mean '{CIFAR10}'?"),
        (["http://example.org/f"], "must begin with https://"),
        (["https://example.org/"], "must end in the name of a file"),
        (["https://example.org/..%2Ff"], "must end in the name of a file"),
        (["https://example.org/f", "--sha256", "abc"], "must be 64 hexadecimal digits"),
    ],
)
def test_what_cannot_be_fetched_is_said(fails, data_folder, argv, said):
    assert said in fails("data", "fetch", *argv)
