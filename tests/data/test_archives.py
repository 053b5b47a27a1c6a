"""Zips and tars: the same images as from a folder, and damage of every kind in one line."""

from __future__ import annotations

import gzip
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from resnet.data import archives
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


ODD = {
    "a symbolic link": (tarfile.SYMTYPE, "a link"),
    "a hard link": (tarfile.LNKTYPE, "a link"),
    "a named pipe": (tarfile.FIFOTYPE, "a named pipe"),
    "a device": (tarfile.CHRTYPE, "a device"),
    "a kind of its own": (b"V", "neither a file nor a folder"),
}


def with_member(path: Path, name: str, kind: bytes, leads_to: str = "") -> Path:
    """Add a member without content to a tar."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, leads_to
    with tarfile.open(path, "a") as archive:
        archive.addfile(member)
    return path


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_file_in_a_tar_is_refused(tmp_path: Path, numbered: Numbered, kind: str) -> None:
    files = image_files(numbered)
    some = next(iter(files))
    for name in ("train/cat/odd.png", "train/zebra"):
        path = with_member(tarred(tmp_path / "a.tar", files), name, ODD[kind][0], some)
        assert f"{name}: {ODD[kind][1]}" in refusal(path)
    with_member(tarred(tmp_path / "b.tar", files), "notes", ODD[kind][0], some)
    read(tmp_path / "b.tar")  # outside the sets it is nobody's business


def test_a_batch_that_is_a_link_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    files = batch_files(numbered)
    del files["cifar-10-batches-py/data_batch_2"]
    path = tarred(tmp_path / "a.tar", files)
    with_member(path, "cifar-10-batches-py/data_batch_2", tarfile.SYMTYPE, "data_batch_1")
    assert "data_batch_2: a link" in refusal(path)


def test_an_empty_class_folder_in_an_archive_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    path = with_member(tarred(tmp_path / "a.tar", image_files(numbered)), "./test/zebra/", tarfile.DIRTYPE)
    assert "test/zebra/ holds no images" in refusal(path)
    assert "train/zebra/ holds no images" in refusal(
        zipped(tmp_path / "a.zip", image_files(numbered) | {"train/zebra/": b""})
    )


def test_a_link_in_a_zip_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    path = zipped(tmp_path / "a.zip", image_files(numbered))
    link = zipfile.ZipInfo("train/cat/link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "../dog/1.png")
    assert "train/cat/link.png: a link" in refusal(path)


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    files = image_files(numbered)
    some = next(iter(files))
    twice = tarred(tmp_path / "a.tar", files | {f"./{some}": b"another"})
    assert f"{some}: there more than once" in refusal(twice)
    path = zipped(tmp_path / "a.zip", files)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(some, b"another")
    assert f"{some}: there more than once" in refusal(path)
    batches = batch_files(numbered)
    copied = batches | {"copy/test_batch": batches["cifar-10-batches-py/test_batch"]}
    assert "test_batch stands in more than one place" in refusal(tarred(tmp_path / "b.tar", copied))


def test_a_second_archive_behind_the_first_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    one = tarred(tmp_path / "a.tar", image_files(numbered)).read_bytes()
    path = tmp_path / "two.tar"
    for content in (one + one, one + bytes(2**21)):
        path.write_bytes(content)
        assert "more behind its end" in refusal(path)
        path.write_bytes(gzip.compress(content))
        assert "more behind its end" in refusal(path)


def test_a_member_larger_than_an_image_can_be_is_not_read(tmp_path: Path, numbered: Numbered) -> None:
    bomb = {"train/cat/bomb.png": bytes(2**21)}
    for path in (
        zipped(tmp_path / "a.zip", image_files(numbered) | bomb, zipfile.ZIP_DEFLATED),
        tarred(tmp_path / "a.tgz", image_files(numbered) | bomb, "w:gz"),
    ):
        assert "train/cat/bomb.png: 2,097,152 bytes" in refusal(path)


def test_a_tar_is_not_unpacked_through_what_is_too_large(tmp_path: Path, numbered: Numbered) -> None:
    """Its header is enough: the content, which is missing here, is not looked for."""
    member = tarfile.TarInfo("notes.txt")
    member.size = 2**33
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf()))
    assert "notes.txt: 8,589,934,592 bytes" in refusal(path)
    member = tarfile.TarInfo("././@LongLink")
    member.size, member.type = 2**30, tarfile.GNUTYPE_LONGNAME
    path.write_bytes(gzip.compress(member.tobuf()))
    assert "a header of" in refusal(path)


def test_a_member_without_a_name_is_damage(tmp_path: Path, numbered: Numbered) -> None:
    path = zipped(tmp_path / "a.zip", image_files(numbered) | {"x": b""})
    content = path.read_bytes()
    at = content.rindex(b"PK\x01\x02")
    path.write_bytes(content[: at + 46] + b"\0" + content[at + 47 :])  # zipfile ends names at a zero
    assert "damaged" in refusal(path)


def test_an_archive_of_more_than_cifar_10_can_need_is_refused(
    tmp_path: Path, numbered: Numbered, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = image_files(numbered)
    paths = zipped(tmp_path / "a.zip", files), tarred(tmp_path / "a.tar", files)
    size = sum(map(len, files.values()))
    for name, limit, says in (("ENTRIES", 59, "more than 59 files"), ("ARCHIVE_BYTES", size - 1, "GiB")):
        for path in paths:
            read(path)
            with monkeypatch.context() as patch:
                patch.setattr(archives, name, limit)
                assert says in refusal(path)
