"""ImageFolder trees: what is read, and what is refused by name."""

from __future__ import annotations

import io
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resnet.data import CLASSES
from tests.data.makers import Numbered, assert_same, encoded, image_files, read, refusal, tarred, tree, zipped


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_an_image_folder(tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]], suffix: str) -> None:
    assert_same(read(tree(tmp_path, image_files(numbered, suffix))), expected)


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


def test_a_name_that_cannot_be_printed_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    files = image_files(numbered) | {"train/cat/a\n\x1b[31m.png": b"x"}
    assert "\x1b" not in refusal(tarred(tmp_path / "a.tar", files))


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


LITTER = (
    "train/cat/THUMBS.DB",
    "train/cat/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg",
    "train/@eaDir/cat@SynoEAStream",
    "test/dog/Icon\r",
    "test/Desktop.ini",
    "train/cat/000.png:Zone.Identifier",
)


def test_litter_is_passed_over_in_any_case(
    tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]]
) -> None:
    files = image_files(numbered) | dict.fromkeys(LITTER, b"x")
    assert_same(read(tarred(tmp_path / "a.tar", files)), expected)
    assert_same(read(tree(tmp_path / "tree", files)), expected)


def with_alpha(pixels: np.ndarray, alpha: int, **options: Any) -> bytes:
    content = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1)))
    image.putalpha(Image.new("L", (32, 32), 255))
    image.putpixel((3, 4), (*image.getpixel((3, 4))[:3], alpha))  # type: ignore[index]
    image.save(content, "PNG", **options)
    return content.getvalue()


def test_an_opaque_image_may_have_an_alpha_channel(
    tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]]
) -> None:
    files = image_files({"train": [], "test": numbered["test"]})
    for number, (label, pixels) in enumerate(numbered["train"]):
        files[f"train/{CLASSES[label]}/{number}.png"] = with_alpha(pixels, 255)
    assert_same(read(zipped(tmp_path / "a.zip", files)), expected)
    label, pixels = numbered["train"][7]
    files[f"train/{CLASSES[label]}/7.png"] = with_alpha(pixels, 254)
    message = refusal(zipped(tmp_path / "b.zip", files))
    assert f"{CLASSES[label]}/7.png" in message
    assert "transparent" in message


def test_grey_and_palette_images_with_alpha_are_read_where_they_are_opaque(tmp_path: Path) -> None:
    grey = Image.fromarray(np.arange(1024, dtype=np.uint8).reshape(32, 32))
    for chosen in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / chosen / label).mkdir(parents=True)
            grey.convert("LA").save(tmp_path / chosen / label / "1.png")
            grey.convert("RGB").quantize(256).save(tmp_path / chosen / label / "2.png", transparency=bytes([255] * 256))
    source = read(tmp_path)
    assert np.array_equal(source.train.images, np.broadcast_to(np.asarray(grey), source.train.images.shape))


@pytest.mark.parametrize(
    "names",
    [
        {"airplane": "plane", "automobile": "car"},
        {"airplane": "aeroplane", "automobile": "cars", "truck": "Lorry"},
        {name: f"{name.capitalize()}s" for name in CLASSES},
    ],
)
def test_the_official_classes_by_other_names_keep_their_labels(
    tmp_path: Path, numbered: Numbered, expected: dict[str, list[bytes]], names: dict[str, str]
) -> None:
    files = image_files(numbered)
    for name, other in names.items():
        files = {path.replace(f"/{name}/", f"/{other}/"): content for path, content in files.items()}
    assert_same(read(zipped(tmp_path / "a.zip", files)), expected)


def test_other_labels_than_the_official_ones_are_mentioned(
    tmp_path: Path, numbered: Numbered, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {path.replace("/frog/", "/monkey/"): content for path, content in image_files(numbered).items()}
    read(zipped(tmp_path / "a.zip", files))
    said = capsys.readouterr().err
    assert "not CIFAR-10's classes" in said
    assert said.count("\n") == 1
    read(zipped(tmp_path / "b.zip", image_files(numbered)))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["valid", "val", "Validation"])
def test_a_validation_set_of_its_own_is_mentioned(
    tmp_path: Path,
    numbered: Numbered,
    expected: dict[str, list[bytes]],
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = {f"cinic/{path}": content for path, content in image_files(numbered).items()}
    files[f"cinic/{name}/cat/1.png"] = next(iter(files.values()))
    for source in (zipped(tmp_path / "a.zip", files), tree(tmp_path / "tree", files)):
        assert_same(read(source), expected)
        said = capsys.readouterr().err
        assert f"cinic/{name}/ is passed over" in said
        assert said.count("\n") == 1


def test_a_class_folder_without_images_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    folder = tree(tmp_path / "tree", image_files(numbered) | {"train/zebra/Thumbs.db": b"x"})
    assert "train/zebra/ holds no images" in refusal(folder)
    (folder / "test/zebra").mkdir()
    assert "train/zebra/ holds no images" in refusal(folder)
    shutil.rmtree(folder / "train/zebra")
    assert "test/zebra/ holds no images" in refusal(folder)


def test_what_is_no_file_in_a_class_folder_is_refused(tmp_path: Path, numbered: Numbered) -> None:
    folder = tree(tmp_path / "tree", image_files(numbered))
    odd = folder / "train/cat/odd.png"
    odd.symlink_to(tmp_path / "nowhere.png")
    assert "train/cat/odd.png: a broken link" in refusal(folder)
    odd.unlink()
    os.mkfifo(odd)
    assert "train/cat/odd.png: a named pipe" in refusal(folder)
    odd.unlink()
    odd.symlink_to("/dev/zero")
    assert "train/cat/odd.png: a device" in refusal(folder)
    odd.unlink()
    shutil.rmtree(folder / "test")
    (folder / "test").symlink_to(tmp_path / "nowhere")
    assert "test: a broken link" in refusal(folder)


def test_a_file_larger_than_an_image_can_be_is_not_read(tmp_path: Path, numbered: Numbered) -> None:
    folder = tree(tmp_path / "tree", image_files(numbered))
    with (folder / "train/cat/large.png").open("wb") as file:
        file.truncate(2**40)
    assert "train/cat/large.png: 1,099,511,627,776 bytes" in refusal(folder)
