"""Every kind of source ends as the same arrays; damaged and hostile ones are refused in one line."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet.data import (
    OFFICIAL_FINGERPRINTS,
    Data,
    Images,
    Source,
    fingerprint,
    load,
    read,
    read_source,
    save,
    split,
    verify,
)
from resnet.errors import UserError
from resnet.params import DataParams

CLASSES = ("ant", "bee", "cow")


def made(count: int, seed: int) -> Images:
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % len(CLASSES)).astype(np.uint8)
    return Images(random.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), labels)


TRAIN, TEST = made(30, 1), made(12, 2)


def files(suffix: str, prefix: str = "") -> dict[str, bytes]:
    """An ImageFolder's files, in an order and under names that say nothing of ours."""
    found = {}
    for name, images in (("train", TRAIN), ("test", TEST)):
        for number in np.random.default_rng(3).permutation(len(images)):
            buffer = io.BytesIO()
            options = {"lossless": True, "exact": True} if suffix == "webp" else {}
            Image.fromarray(images.images[number].transpose(1, 2, 0)).save(buffer, suffix, **options)
            label = CLASSES[images.labels[number]]
            found[f"{prefix}{name}/{label}/{1000 - number}.{suffix}"] = buffer.getvalue()
    return found


def official_members() -> dict[str, bytes]:
    """Batches as the official archive has them: protocol 2, keys of bytes, rows of 3,072 bytes."""
    members = {"batches.meta": pickle.dumps({b"label_names": [name.encode() for name in CLASSES]}, protocol=2)}
    parts = [(f"data_batch_{number + 1}", slice(6 * number, 6 * number + 6), TRAIN) for number in range(5)]
    for name, part, images in [*parts, ("test_batch", slice(None), TEST)]:
        batch = {
            b"batch_label": name.encode(),
            b"labels": [int(label) for label in images.labels[part]],
            b"data": images.images[part].reshape(-1, 3072),
            b"filenames": [b"x.png"] * len(images.labels[part]),
        }
        members[name] = pickle.dumps(batch, protocol=2)
    return {f"cifar-10-batches-py/{name}": content for name, content in members.items()}


def write_tar(path: Path, members: dict[str, bytes], mode: str) -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return path


def write_tree(path: Path, members: dict[str, bytes]) -> Path:
    for name, content in members.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return path


SOURCES: dict[str, Callable[[Path], Path]] = {
    "official archive": lambda t: write_tar(t / "cifar.tar.gz", official_members(), "w:gz"),
    "official archive unpacked": lambda t: write_tree(t / "cifar", official_members()),
    "tree of PNG": lambda t: write_tree(t / "cifar", files("png")),
    "tree of WebP": lambda t: write_tree(t / "cifar", files("webp")),
    "zip of WebP": lambda t: write_zip(t / "cifar.zip", files("webp")),
    "zip of PNG in a folder": lambda t: write_zip(t / "cifar.zip", files("png", "top/")),
    "tar of PNG": lambda t: write_tar(t / "cifar.tar", files("png"), "w"),
    "tar.gz of WebP": lambda t: write_tar(t / "cifar.tar.gz", files("webp"), "w:gz"),
}


def test_the_fingerprint_is_the_one_defined_for_the_official_data() -> None:
    """Against the definition, record by record."""
    records = [bytes([label]) + image.tobytes() for image, label in zip(TRAIN.images, TRAIN.labels, strict=True)]
    expected = hashlib.sha256(b"".join(sorted(hashlib.sha256(record).digest() for record in records))).hexdigest()
    assert fingerprint(TRAIN) == expected
    shuffled = np.random.default_rng(0).permutation(len(TRAIN))
    assert fingerprint(TRAIN[shuffled]) == expected
    relabelled = Images(TRAIN.images, TRAIN.labels[::-1].copy())
    assert fingerprint(relabelled) != expected


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same_arrays_and_the_same_split(kind: str, tmp_path: Path) -> None:
    data = split(read_source(str(SOURCES[kind](tmp_path)), progress=False), validation=7, seed=5)
    literal = split(Source("cifar", CLASSES, TRAIN, TEST), validation=7, seed=5)
    assert data.record.name == "cifar"
    assert data.record.classes == CLASSES
    assert not data.record.official
    assert data.record.split_fingerprint == literal.record.split_fingerprint
    save(data, tmp_path / "prepared")
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (tmp_path / "prepared").iterdir()}
    reference = split(read_source(str(SOURCES["tree of PNG"](tmp_path / "again")), progress=False), 7, 5)
    save(reference, tmp_path / "reference")
    for file in (tmp_path / "reference").iterdir():
        assert digests[file.name] == hashlib.sha256(file.read_bytes()).hexdigest(), file.name


def test_lossy_images_are_read_and_are_other_data(tmp_path: Path) -> None:
    source = read_source(str(write_zip(tmp_path / "lossy.zip", files("jpeg"))), progress=False)
    assert source.train.images.shape == TRAIN.images.shape
    assert source.fingerprint["train"] != fingerprint(TRAIN)
    assert source.name == "lossy"


