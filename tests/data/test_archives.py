"""Zips and tars: the same images as from a folder, and damage of every kind in one line."""

from __future__ import annotations

import gzip
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from resnet.errors import UserError
from tests.data.makers import Numbered, assert_same, batch_files, image_files, read, refusal, tarred, zipped


def test_archives_of_an_image_folder(tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]]) -> None:
    files = image_files(numbered)
    assert_same(read(zipped(tmp_path / "a.zip", files)), expected)
    assert_same(read(zipped(tmp_path / "b.zip", files, zipfile.ZIP_DEFLATED)), expected)
    assert_same(read(tarred(tmp_path / "c.tar", files)), expected)
    assert_same(read(tarred(tmp_path / "d.tar.gz", files, "w:gz")), expected)
    assert_same(read(tarred(tmp_path / "e.tgz", {f"./{k}": v for k, v in files.items()}, "w:gz")), expected)
    below = {f"cifar10/{name}": content for name, content in files.items()}
    assert_same(read(zipped(tmp_path / "f.zip", below)), expected)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "official"])
def test_a_truncated_archive_is_refused(tmp_path: Path, numbered: Numbered, kind: str) -> None:
    path = tmp_path / f"whole.{kind}"
    if kind == "zip":
        zipped(path, image_files(numbered))
    elif kind == "official":
        tarred(path, batch_files(numbered), "w:gz")
    else:
        tarred(path, image_files(numbered), "w:gz" if kind.endswith("gz") else "w")
    content = path.read_bytes()
    read(path)
    for part in (0.0, 0.001, 0.1, 0.5, 0.9):
        short = tmp_path / "short"
        short.write_bytes(content[: int(len(content) * part)])
        refusal(short)


def test_a_tar_cut_between_two_members_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    files = image_files(numbered)
    path = tarred(tmp_path / "a.tar", files)
    with tarfile.open(path) as archive:
        last = archive.getmembers()[-1]
    content = path.read_bytes()[: last.offset]
    path.write_bytes(content)
    refusal(path)
    path.with_suffix(".gz").write_bytes(gzip.compress(content))
    refusal(path.with_suffix(".gz"))


def test_a_changed_byte_in_a_compressed_archive_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    """Also where the byte is a pixel's, so that everything but the checksum fits."""
    makers: dict[str, Callable[[Path], Path]] = {
        "gz": lambda path: tarred(path, batch_files(numbered), "w:gz"),
        "xz": lambda path: tarred(path, batch_files(numbered), "w:xz"),
        "zip": lambda path: zipped(path, image_files(numbered, "webp")),
    }
    for make in makers.values():
        path = make(tmp_path / "archive")
        content = bytearray(path.read_bytes())
        for at in (0.3, 0.5, 0.7):
            content[int(len(content) * at)] ^= 1
            path.write_bytes(content)
            refusal(path)


def test_flipped_bytes_are_refused_or_harmless(tmp_path: Path, numbered: Numbered) -> None:
    """Damage anywhere ends as one line, or the images are read as they are: never as a traceback."""
    whole = {
        "zip": zipped(tmp_path / "a", image_files(numbered, "webp")).read_bytes(),
        "deflated": zipped(tmp_path / "a", image_files(numbered), zipfile.ZIP_DEFLATED).read_bytes(),
        "gz": tarred(tmp_path / "a", batch_files(numbered), "w:gz").read_bytes(),
        "tar": tarred(tmp_path / "a", batch_files(numbered)).read_bytes(),
        "images": tarred(tmp_path / "a", image_files(numbered)).read_bytes(),
    }
    chance = random.Random(0)
    messages = []
    for content in whole.values():
        for _ in range(15):
            damaged = bytearray(content)
            for _ in range(20):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            path = tmp_path / "damaged"
            path.write_bytes(damaged)
            try:
                read(path)
            except UserError as error:
                messages.append(str(error))
    assert len(messages) > 50
    assert not any("\n" in message for message in messages)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an archive\n" * 100)
    refusal(text)
    assert "no such file" in refusal(tmp_path / "absent.zip")


def test_an_encrypted_zip_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    path = zipped(tmp_path / "a.zip", image_files(numbered))
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 1)
    path.write_bytes(content)
    assert "encrypted" in refusal(path)
