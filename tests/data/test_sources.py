"""Sources: the same images from every form, and what is refused in one line."""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR100

from resnet.data import Images, sources
from resnet.data.images import canonical, fingerprint
from tests.data.makers import (
    Numbered,
    assert_same,
    encoded,
    image_files,
    read,
    records,
    refusal,
    tarred,
    tree,
    zipped,
)

Expected = dict[str, list[bytes]]
Files = dict[str, bytes]


def test_the_fingerprint_is_what_its_definition_says() -> None:
    pixels = np.zeros((3, 3, 32, 32), dtype=np.uint8)
    pixels[1, 0, 0, 1] = 7  # red, first row, second column: byte 1 of the pixels
    pixels[2, 2, 31, 31] = 9  # blue, last row, last column: the last byte
    first = bytes([4]) + bytes(3072)
    second = bytes([0, 0, 7]) + bytes(3070)
    third = bytes([9]) + bytes(3071) + bytes([9])
    in_order = sorted((first, second, third), key=lambda record: hashlib.sha256(record).digest())
    digests = b"".join(hashlib.sha256(record).digest() for record in in_order)
    images = Images(pixels, np.array([4, 0, 9], dtype=np.uint8))
    assert fingerprint(images) == hashlib.sha256(digests).hexdigest()
    assert fingerprint(images[np.array([2])], images[np.array([0, 1])]) == fingerprint(images)
    assert fingerprint(Images(pixels, np.array([4, 0, 8], dtype=np.uint8))) != fingerprint(images)
    assert records(canonical(images)) == in_order


# --- The same images from every form --------------------------------------------------------------


@pytest.mark.parametrize("form", ["folder", "webp", "zip", "deflated", "tar", "tar.gz", "dotted", "below"])
def test_a_tree_of_images(tmp_path: Path, numbered: Numbered, expected: Expected, form: str) -> None:
    files = image_files(numbered, "webp" if form == "webp" else "png", seed=len(form))
    below = {f"cifar10/{name}": content for name, content in files.items()}
    dotted = {f"./{name}": content for name, content in files.items()}
    path = tmp_path / "some"
    makers: dict[str, Callable[[], Path]] = {
        "zip": lambda: zipped(path, files),
        "deflated": lambda: zipped(path, files, zipfile.ZIP_DEFLATED),
        "tar": lambda: tarred(path, files),
        "tar.gz": lambda: tarred(path, files, "w:gz"),
        "dotted": lambda: tarred(path, dotted, "w:xz"),
        "below": lambda: zipped(path, below | {"README.md": b"x"}),
    }
    assert_same(read(makers.get(form, lambda: tree(path, files))()), expected)


def test_the_official_archive(tmp_path: Path, expected: Expected, batches: Files) -> None:
    source = read(tarred(tmp_path / "some.tar.gz", batches, "w:gz"))
    assert_same(source, expected)
    assert source.name == "some"  # not CIFAR-10: its fingerprint is another
    folder = tree(tmp_path / "folder", batches)
    for path in (zipped(tmp_path / "some.zip", batches), folder, folder / "cifar-10-batches-py"):
        assert_same(read(path), expected)


def test_cifar_100(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"class {label:02}" for label in range(100)]
    files: dict[str, dict[str, object]] = {"meta": {"fine_label_names": names}}
    for name, images in (("train", 200), ("test", 100)):
        labels = [place % 100 for place in range(images)]
        files[name] = {"data": np.full((images, 3072), [[label] for label in labels], np.uint8), "fine_labels": labels}
    written = {name: pickle.dumps(batch, protocol=2) for name, batch in files.items()}
    md5s = {name: hashlib.md5(contents).hexdigest() for name, contents in written.items()}
    monkeypatch.setattr(CIFAR100, "train_list", [("train", md5s["train"])])
    monkeypatch.setattr(CIFAR100, "test_list", [("test", md5s["test"])])
    monkeypatch.setattr(CIFAR100, "meta", CIFAR100.meta | {"md5": md5s["meta"]})
    archive = tarred(tmp_path / "some.tar.gz", {f"cifar-100-python/{name}": x for name, x in written.items()}, "w:gz")
    monkeypatch.setattr(sources, "download", lambda urls, target, md5: shutil.copy(archive, target))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "resnet-depth").mkdir()
    source = read("cifar100")
    assert (source.name, source.classes) == ("cifar-100-python", tuple(names))
    assert np.array_equal(np.bincount(source.train.labels), [2] * 100)
    assert all((image == label).all() for image, label in zip(source.test.images, source.test.labels, strict=True))


