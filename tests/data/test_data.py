"""Data: the fingerprint, one canonical order from every source, damage, the split, the prepared folder."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import random
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from resnet import data
from resnet.data import CLASSES, Data, Images, Source
from resnet.errors import UserError
from resnet.params import DataParams

Numbered = dict[str, list[tuple[int, np.ndarray]]]
"""Set to (label, uint8 (3, 32, 32)), in the order of making."""


@pytest.fixture(autouse=True)
def no_source_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIFAR10_SOURCE", raising=False)


@pytest.fixture(scope="module")
def numbered() -> Numbered:
    """50 training and 10 test images of ten classes."""
    generator = np.random.default_rng(1)

    def some(count: int) -> list[tuple[int, np.ndarray]]:
        return [(i % 10, generator.integers(0, 256, (3, 32, 32)).astype(np.uint8)) for i in range(count)]

    return {"train": some(50), "test": some(10)}


@pytest.fixture(scope="module")
def expected(numbered: Numbered) -> dict[str, list[bytes]]:
    """The records of each set in the order that the definition of the canonical order gives."""
    return {
        name: sorted(
            (bytes([label]) + pixels.tobytes() for label, pixels in images),
            key=lambda record: hashlib.sha256(record).digest(),
        )
        for name, images in numbered.items()
    }


def records(images: Images) -> list[bytes]:
    return [bytes([label]) + pixels.tobytes() for label, pixels in zip(images.labels, images.images, strict=True)]


def assert_same(source: Source, expected: dict[str, list[bytes]]) -> None:
    assert source.classes == CLASSES
    for name, wanted in expected.items():
        images: Images = getattr(source, name)
        assert images.images.dtype == images.labels.dtype == np.uint8
        assert images.images.shape == (len(wanted), 3, 32, 32)
        assert records(images) == wanted


# --- Makers of sources ----------------------------------------------------------------------------


def encoded(pixels: np.ndarray, suffix: str, **options: Any) -> bytes:
    """Encode uint8 (3, 32, 32), without loss but for JPEG."""
    content = io.BytesIO()
    kind = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG"}[suffix]
    options = {"lossless": True, "exact": True} if suffix == "webp" else options
    Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1))).save(content, kind, **options)
    return content.getvalue()


def image_files(numbered: Numbered, suffix: str = "png", seed: int = 0) -> dict[str, bytes]:
    """The files of an ImageFolder, under names that shuffle their order."""
    names = [f"{i:03}" for i in range(100)]
    random.Random(seed).shuffle(names)
    return {
        f"{chosen}/{CLASSES[label]}/{names.pop()}.{suffix}": encoded(pixels, suffix)
        for chosen, images in numbered.items()
        for label, pixels in images
    }


def tree(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(path: Path, files: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined,misc]
    """Writes what Python 2 wrote in protocol 2: its strings, and NumPy's modules by their old names."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_string(self, value: bytes | str) -> None:
        content = value.encode("latin1") if isinstance(value, str) else value
        if len(content) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(content)]) + content)
        else:
            self.write(pickle.BINSTRING + len(content).to_bytes(4, "little") + content)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_string


def python2_pickle(value: Any) -> bytes:
    content = io.BytesIO()
    Python2Pickler(content, protocol=2).dump(value)
    return content.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def python3_pickle(value: Any) -> bytes:
    return pickle.dumps(value, protocol=2)


def batch_files(numbered: Numbered, dump: Callable[[Any], bytes] = python2_pickle) -> dict[str, bytes]:
    """The members of the official archive: five batches of training images, one of test images."""

    def batch(images: list[tuple[int, np.ndarray]]) -> bytes:
        rows = np.stack([pixels.reshape(3072) for _, pixels in images])
        return dump({b"data": rows, b"labels": [label for label, _ in images], b"batch_label": b"a batch"})

    train = numbered["train"]
    files = {f"data_batch_{i + 1}": batch(train[i * 10 : i * 10 + 10]) for i in range(5)}
    files["test_batch"] = batch(numbered["test"])
    files["batches.meta"] = dump({b"label_names": [name.encode() for name in CLASSES], b"num_vis": 3072})
    files["readme.html"] = b"<html>"
    return {f"cifar-10-batches-py/{name}": content for name, content in files.items()}


def read(path: Path | str) -> Source:
    return data.read_source(str(path), progress=False)


