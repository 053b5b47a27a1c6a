"""The files of a source, be it a folder, a zip or a tar. What comes from outside is not trusted: damage is one line."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from resnet.errors import UserError

Files = Mapping[str, Callable[[], bytes]]
"""The files of a source: path to what reads its content."""

DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,  # zipfile and tarfile: impossible offsets and names
    RuntimeError,  # zipfile: an encrypted member, an unknown compression
)
"""What reading a damaged archive raises."""


def reason(error: Exception) -> str:
    """The error as part of one line."""
    return " ".join(str(error).split()) or type(error).__name__


def content(name: str, files: Files, path: str) -> bytes:
    """Read one file of the source `name`.

    Raises:
        UserError: it is damaged.
    """
    try:
        return files[path]()
    except DAMAGE as error:
        raise UserError(f"{name}: {path}: damaged, or not readable ({reason(error)})") from error


def open_files(path: Path, stack: ExitStack) -> Files:
    """List the files of a folder or an archive; `stack` keeps the archive open."""
    try:
        if path.is_dir():
            # Through links, and no deeper than what would be wrong: folder/train/class/folder/file.
            paths = (file for depth in range(1, 6) for file in path.glob("/".join("*" * depth)))
            return {file.relative_to(path).as_posix(): file.read_bytes for file in paths if file.is_file()}
        if zipfile.is_zipfile(path):
            zipped = stack.enter_context(zipfile.ZipFile(path))
            names = (info.filename for info in zipped.infolist() if not info.is_dir())
            return {name: partial(zipped.read, name) for name in names}
        # A compressed tar can only be read in order: take the contents as they come.
        with tarfile.open(path) as tar:
            return {name: partial(bytes, held) for name, held in _tar_contents(tar)}
    except tarfile.ReadError as error:
        raise UserError(f"{path}: not a zip or tar archive, or a damaged one") from error
    except DAMAGE as error:
        raise UserError(f"{path}: damaged, or not readable ({reason(error)})") from error


def _tar_contents(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        file = tar.extractfile(member) if member.isfile() else None
        if file is not None:
            yield member.name, file.read()
    # An archive cut between two members reads as a shorter one: only its closing zeros tell.
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end is missing")
    # gzip's checksum is compared only where the stream ends, after padding that tarfile leaves unread.
    while tar.fileobj.read(1 << 20):
        pass