class Marker:
    """When unpickled, makes the folder it names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("batch", ["data_batch_3", "test_batch", "batches.meta"])
def test_a_batch_is_unpickled_only_if_it_is_the_official_one(tmp_path: Path, batches: Files, batch: str) -> None:
    marker, name = tmp_path / "it-ran", f"cifar-10-batches-py/{batch}"
    evil = pickle.dumps({"data": Marker(marker), "labels": []}, protocol=2)
    for content in (evil, batches[name][:-1], b""):
        assert "not the official one" in refusal(tarred(tmp_path / "a.tar", batches | {name: content}))
    assert not marker.exists()
    del batches[name]
    refusal(tarred(tmp_path / "a.tar", batches))


def test_what_file_managers_leave_is_passed_over(tmp_path: Path, files: Files, expected: Expected) -> None:
    litter = (
        "__MACOSX/train/cat/._1.png",
        "__MACOSX/test/x",
        "train/.DS_Store",
        "train/cat/THUMBS.DB",
        "train/cat/._1.png",
    )
    path = zipped(tmp_path / "a.zip", files | dict.fromkeys((*litter, "README.md", "valid/cat/1.png"), b"x"))
    assert_same(read(path), expected)


def test_grey_palette_and_opaque_images_are_made_rgb(tmp_path: Path) -> None:
    grey = Image.fromarray(np.arange(1024, dtype=np.uint8).reshape(32, 32))
    for folder in (tmp_path / chosen / label for chosen in ("train", "test") for label in ("a", "b")):
        folder.mkdir(parents=True)
        for name, image in {
            "grey": grey,
            "palette": grey.convert("RGB").quantize(256),
            "opaque": grey.convert("LA"),
            "rgba": grey.convert("RGBA"),
        }.items():
            image.save(folder / f"{name}.png")
        grey.convert("RGB").quantize(256).save(folder / "opaque palette.png", transparency=bytes([255] * 256))
    source = read(tmp_path)
    assert source.classes == ("a", "b")
    assert source.train.images.shape == (10, 3, 32, 32)
    assert np.array_equal(source.train.images, np.broadcast_to(np.asarray(grey), source.train.images.shape))


# --- What is refused ------------------------------------------------------------------------------


def some_image(*shape: int, suffix: str = "png") -> bytes:
    return encoded(np.zeros(shape, dtype=np.uint8), suffix)


def with_file(name: str, content: bytes) -> Callable[[Files], Files]:
    return lambda files: files | {name: content}


def only(*parts: str) -> Callable[[Files], Files]:
    """A tree without the files whose names have none of these parts."""
    return lambda files: {name: content for name, content in files.items() if any(part in name for part in parts)}


BLACK = some_image(3, 32, 32)
MANY = {f"{chosen}/{i}/1.png": BLACK for chosen in ("train", "test") for i in range(257)}


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("dog/odd one.png|33x32 pixels", with_file("train/dog/odd one.png", some_image(3, 32, 33))),
        ("large.jpg|224x224 pixels", with_file("train/dog/large.jpg", some_image(3, 224, 224, suffix="jpg"))),
        ("deep.png|8 bits", with_file("train/dog/deep.png", encoded(np.zeros((32, 32), np.uint16), "png"))),
        ("clear.png|transparent", with_file("train/dog/clear.png", some_image(4, 32, 32))),
        ("cut.png|not a readable", with_file("train/dog/cut.png", BLACK[:60])),
        ("text.png|not a readable", with_file("train/dog/text.png", b"not an image")),
        ("empty.png|not a readable", with_file("train/dog/empty.png", b"")),
        ("neither", only("train/")),
        ("neither the", lambda _: {"notes.txt": b"x"}),
        ("nor", lambda files: {f"a/b/{name}": content for name, content in files.items()}),
        ("more than one", lambda files: files | {f"more/{name}": content for name, content in files.items()}),
        ("the same 2 to 256", lambda files: {name: files[name] for name in files if not name.startswith("test/frog")}),
        ("the same 2 to 256", only("/frog/")),
        ("the same 2 to 256", lambda _: MANY),
        ("zebra", lambda files: files | {"train/zebra/Thumbs.db": b"x", "test/zebra/1.png": BLACK}),
        ("a\\n\\x1b[31m.png", with_file("train/cat/a\n\x1b[31m.png", b"")),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    tmp_path: Path, files: Files, words: str, wrong: Callable[[Files], Files]
) -> None:
    message = refusal(tree(tmp_path / "tree", wrong(files)))
    assert [word for word in words.split("|") if word not in message] == []


def test_links_to_folders_are_followed_and_what_is_no_file_is_refused(
    tmp_path: Path, files: Files, expected: Expected
) -> None:
    folder = tree(tmp_path / "tree", files)
    (folder / "train/cat").rename(tmp_path / "cats")
    (folder / "train/cat").symlink_to(tmp_path / "cats")
    assert_same(read(folder), expected)
    odd = folder / "train/cat/odd.png"
    for target in (str(tmp_path / "nowhere"), "/dev/zero", None):
        os.mkfifo(odd) if target is None else odd.symlink_to(target)
        assert "train/cat/odd.png" in refusal(folder)
        odd.unlink()


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_an_archive_that_is_cut_is_refused(tmp_path: Path, files: Files, kind: str) -> None:
    path = tmp_path / "archive"
    make: Callable[..., Path] = zipped if kind == "zip" else tarred
    packed: Callable[[bytes], bytes] = gzip.compress if kind == "tar.gz" else bytes
    whole = make(path, files).read_bytes()
    broken = [packed(whole)[: int(len(packed(whole)) * part)] for part in (0.0, 0.001, 0.1, 0.5, 0.9)]
    if kind != "zip":
        with tarfile.open(path) as archive:  # cut between two members, and a header of another sum
            last = archive.getmembers()[-1].offset
            broken += [packed(whole[:last]), packed(whole[: last + 9] + b"x" + whole[last + 10 :])]
    else:  # a changed byte of an image
        broken.append(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
    path.write_bytes(packed(whole))
    read(path)
    for content in broken:
        path.write_bytes(content)
        refusal(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, None])
def test_nothing_is_unpacked_elsewhere(tmp_path: Path, files: Files, kind: bytes | None) -> None:
    member = tarfile.TarInfo("../outside" if kind is None else "train/cat/odd.png")
    member.type, member.linkname = kind or tarfile.REGTYPE, "../../../../etc/passwd"
    path = tarred(tmp_path / "a.tar", files)
    with tarfile.open(path, "a") as archive:
        archive.addfile(member)
    assert member.name in refusal(path)


# --- What names a source --------------------------------------------------------------------------

DIGITS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
"""Images of each class, from the data set's description."""