def refusal(path: Path | str) -> str:
    """The message with which a source is refused: always one line that names the source."""
    with pytest.raises(UserError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


# --- Fingerprint and order ------------------------------------------------------------------------


def test_the_fingerprint_is_what_its_definition_says() -> None:
    pixels = np.zeros((3, 3, 32, 32), dtype=np.uint8)
    pixels[1, 0, 0, 1] = 7  # red, first row, second column: byte 1 of the pixels
    pixels[2, 2, 31, 31] = 9  # blue, last row, last column: the last byte
    first = bytes([4]) + bytes(3072)
    second = bytes([0, 0, 7]) + bytes(3070)
    third = bytes([9]) + bytes(3071) + bytes([9])
    digests = sorted(hashlib.sha256(record).digest() for record in (first, second, third))
    images = Images(pixels, np.array([4, 0, 9], dtype=np.uint8))
    assert data.fingerprint(images) == hashlib.sha256(digests[0] + digests[1] + digests[2]).hexdigest()
    assert data.fingerprint(images[np.array([2, 0, 1])]) == data.fingerprint(images)
    assert records(data.canonical(images)) == sorted(
        (first, second, third), key=lambda record: hashlib.sha256(record).digest()
    )


def test_a_label_or_one_pixel_changes_the_fingerprint() -> None:
    images = Images(np.zeros((2, 3, 32, 32), dtype=np.uint8), np.array([0, 1], dtype=np.uint8))
    pixel = images.images.copy()
    pixel[0, 1, 5, 5] = 1
    prints = {
        data.fingerprint(images),
        data.fingerprint(Images(pixel, images.labels)),
        data.fingerprint(Images(images.images, np.array([0, 2], dtype=np.uint8))),
    }
    assert len(prints) == 3


# --- The same arrays from every source ------------------------------------------------------------


@pytest.mark.parametrize("dump", [python2_pickle, python3_pickle])
def test_the_official_archive(
    tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]], dump: Callable[[Any], bytes]
) -> None:
    path = tarred(tmp_path / "some.tar.gz", batch_files(numbered, dump), "w:gz")
    source = read(path)
    assert_same(source, expected)
    assert source.name == "some"  # not CIFAR-10: its fingerprint is another


def test_the_official_archive_unpacked(tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]]) -> None:
    tree(tmp_path, batch_files(numbered))
    assert_same(read(tmp_path), expected)
    assert_same(read(tmp_path / "cifar-10-batches-py"), expected)


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_an_image_folder(tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]], suffix: str) -> None:
    assert_same(read(tree(tmp_path, image_files(numbered, suffix))), expected)


def test_archives_of_an_image_folder(tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]]) -> None:
    files = image_files(numbered)
    assert_same(read(zipped(tmp_path / "a.zip", files)), expected)
    assert_same(read(zipped(tmp_path / "b.zip", files, zipfile.ZIP_DEFLATED)), expected)
    assert_same(read(tarred(tmp_path / "c.tar", files)), expected)
    assert_same(read(tarred(tmp_path / "d.tar.gz", files, "w:gz")), expected)
    assert_same(read(tarred(tmp_path / "e.tgz", {f"./{k}": v for k, v in files.items()}, "w:gz")), expected)
    below = {f"cifar10/{name}": content for name, content in files.items()}
    assert_same(read(zipped(tmp_path / "f.zip", below)), expected)


def test_names_and_order_of_files_do_not_matter(
    tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]]
) -> None:
    files = list(image_files(numbered, seed=5).items())
    random.Random(6).shuffle(files)
    assert_same(read(zipped(tmp_path / "a.zip", dict(files))), expected)


def test_what_file_managers_leave_is_passed_over(
    tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]]
) -> None:
    litter = ("__MACOSX/train/cat/._1.png", "train/.DS_Store", "train/cat/Thumbs.db", "README.md")
    files = image_files(numbered) | dict.fromkeys(litter, b"x")
    assert_same(read(zipped(tmp_path / "a.zip", files)), expected)


def test_linked_class_folders_are_followed(
    tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]]
) -> None:
    folder = tree(tmp_path / "images", image_files(numbered))
    (folder / "train/cat").rename(tmp_path / "cats")
    (folder / "train/cat").symlink_to(tmp_path / "cats")
    assert_same(read(folder), expected)


