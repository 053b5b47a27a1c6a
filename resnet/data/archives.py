"""The files of a source, be it a folder, a zip or a tar: listed first, then read one at a time.

What comes from outside is not trusted. Sizes are looked at before anything is read, what is no plain file is
listed as what it is, and damage is one line.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, NoReturn, cast

from resnet.data.images import SETS
from resnet.errors import UserError

MEMBER_BYTES = 2**26
"""Of the largest file that an archive may hold: an official batch has half of it."""
ARCHIVE_BYTES = 2**33
"""Of all its files: CIFAR-10 has 2 % of it."""
ENTRIES = 500_000
"""Files and folders that an archive may hold: CIFAR-10 as images has 60,023."""
PADDING_BYTES = 2**20
"""Of zeros that may follow a tar's end: tar fills up to some kilobytes."""

LITTER = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin", "lost+found")
"""What file managers leave in folders and archives, in small letters; names that begin with a dot as well."""

COMPRESSIONS: dict[bytes, Callable[[Path, Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
"""The first bytes of a compressed tar, and what opens it."""


def reason(error: Exception) -> str:
    """The error as part of one line."""
    return " ".join(str(error).split()) or type(error).__name__


@dataclass
class Files:
    """What a source holds. Paths are relative to its top, and stand in the order in which reading is quick."""

    name: str
    """The source, for messages."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of each file."""
    folders: set[str] = field(default_factory=set)
    strange: dict[str, str] = field(default_factory=dict)
    """What is neither, with what it is: `a link`, `a named pipe`."""
    content: Callable[[str], bytes] = field(default=lambda path: b"", repr=False)

    def add(self, path: str, mode: int, size: int) -> None:
        """List an entry by the mode and the size that a file system would give; litter is passed over."""
        path = PurePosixPath(path).as_posix()
        if any(is_litter(part) for part in PurePosixPath(path).parts):
            return
        if stat.S_ISDIR(mode):
            self.folders.add(path)
        elif not stat.S_ISREG(mode):
            self.strange[path] = KINDS.get(stat.S_IFMT(mode), "neither a file nor a folder")
        elif path in self.sizes:
            self.strange[path] = "there more than once"
        else:
            self.sizes[path] = size

    def read(self, paths: Iterable[str], limit: int) -> Iterator[tuple[str, bytes]]:
        """Read files, each with its path, in the order of the list.

        Raises:
            UserError: one is damaged, or larger than `limit` bytes; then none has been read.
        """
        wanted = set(paths)
        ordered = [path for path in self.sizes if path in wanted]
        for path in ordered:
            if self.sizes[path] > limit:
                self.refuse(path, f"{self.sizes[path]:,} bytes, far more than it can need")
        for path in ordered:
            try:
                content = self.content(path)
            except Exception as error:  # damage fails in any way, here and below
                raise UserError(f"{self.name}: {path}: damaged, or not readable ({reason(error)})") from error
            yield path, content

    def refuse(self, path: str, why: str) -> NoReturn:
        """Say in one line which file is wrong, and how.

        Raises:
            UserError: always.
        """
        raise UserError(f"{self.name}: {path if path.isprintable() else repr(path)}: {why}")


KINDS = {
    stat.S_IFLNK: "a link: pack what it leads to",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def is_litter(name: str) -> bool:
    """Whether a name is of something that a file manager leaves, at whatever depth."""
    hidden = name.startswith(".") and name != ".."
    return hidden or name.lower() in LITTER or name.lower().endswith(":zone.identifier")


def open_files(path: Path, stack: ExitStack) -> Files:
    """List the files of a folder or an archive; `stack` keeps the archive open.

    Raises:
        UserError: it is damaged, cannot be read, or holds more than images of 32x32 can need.
    """
    files = Files(str(path))
    try:
        if path.is_dir():
            _list_folder(path, files)
        elif not path.is_file():
            raise UserError(f"{path}: neither a file nor a folder")
        elif zipfile.is_zipfile(path):
            _list_zip(stack.enter_context(zipfile.ZipFile(path)), files)
        else:
            with path.open("rb") as file:
                start = file.read(8)
            opener = next((opener for magic, opener in COMPRESSIONS.items() if start.startswith(magic)), Path.open)
            stream = stack.enter_context(opener(path, "rb"))
            _list_tar(stack.enter_context(tarfile.TarFile(fileobj=cast(IO[bytes], _Bounded(stream)))), files)
    except UserError:
        raise
    except tarfile.ReadError as error:
        raise UserError(f"{path}: not a zip or tar archive, or a damaged one ({reason(error)})") from error
    except Exception as error:
        raise UserError(f"{path}: damaged, or not readable ({reason(error)})") from error
    return files


def _list_folder(top: Path, files: Files) -> None:
    """List a folder through links, and no deeper than what would be wrong: folder/train/class/folder/file."""

    def descend(folder: Path, parts: tuple[str, ...]) -> None:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            if is_litter(entry.name):
                continue
            below = (*parts, entry.name)
            path = "/".join(below)
            try:
                status = entry.stat()
            except OSError as error:
                files.strange[path] = "a broken link" if entry.is_symlink() else f"not readable ({reason(error)})"
                continue
            files.add(path, status.st_mode, status.st_size)
            if stat.S_ISDIR(status.st_mode) and (len(below) < 3 or (len(below) < 5 and set(below[:2]) & set(SETS))):
                try:
                    descend(folder / entry.name, below)
                except PermissionError as error:
                    files.strange[path] = f"not readable ({reason(error)})"

    descend(top, ())
    files.content = lambda path: (top / path).read_bytes()


def _check_size(files: Files, entries: int, total: int) -> None:
    if entries > ENTRIES:
        raise UserError(f"{files.name}: more than {ENTRIES:,} files and folders")
    if total > ARCHIVE_BYTES:
        raise UserError(f"{files.name}: its files have more than {ARCHIVE_BYTES >> 30} GiB")


def _list_zip(archive: zipfile.ZipFile, files: Files) -> None:
    members = archive.infolist()
    _check_size(files, len(members), sum(member.file_size for member in members))
    for member in members:
        if not member.filename:  # zipfile ends names at a zero, and from Python 3.12 on lets this pass
            raise ValueError("a member has no name")
        mode = member.external_attr >> 16
        if member.is_dir() or not stat.S_IFMT(mode):  # made where files have no modes
            mode = stat.S_IFDIR if member.is_dir() else stat.S_IFREG
        files.add(member.filename, mode, member.file_size)
    listed = {PurePosixPath(member.filename).as_posix(): member for member in members}
    # What is read ends with the size that the list gives.
    files.content = lambda path: archive.read(listed[path])


class _Bounded:
    """A stream for tarfile, which reads some headers whole, whatever size they claim to have."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.seek, self.tell = stream, stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        if size > MEMBER_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self.stream.read(size)


TAR_MODES = {
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.LNKTYPE: stat.S_IFLNK,
    tarfile.FIFOTYPE: stat.S_IFIFO,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
}


def _list_tar(archive: tarfile.TarFile, files: Files) -> None:
    """List a tar from its headers. A compressed one is unpacked for that, and again for its contents."""
    listed: dict[str, tarfile.TarInfo] = {}
    total = 0
    for entries, member in enumerate(archive, 1):
        total += member.size
        _check_size(files, entries, total)
        if member.size > MEMBER_BYTES:  # before it is passed over, which takes as long as reading it
            files.refuse(member.name, f"{member.size:,} bytes, far more than anything of CIFAR-10")
        files.add(member.name, stat.S_IFREG if member.isreg() else TAR_MODES.get(member.type, 0), member.size)
        listed[PurePosixPath(member.name).as_posix()] = member
    _check_end(archive)

    def content(path: str) -> bytes:
        file = archive.extractfile(listed[path])
        assert file is not None  # only of what is not a plain file
        return file.read()

    files.content = content


def _check_end(archive: tarfile.TarFile) -> None:
    """Refuse a tar that is cut off, or another that follows it.

    Raises:
        tarfile.ReadError: the end is missing, or is not the end.
    """
    stream = archive.fileobj
    assert stream is not None
    # An archive cut between two members reads as a shorter one: only its closing zeros tell.
    stream.seek(archive.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end is missing")
    # gzip's checksum is compared only where the stream ends, after padding that tarfile leaves unread.
    padding = stream.read(PADDING_BYTES)
    if padding.strip(b"\0") or stream.read(1):
        raise tarfile.ReadError("there is more behind its end")
