"""Downloads of files: they go on where they broke off, and a file gets its name only when it is whole.

What has arrived is kept beside the target as ``NAME.partial``, and ``NAME.partial.json`` says what it is a part of. A
later download of the same file goes on from there, if the server still has the same version of it, which is known by
its ETag or its date. Only ``https`` is spoken, and ``http`` with this machine.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..errors import DownloadError, OutputError, named
from .digests import file_digest
from .files import remove_file, write_text

_BLOCK = 1 << 16
_TIMEOUT_S = 30
_TRIES = 5  # in a row that bring nothing
_LOCAL = ("localhost", "127.0.0.1", "::1")
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")

Progress = Callable[[int, int], None]  # bytes that are there, and bytes in all: 0 if the server does not say


def check_address(url: str) -> None:
    """Raises: DownloadError: if an address is not one that this module downloads from."""
    parts = urllib.parse.urlsplit(url)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)):
        raise DownloadError(f"{named(url)} cannot be downloaded: the address must begin with https://")


def download(
    url: str, target: Path, sha256: str = "", progress: Progress = lambda there, total: None, wait_s: float = 1.0
) -> None:
    """Download a file.

    Args:
        url: Its address, with ``https``; ``http`` is allowed for this machine.
        target: Its path when it is whole. A file that is there is replaced.
        sha256: The SHA-256 that it must have, in hexadecimal; empty if it is not known.
        progress: Called again and again.
        wait_s: Seconds before the first new try after the connection broke; each further one waits twice as long.

    Raises:
        DownloadError: If it cannot be had, or has another SHA-256. It says what became of the bytes that are there.
        OutputError: If the folder cannot be written.
    """
    check_address(url)
    part = _Part(target, url)
    try:
        _fetch(part, progress, wait_s)
        found = file_digest(part.path) if sha256 else ""
        if found != sha256.lower():
            aside = target.with_name(f"{target.name}.rejected")
            os.replace(part.path, aside)
            part.remove()
            raise DownloadError(
                f"{url} has the SHA-256 {found}, and not {sha256.lower()}, so it is damaged or another file; it is "
                f"kept as {aside}, for you to look at or delete"
            )
        os.replace(part.path, target)
    except OSError as err:
        raise OutputError(f"{target} cannot be written: {err.strerror or err}") from err
    part.remove()


class _Part:
    """What has arrived of a file."""

    def __init__(self, target: Path, url: str) -> None:
        self.path = target.with_name(f"{target.name}.partial")
        self._about = target.with_name(f"{target.name}.partial.json")
        self.url = url

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def version(self) -> str:
        """The ETag or date of what has arrived; empty if nothing has, or it is of another address."""
        try:
            about = json.loads(self._about.read_text(encoding="utf-8"))
            return str(about["version"]) if about["url"] == self.url and self.size else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, version: str) -> None:
        """Forget what has arrived. Raises: OSError."""
        self.path.write_bytes(b"")
        write_text(self._about, json.dumps({"url": self.url, "version": version}))

    def remove(self) -> None:
        """Remove what is left when the file has its name, or was put aside."""
        remove_file(self.path)
        remove_file(self._about)


class _BrokenError(Exception):
    """The connection broke off. A new try may go on."""


def _fetch(part: _Part, progress: Progress, wait_s: float) -> None:
    """Ask for the rest of the file until it is whole. Raises: DownloadError, OSError."""
    tries = 0
    while True:
        before = part.size
        try:
            _ask(part, progress)
            return
        except _BrokenError as err:
            tries = 1 if part.size > before else tries + 1
            if tries >= _TRIES:
                kept = f"; {part.size:,} bytes are kept, and the same command goes on" if part.version else ""
                raise DownloadError(f"{part.url} cannot be downloaded ({err}){kept}") from err
            time.sleep(wait_s * 2 ** (tries - 1))


def _ask(part: _Part, progress: Progress) -> None:
    """Ask once, for what is missing. Raises: _BrokenError, DownloadError; OSError: if the part cannot be written."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "archlock"}
    version = part.version
    if version:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": version}
    try:
        answer = _OPENER.open(urllib.request.Request(part.url, headers=headers), timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as err:
        if err.code == 416 and version:  # there is nothing behind what has arrived, so it is whole or of another file
            part.begin("")
            raise _BrokenError("the server has no such part of it") from err
        if err.code >= 500 or err.code == 429:
            raise _BrokenError(f"the server answers {err.code} {err.reason}") from err
        raise DownloadError(f"{part.url} cannot be downloaded: the server answers {err.code} {err.reason}") from err
    except (OSError, http.client.HTTPException) as err:
        raise _BrokenError(_no_answer(err)) from err
    with answer:
        _receive(answer, part, progress)


def _receive(answer: Any, part: _Part, progress: Progress) -> None:
    """Add an answer to the part. Raises: as ``_ask``."""
    if answer.headers.get_content_type() == "text/html":
        raise DownloadError(f"{part.url} answers with a web page, not with a file: open it in a browser")
    length = answer.headers.get("Content-Length", "")
    start, total = 0, int(length) if length.isdecimal() else 0
    if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
        said = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if said is None or int(said[1]) != part.size:
            part.begin("")
            raise _BrokenError("the server sends another part than was asked for")
        start, total = part.size, 0 if said[2] == "*" else int(said[2])
    else:
        part.begin(_version(answer.headers))
    with part.path.open("ab") as file:
        _copy(answer, file, start, total, progress)
    if total and part.size != total:
        raise _BrokenError(f"it broke off after {part.size:,} of {total:,} bytes")


def _copy(answer: Any, file: IO[bytes], there: int, total: int, progress: Progress) -> None:
    """Raises: _BrokenError; OSError: if the part cannot be written."""
    progress(there, total)
    while True:
        try:
            block = answer.read(_BLOCK)
        except (OSError, http.client.HTTPException) as err:
            raise _BrokenError(_no_answer(err)) from err
        if not block:
            return
        file.write(block)
        there += len(block)
        progress(there, total)


def _version(headers: Any) -> str:
    """What the server knows this version of the file by; empty if it says nothing that a later request can use."""
    etag = headers.get("ETag", "")
    return str(etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", ""))


def _no_answer(err: Exception) -> str:
    """Why there is no answer, in words."""
    reason = getattr(err, "reason", err)
    return f"no connection: {getattr(reason, 'strerror', None) or reason or type(err).__name__}"


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirection only to an address that might have been given."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_CheckedRedirects)