def test_grey_and_palette_images_are_made_rgb(tmp_path: Path) -> None:
    grey = Image.fromarray(np.arange(1024, dtype=np.uint8).reshape(32, 32))
    for chosen in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / chosen / label).mkdir(parents=True)
            grey.save(tmp_path / chosen / label / "1.png")
            grey.convert("RGB").quantize(256).save(tmp_path / chosen / label / "2.png")
    source = read(tmp_path)
    assert source.classes == ("a", "b")
    assert np.array_equal(source.train.images, np.broadcast_to(np.asarray(grey), source.train.images.shape))


def test_jpeg_is_read_but_is_other_data(tmp_path: Path, numbered: Numbered) -> None:
    lossy, exact = read(tree(tmp_path / "j", image_files(numbered, "jpg"))), tmp_path / "p"
    assert len(lossy.train) == 50
    assert lossy.fingerprint != read(tree(exact, image_files(numbered))).fingerprint


def test_digits() -> None:
    source = read("digits")
    assert (source.name, source.classes) == ("digits", tuple("0123456789"))
    assert (len(source.train), len(source.test)) == (1437, 360)
    images = np.concatenate([source.train.images, source.test.images])
    assert (images.min(), images.max()) == (0, 255)
    assert np.array_equal(images, images[:, :1, ::4, ::4].repeat(3, 1).repeat(4, 2).repeat(4, 3))
    assert np.array_equal(np.bincount(source.train.labels) + np.bincount(source.test.labels), DIGITS)


DIGITS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
"""Images of each class, from the data set's description."""


# --- What is refused ------------------------------------------------------------------------------