def test_digits() -> None:
    source = read("digits")
    assert (source.name, source.classes) == ("digits", tuple("0123456789"))
    assert (len(source.train), len(source.test)) == (1437, 360)
    images = np.concatenate([source.train.images, source.test.images])
    assert (images.min(), images.max()) == (0, 255)
    assert np.array_equal(images, images[:, :1, ::4, ::4].repeat(3, 1).repeat(4, 2).repeat(4, 3))
    assert np.array_equal(np.bincount(source.train.labels) + np.bincount(source.test.labels), DIGITS)


def test_the_variable_replaces_official_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Files) -> None:
    one, two = (zipped(tmp_path / f"{name}.zip", files) for name in ("one", "two"))
    monkeypatch.setattr(sources, "official_archive", lambda _: two)
    for value, name in ((str(one), "one"), ("digits", "digits"), ("", "two")):
        monkeypatch.setenv("CIFAR10_SOURCE", value)
        assert read("official").name == name
        assert read(two).name == "two"
        assert read("digits").name == "digits"


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "notes.txt").write_text("not an archive\n" * 100)
    for name in ("pipe", "x" * 300, "loop", "notes.txt", "absent.zip", "https://example.org/a.zip"):
        refusal(tmp_path / name)
    refusal("/dev/zero")
    assert "no home folder" in refusal("~nobody-of-that-name/one.zip")
