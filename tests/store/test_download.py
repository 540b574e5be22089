"""Downloads from a real server in this process, which breaks off, changes its file, or answers with errors."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from naslib_archlock.errors import DownloadError, OutputError
from naslib_archlock.store.download import check_address, download

DATA = bytes(range(256)) * 4000  # about a megabyte
SHA256 = hashlib.sha256(DATA).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """A server of one file.

    Attributes:
        data: The content of the file.
        headers: What it says about the file; without them it has no version.
        breaks: After how many bytes of an answer to break off, for one answer after the other; then it does not.
        answers: Status codes to answer with instead, for one request after the other.
        knows_ranges: Whether it can send a part.
        ranges: The ``Range`` of each request.
        elsewhere: Where a redirection leads.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data = DATA
        self.headers = {"ETag": '"one"', "Content-Type": "application/octet-stream"}
        self.breaks: list[int] = []
        self.answers: list[int] = []
        self.knows_ranges = True
        self.ranges: list[str | None] = []
        self.elsewhere = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers["Range"]
        server.ranges.append(wanted)
        if server.answers:
            code = server.answers.pop(0)
            self.send_response(code)
            if code == 302:
                self.send_header("Location", server.elsewhere)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        same_version = self.headers["If-Range"] in (server.headers.get("ETag"), server.headers.get("Last-Modified"))
        start = int(wanted[6:-1]) if wanted and same_version and server.knows_ranges else 0
        self.send_response(206 if start else 200)
        for name, value in server.headers.items():
            self.send_header(name, value)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.data) - 1}/{len(server.data)}")
        self.send_header("Content-Length", str(len(server.data) - start))
        self.end_headers()
        end = start + server.breaks.pop(0) if server.breaks else len(server.data)
        self.wfile.write(server.data[start:end])
        if end < len(server.data):
            self.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "file.bin"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_arrives_whole_and_leaves_nothing_else(server, target):
    seen: list[tuple[int, int]] = []
    download(server.url, target, SHA256.upper(), lambda *at: seen.append(at))
    assert target.read_bytes() == DATA
    assert names(target.parent) == {"file.bin"}
    assert seen[0] == (0, len(DATA)) and seen[-1] == (len(DATA), len(DATA))


@pytest.mark.parametrize("version", [{"ETag": '"one"'}, {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}])
def test_a_download_that_breaks_off_goes_on_where_it_was(server, target, version):
    server.headers = version
    server.breaks = [300_000, 200_000]
    download(server.url, target, SHA256, wait_s=0)
    assert target.read_bytes() == DATA
    assert server.ranges[0] is None and len(server.ranges) == 3
    assert all(0 < int(wanted[6:-1]) <= 500_000 for wanted in server.ranges[1:])


def test_a_later_download_goes_on_where_an_earlier_one_gave_up(server, target):
    server.breaks = [400_000]
    server.answers = []

    class StoppedError(Exception):
        pass

    def stop(there: int, total: int) -> None:
        if there >= 300_000:
            raise StoppedError

    with pytest.raises(StoppedError):
        download(server.url, target, SHA256, stop, wait_s=0)
    assert names(target.parent) == {"file.bin.partial", "file.bin.partial.json"}
    server.breaks = []
    download(server.url, target, SHA256, wait_s=0)
    assert target.read_bytes() == DATA and names(target.parent) == {"file.bin"}
    assert int(server.ranges[-1][6:-1]) > 0


@pytest.mark.parametrize("change", ["content", "no ranges", "no version", "weak version", "another address"])
def test_it_begins_anew_where_it_cannot_go_on(server, target, change):
    if change == "no version":
        server.headers = {}
    if change == "weak version":
        server.headers = {"ETag": 'W/"one"'}
    server.breaks = [400_000]
    server.answers = []
    stopped = threading.Event()

    def stop(there: int, total: int) -> None:
        if there >= 300_000 and not stopped.is_set():
            stopped.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(server.url, target, progress=stop, wait_s=0)
    server.breaks = []
    if change == "content":
        server.data, server.headers = DATA[::-1], {"ETag": '"two"'}
    server.knows_ranges = change != "no ranges"
    download(server.url + ("?2" if change == "another address" else ""), target, wait_s=0)
    assert target.read_bytes() == server.data


def test_a_part_that_was_whole_already_is_not_taken_for_whole(server, target):
    """A process that is killed just before the file gets its name leaves all bytes; the server has no more."""
    target.with_name("file.bin.partial").write_bytes(DATA)
    target.with_name("file.bin.partial.json").write_text(f'{{"url": "{server.url}", "version": "\\"one\\""}}')
    server.answers = [416]
    download(server.url, target, SHA256, wait_s=0)
    assert target.read_bytes() == DATA


def test_it_gives_up_and_says_what_is_kept(server, target):
    server.breaks = [100_000] + [0] * 20
    with pytest.raises(DownloadError, match=r"broke off.*bytes are kept, and the same command goes on"):
        download(server.url, target, wait_s=0)
    assert len(server.ranges) == 5
    assert not target.exists()


def test_a_server_in_trouble_is_asked_again(server, target):
    server.answers = [503, 429]
    download(server.url, target, SHA256, wait_s=0)
    assert target.read_bytes() == DATA


def test_another_digest_is_refused_and_the_file_put_aside(server, target):
    target.write_bytes(b"old")
    with pytest.raises(DownloadError, match=f"SHA-256 {SHA256}, and not {'0' * 64}.*kept as .*file.bin.rejected"):
        download(server.url, target, "0" * 64)
    assert target.read_bytes() == b"old"
    assert names(target.parent) == {"file.bin", "file.bin.rejected"}


@pytest.mark.parametrize(("code", "said"), [(404, "404 Not Found"), (403, "403 Forbidden")])
def test_an_error_of_the_server_is_said(server, target, code, said):
    server.answers = [code]
    with pytest.raises(DownloadError, match=said):
        download(server.url, target, wait_s=0)
    assert len(server.ranges) == 1 and names(target.parent) == set()


def test_a_web_page_is_no_file(server, target):
    server.headers["Content-Type"] = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="a web page, not with a file"):
        download(server.url, target)


def test_no_server_and_no_network(target, server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/file.bin"
        with pytest.raises(DownloadError, match="cannot be downloaded .no connection: "):
            download(url, target, wait_s=0)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/f",
        "file:///etc/passwd",
        "ftp://example.org/f",
        "https:///f",
        "f",
        "http://127.0.0.1.evil.org/f",
    ],
)
def test_only_https_is_spoken(url):
    with pytest.raises(DownloadError, match="must begin with https://"):
        check_address(url)
    check_address("https://example.org/f")
    check_address("http://[::1]:8000/f")


@pytest.mark.parametrize(
    ("elsewhere", "said"),
    [("http://example.org/f", "must begin with https://"), ("file:///etc/passwd", "is not allowed|302")],
)
def test_a_redirection_leads_to_no_other_protocol(server, target, elsewhere, said):
    server.answers, server.elsewhere = [302], elsewhere
    with pytest.raises(DownloadError, match=said):
        download(server.url, target, wait_s=0)


def test_a_redirection_is_followed(server, target):
    server.answers, server.elsewhere = [302], server.url
    download(server.url, target, SHA256, wait_s=0)
    assert target.read_bytes() == DATA


def test_a_folder_that_cannot_be_written_is_said(server, tmp_path):
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        download(server.url, tmp_path / "nowhere" / "file.bin")