def test_the_split_holds_out_disjoint_images_by_the_seed() -> None:
    source = Source("made", CLASSES, TRAIN, TEST)
    one, same, other = (split(source, 10, seed) for seed in (0, 0, 1))
    assert (len(one.train), len(one.validation), len(one.test)) == (20, 10, 12)
    assert one.record == same.record
    assert one.record.split_fingerprint != other.record.split_fingerprint
    images = np.concatenate([one.train.images, one.validation.images])
    together = Images(images, np.concatenate([one.train.labels, one.validation.labels]))
    assert fingerprint(together) == fingerprint(TRAIN)
    assert len(split(source, 0, 0).validation) == 0
    with pytest.raises(UserError, match="only 30 training images"):
        split(source, 30, 0)


class Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harmed",)


@pytest.mark.parametrize("member", ["data_batch_2", "batches.meta"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(
    member: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    members = official_members() | {f"cifar-10-batches-py/{member}": pickle.dumps({b"data": Harm()}, protocol=2)}
    archive = write_tar(tmp_path / "evil.tar.gz", members, "w:gz")
    with pytest.raises(UserError, match=rf"{member}.*mkdir") as caught:
        read_source(str(archive), progress=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "harmed").exists()


def _truncated(path: Path) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    return path


def _flipped(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    return path


BROKEN: dict[str, Callable[[Path], Path]] = {
    "truncated official archive": lambda t: _truncated(SOURCES["official archive"](t)),
    "damaged official archive": lambda t: _flipped(SOURCES["official archive"](t)),
    "truncated zip": lambda t: _truncated(SOURCES["zip of WebP"](t)),
    "truncated tar": lambda t: _truncated(SOURCES["tar of PNG"](t)),
    "empty file": lambda t: write_tree(t, {"x.zip": b""}) / "x.zip",
    "no archive": lambda t: write_tree(t, {"x.zip": b"not an archive at all"}) / "x.zip",
    "no such file": lambda t: t / "nowhere.zip",
    "empty folder": lambda t: t,
    "no test set": lambda t: write_tree(t / "x", {k: v for k, v in files("png").items() if k.startswith("train")}),
    "not an image": lambda t: write_tree(t / "x", files("png") | {"train/ant/zzz.png": b"text"}),
    "a missing batch": lambda t: write_tree(
        t / "x", {k: v for k, v in official_members().items() if not k.endswith("data_batch_3")}
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_source_is_one_line_and_leaves_earlier_data_as_they_were(kind: str, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    save(split(Source("earlier", CLASSES, TRAIN, TEST), 5, 0), prepared)
    before = {file.name: file.read_bytes() for file in prepared.iterdir()}
    (tmp_path / "source").mkdir()
    with pytest.raises(UserError) as caught:
        save(read(str(BROKEN[kind](tmp_path / "source")), DataParams(validation=5), progress=False), prepared)
    assert "\n" not in str(caught.value)
    assert {file.name: file.read_bytes() for file in prepared.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prepared", "source"]


def test_an_image_of_another_size_is_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (28, 30)).save(buffer, "png")
    tree = write_tree(tmp_path / "x", files("png") | {"train/bee/big.png": buffer.getvalue()})
    with pytest.raises(UserError, match=r"train/bee/big\.png: 28x30 pixels instead of 32x32"):
        read_source(str(tree), progress=False)


def test_the_environment_stands_for_official_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = SOURCES["zip of WebP"](tmp_path)
    monkeypatch.setenv("CIFAR10_SOURCE", str(archive))
    assert read_source("official", progress=False).name == "cifar"
    assert read_source("digits", progress=False).name == "digits"


def test_prepared_data_are_loaded_and_checked(digits: Data, tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    with pytest.raises(UserError, match="run `resnet data`"):
        load(folder)
    save(digits, folder)
    loaded = load(folder)
    assert loaded.record == digits.record
    assert np.array_equal(loaded.train.images, digits.train.images)
    verify(loaded)
    labels = np.load(folder / "test_labels.npy")
    np.save(folder / "test_labels.npy", np.roll(labels, 1))
    with pytest.raises(UserError, match="not those"):
        verify(load(folder))
    np.save(folder / "test_labels.npy", labels[:-1])
    with pytest.raises(UserError, match="damaged"):
        load(folder)


def test_digits_are_real_images_of_the_right_shape(digits: Data) -> None:
    record = digits.record
    assert (record.train_images, record.validation_images, record.test_images) == (1237, 200, 360)
    assert digits.train.images.max() == 255
    assert np.array_equal(digits.train.images[:, 0], digits.train.images[:, 2])
    assert set(digits.test.labels.tolist()) == set(range(10))


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("CIFAR10_SOURCE"), reason="CIFAR10_SOURCE is not set")
def test_the_real_data_are_recognised() -> None:
    data = read("official", DataParams(), progress=False)
    assert data.record.fingerprint == OFFICIAL_FINGERPRINTS
    assert data.record.official
    assert data.record.name == "CIFAR-10"
    assert (len(data.train), len(data.validation), len(data.test)) == (45_000, 5_000, 10_000)
    means = [images.images.mean(axis=(0, 2, 3)) for images in (data.train, data.validation)]
    assert (9 * means[0] + means[1]) / 10 / 255 == pytest.approx([0.4914, 0.4822, 0.4465], abs=1e-4)