class Marker:
    """When unpickled freely, makes the folder it names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_cannot_run_code(tmp_path: Path, numbered: Numbered) -> None:
    marker = tmp_path / "it-ran"
    evil = pickle.dumps({b"data": Marker(marker), b"labels": []}, protocol=2)
    pickle.loads(evil)
    assert marker.exists()  # the pickle does what it should, without the restriction
    marker.rmdir()
    for member in ("data_batch_3", "batches.meta"):
        files = batch_files(numbered) | {f"cifar-10-batches-py/{member}": evil}
        message = refusal(tarred(tmp_path / "a.tar.gz", files, "w:gz"))
        assert member in message
        assert "mkdir" in message
    assert not marker.exists()


@pytest.mark.parametrize(
    "value",
    [
        {b"data": np.zeros((10, 3072), dtype=np.float32), b"labels": [0] * 10},
        {b"data": np.zeros((10, 3072), dtype=object), b"labels": [0] * 10},
        {b"data": np.zeros((10, 3071), dtype=np.uint8), b"labels": [0] * 10},
        {b"data": np.zeros((9, 3072), dtype=np.uint8), b"labels": [0] * 10},
        {b"data": np.zeros((10, 3072), dtype=np.uint8), b"labels": [10] * 10},
        {b"data": np.zeros((10, 3072), dtype=np.uint8), b"labels": [-1] * 10},
        {b"data": np.zeros((10, 3072), dtype=np.uint8), b"labels": [b"0"] * 10},
        {b"data": np.zeros((10, 3072), dtype=np.uint8)},
        {b"labels": []},
        [1, 2],
    ],
)
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, numbered: Numbered, value: Any) -> None:
    files = batch_files(numbered) | {"cifar-10-batches-py/data_batch_2": python3_pickle(value)}
    assert "data_batch_2: not a batch" in refusal(tarred(tmp_path / "a.tar", files))


def test_a_damaged_pickle_or_a_missing_batch_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    files = batch_files(numbered)
    name = "cifar-10-batches-py/data_batch_4"
    assert "data_batch_4" in refusal(tarred(tmp_path / "a.tar", files | {name: files[name][:2000]}))
    assert "data_batch_4" in refusal(tarred(tmp_path / "b.tar", files | {name: b""}))
    del files[name]
    assert "data_batch_4" in refusal(tarred(tmp_path / "c.tar", files))
    meta = "cifar-10-batches-py/batches.meta"
    for value in ({}, {b"label_names": 3}, {b"label_names": [1]}):
        path = tarred(tmp_path / "d.tar", batch_files(numbered) | {meta: python3_pickle(value)})
        assert "batches.meta" in refusal(path)
    few = {meta: python3_pickle({b"label_names": [b"cat", b"dog"]})}
    assert "data_batch_1" in refusal(tarred(tmp_path / "e.tar", batch_files(numbered) | few))


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


def test_a_name_that_cannot_be_printed_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    files = image_files(numbered) | {"train/cat/a\n\x1b[31m.png": b"x"}
    assert "\x1b" not in refusal(tarred(tmp_path / "a.tar", files))


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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (encoded(np.zeros((3, 32, 33), dtype=np.uint8), "png"), "33x32 pixels"),
        (encoded(np.zeros((3, 224, 224), dtype=np.uint8), "jpg"), "224x224 pixels"),
        (encoded(np.zeros((4, 32, 32), dtype=np.uint8), "png"), "transparent"),
        (encoded(np.zeros((3, 32, 32), dtype=np.uint8), "png")[:60], "not a readable"),
        (encoded(np.zeros((3, 32, 32), dtype=np.uint8), "webp")[:30], "not a readable"),
        (b"not an image", "not a readable"),
        (b"", "not a readable"),
    ],
)
def test_an_image_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, numbered: Numbered, content: bytes, words: str
) -> None:
    files = image_files(numbered) | {"train/dog/odd one.png": content}
    message = refusal(zipped(tmp_path / "a.zip", files))
    assert "train/dog/odd one.png" in message
    assert words in message
    assert "train/dog/odd one.png" in refusal(tree(tmp_path / "tree", files))


def test_a_file_that_does_not_belong_is_refused_by_name(tmp_path: Path, numbered: Numbered) -> None:
    for name in ("train/dog/labels.csv", "test/1.png", "train/dog/more/1.png"):
        assert name in refusal(zipped(tmp_path / "a.zip", image_files(numbered) | {name: b"x"}))


def test_folders_that_do_not_fit_are_refused(tmp_path: Path, numbered: Numbered) -> None:
    files = image_files(numbered)
    train = {name: content for name, content in files.items() if name.startswith("train")}
    assert "neither" in refusal(zipped(tmp_path / "a.zip", train))
    assert "neither" in refusal(zipped(tmp_path / "b.zip", {"notes.txt": b"x"}))
    assert "neither" in refusal(zipped(tmp_path / "c.zip", {f"a/b/{k}": v for k, v in files.items()}))
    assert "more than one" in refusal(zipped(tmp_path / "d.zip", files | {"more/train/cat/1.png": b"x"}))
    fewer = {name: content for name, content in files.items() if not name.startswith("test/frog")}
    assert "frog" in refusal(zipped(tmp_path / "e.zip", fewer))
    frogs = {name: content for name, content in files.items() if "/frog/" in name}
    assert "2 to 256" in refusal(zipped(tmp_path / "f.zip", frogs))
    image = next(iter(files.values()))
    many = {f"{chosen}/{i}/1.png": image for chosen in ("train", "test") for i in range(257)}
    assert "2 to 256" in refusal(zipped(tmp_path / "g.zip", many))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "neither" in refusal(empty)


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


# --- The variable ---------------------------------------------------------------------------------


def test_the_variable_stands_for_official_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbered: Numbered
) -> None:
    one = zipped(tmp_path / "one.zip", image_files(numbered))
    two = zipped(tmp_path / "two.zip", image_files(numbered))
    monkeypatch.setenv("CIFAR10_SOURCE", str(one))
    assert read("official").name == "one"
    assert read(two).name == "two"
    assert read("digits").name == "digits"
    monkeypatch.setenv("CIFAR10_SOURCE", "digits")
    assert read("official").name == "digits"


def test_an_empty_variable_counts_as_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbered: Numbered) -> None:
    asked = []
    path = zipped(tmp_path / "downloaded.zip", image_files(numbered))

    def download(cache: Path | None, *, progress: bool) -> Path:
        asked.append(cache)
        return path

    monkeypatch.setattr(data, "official_archive", download)
    monkeypatch.setenv("CIFAR10_SOURCE", "")
    assert data.read_source("official", cache=tmp_path, progress=False).name == "downloaded"
    assert asked == [tmp_path]


# --- The split ------------------------------------------------------------------------------------


def test_the_split_is_what_its_definition_says(tmp_path: Path, numbered: Numbered) -> None:
    source = read(tree(tmp_path, image_files(numbered)))
    parts = data.split(source, 12, 34)

    def key(record: bytes) -> bytes:
        return hashlib.sha256(b"34:" + hashlib.sha256(record).digest()).digest()

    everything = records(source.train)
    held_out = set(sorted(everything, key=key)[:12])
    # Both keep the canonical order.
    assert records(parts.validation) == [record for record in everything if record in held_out]
    assert records(parts.train) == [record for record in everything if record not in held_out]
    assert records(parts.test) == records(source.test)
    digests = sorted(hashlib.sha256(record).digest() for record in held_out)
    assert parts.record.split_fingerprint == hashlib.sha256(b"".join(digests)).hexdigest()
    assert (parts.record.train_images, parts.record.validation_images, parts.record.test_images) == (
        38,
        12,
        10,
    )
    assert not parts.record.official


def test_the_split_depends_on_the_seed_and_not_on_the_source(tmp_path: Path, numbered: Numbered) -> None:
    png = read(zipped(tmp_path / "same.zip", image_files(numbered)))
    pickled = read(tarred(tmp_path / "same.tar.gz", batch_files(numbered), "w:gz"))
    assert data.split(png, 12, 0).record == data.split(pickled, 12, 0).record
    assert data.split(png, 12, 0).record.split_fingerprint != data.split(png, 12, 1).record.split_fingerprint
    # A larger validation set holds the smaller one.
    assert set(records(data.split(png, 5, 0).validation)) < set(records(data.split(png, 12, 0).validation))


def test_sizes_of_the_split(tmp_path: Path, numbered: Numbered) -> None:
    source = read(tree(tmp_path, image_files(numbered)))
    none = data.split(source, 0, 0)
    assert (len(none.train), none.validation.images.shape) == (50, (0, 3, 32, 32))
    data.save(none, tmp_path / "prepared")
    assert len(data.load(tmp_path / "prepared").validation) == 0
    assert len(data.split(source, 49, 0).train) == 1
    for count in (50, 51, -1):
        with pytest.raises(UserError, match=r"data\.validation"):
            data.split(source, count, 0)


# --- The prepared folder --------------------------------------------------------------------------


@pytest.fixture
def split(tmp_path: Path, numbered: Numbered) -> Data:
    return data.split(read(zipped(tmp_path / "some.zip", image_files(numbered))), 10, 0)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_is_saved_is_loaded(tmp_path: Path, split: Data) -> None:
    folder = tmp_path / "deep" / "prepared"
    data.save(split, folder)
    loaded = data.load(folder)
    assert loaded.record == split.record
    for name in ("train", "validation", "test"):
        assert records(getattr(loaded, name)) == records(getattr(split, name))
    data.verify(loaded)
    assert sorted(os.listdir(folder.parent)) == ["prepared"]


def test_the_same_images_leave_the_same_bytes(tmp_path: Path, numbered: Numbered, split: Data) -> None:
    data.save(split, tmp_path / "one")
    data.save(split, tmp_path / "one")  # in place of the first
    elsewhere = tarred(tmp_path / "some.tar.gz", batch_files(numbered), "w:gz")
    data.save(data.split(read(elsewhere), 10, 0), tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_failure_leaves_earlier_data_as_they_were(
    tmp_path: Path, split: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "prepared"
    data.save(split, folder)
    before = contents(folder)
    entries = sorted(os.listdir(tmp_path))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for failing in ("save", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(*{"save": (np, "save"), "replace": (os, "replace")}[failing], full)
            with pytest.raises(UserError, match="No space left"):
                data.save(split, folder)
        assert contents(folder) == before
        assert sorted(os.listdir(tmp_path)) == entries


def test_a_failing_last_step_puts_earlier_data_back(
    tmp_path: Path, split: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "prepared"
    data.save(split, folder)
    before = contents(folder)
    replace = os.replace

    def stubborn(source: Path, target: Path) -> None:
        if source.name == ".prepared.partial":
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", stubborn)
    with pytest.raises(UserError, match="Input/output error"):
        data.save(split, folder)
    assert contents(folder) == before
    assert sorted(os.listdir(tmp_path)) == ["prepared", "some.zip"]


def test_leftovers_of_a_killed_save_do_no_harm(tmp_path: Path, split: Data) -> None:
    for name in (".prepared.partial", ".prepared.earlier.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train_images.npy").write_bytes(b"half")
    with pytest.raises(UserError, match="not prepared"):
        data.load(tmp_path / "prepared")
    data.save(split, tmp_path / "prepared")
    data.verify(data.load(tmp_path / "prepared"))
    assert sorted(os.listdir(tmp_path)) == ["prepared", "some.zip"]


def test_a_folder_of_other_things_is_not_overwritten(tmp_path: Path, split: Data) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"holds .*name another data\.dir"):
        data.save(split, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    with pytest.raises(UserError, match="cannot be written"):
        data.save(split, tmp_path / "thesis.tex")
    with pytest.raises(UserError, match="cannot be written"):
        data.save(split, tmp_path / "thesis.tex" / "below")


def test_a_linked_folder_stays_linked(tmp_path: Path, split: Data) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "prepared").symlink_to(tmp_path / "large disk")
    data.save(split, tmp_path / "prepared")
    data.save(split, tmp_path / "prepared")
    assert (tmp_path / "prepared").is_symlink()
    data.verify(data.load(tmp_path / "large disk"))


def test_the_current_folder_can_be_prepared(tmp_path: Path, split: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    data.save(split, Path())
    data.verify(data.load(tmp_path / "here"))


def test_damaged_prepared_data_are_refused(tmp_path: Path, split: Data) -> None:
    whole = tmp_path / "whole"
    data.save(split, whole)
    folder = tmp_path / "damaged"

    def array(name: str, change: Callable[[np.ndarray], np.ndarray]) -> bytes:
        content = io.BytesIO()
        np.save(content, change(np.load(whole / name)), allow_pickle=True)
        return content.getvalue()

    damages: list[tuple[str, bytes | None]] = [
        ("train_images.npy", None),
        ("train_images.npy", b""),
        ("train_images.npy", (whole / "train_images.npy").read_bytes()[:5000]),
        ("train_images.npy", array("train_images.npy", lambda a: a[1:])),
        ("train_images.npy", array("train_images.npy", lambda a: a.astype(np.float32))),
        ("train_images.npy", array("train_images.npy", lambda a: a.reshape(-1, 32, 32, 3))),
        ("test_labels.npy", array("test_labels.npy", lambda a: a + 10)),
        ("validation_labels.npy", array("validation_labels.npy", lambda a: a[:-1])),
        ("test_labels.npy", array("test_labels.npy", lambda a: a.astype(object))),
        ("test_images.npy", b"PK\x03\x04 a zip"),
        ("data.json", b"{}"),
        ("data.json", b"\xff\xfe"),
        ("data.json", None),
    ]
    for name, content in damages:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        with pytest.raises(UserError) as caught:
            data.load(folder)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["train_images", "train_labels", "validation_images", "test_images"])
def test_verifying_finds_one_changed_byte(tmp_path: Path, split: Data, name: str) -> None:
    data.save(split, tmp_path / "prepared")
    path = tmp_path / "prepared" / f"{name}.npy"
    content = bytearray(path.read_bytes())
    content[-1] = (content[-1] + 1) % 10
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"not those of data\.json"):
        data.verify(data.load(tmp_path / "prepared"))


def test_reading_takes_prepared_data_or_any_source(tmp_path: Path, split: Data) -> None:
    params = DataParams(validation=10, split_seed=0)
    data.save(split, tmp_path / "prepared")
    for source in ("prepared", "some.zip"):
        assert data.read(str(tmp_path / source), params, progress=False).record == split.record


# --- The real data --------------------------------------------------------------------------------


REAL = os.environ.get("CIFAR10_SOURCE")


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="CIFAR10_SOURCE does not name the real data")
def test_the_real_data_are_the_official_ones(tmp_path: Path) -> None:
    assert REAL is not None
    source = read(REAL)
    assert source.fingerprint == data.OFFICIAL_FINGERPRINTS
    assert (source.name, source.classes) == ("CIFAR-10", CLASSES)
    assert np.array_equal(np.bincount(source.train.labels), [5000] * 10)
    assert np.array_equal(np.bincount(source.test.labels), [1000] * 10)
    # The published means of the channels: red, green and blue are where they belong.
    means = source.train.images.mean(axis=(0, 2, 3)) / 255
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    data.save(data.split(source, 5000, 0), tmp_path / "prepared")
    record = data.load(tmp_path / "prepared").record
    assert record.official
    assert (record.train_images, record.validation_images, record.test_images) == (45_000, 5_000, 10_000)
    assert record.split_fingerprint == "48f3a7bbff264c61d65aa0e09a657134c3105ad66313411a1cb4cc8c24164826"
