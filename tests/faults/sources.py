"""Spoilt files: archives, weights, arrays and result files that are damaged or cannot be right."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from resnet.nets.model import resnet
from tests.data.makers import Numbered, batch_files, encoded, image_files


def some_images(seed: int = 0) -> Numbered:
    """50 training and 10 test images of ten classes."""
    generator = np.random.default_rng(seed)

    def some(count: int) -> list[tuple[int, np.ndarray]]:
        return [(i % 10, generator.integers(0, 256, (3, 32, 32)).astype(np.uint8)) for i in range(count)]

    return {"train": some(50), "test": some(10)}


def damage(file: Path, chance: random.Random) -> None:
    """Flip a bit, cut the file off, drop or double a part of it, or remove it."""
    content = bytearray(file.read_bytes())
    place = chance.randrange(max(1, len(content)))
    match chance.randrange(5):
        case 0 | 1 if content:
            content[place] ^= 1 << chance.randrange(8)
        case 2:
            del content[place:]
        case 3:
            del content[place : place + chance.randint(1, 64)]
        case _:
            file.unlink()
            return
    file.write_bytes(content)


def damage_archive(folder: Path, chance: random.Random) -> str:
    """A zip or tar of the very images that are prepared in `data`, with flipped or lost bytes."""
    name = chance.choice(("small.zip", "small.tar", "small.tar.gz"))
    content = bytearray((folder / "small.zip").read_bytes())
    if name != "small.zip":
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz" if name.endswith("gz") else "w") as archive:
            for path, encoded_image in _members(folder).items():
                _add(archive, path, encoded_image)
        content = bytearray(packed.getvalue())
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(content))
        if chance.random() < 0.6:
            content[place] ^= 1 << chance.randrange(8)
        else:
            del content[place : place + chance.randint(1, 5000)]
    (folder / name).write_bytes(content)
    return name


def _members(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / "small.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _add(
    archive: tarfile.TarFile, name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(content), kind, link
    archive.addfile(member, io.BytesIO(content))


def spoil_archive(folder: Path, chance: random.Random) -> str:
    """A source with something in it that cannot be right; gives its name."""
    files = _members(folder)
    name = chance.choice(sorted(files))
    other = chance.choice(sorted(set(files) - {name}))
    odd: list[tuple[bytes, str]] = []
    match chance.randrange(10):
        case 0:
            files[name] = _picture(chance)
        case 1:
            files[name] = chance.choice((b"", b"text", files[name][:100], gzip.compress(files[name]), bytes(2**21)))
        case 2:
            chosen = name.split("/")[1]
            files = {path: content for path, content in files.items() if path.split("/")[:2] != ["test", chosen]}
        case 3:
            files = {path: content for path, content in files.items() if not path.startswith("test/")}
        case 4:
            odd = [
                (tarfile.SYMTYPE, other),
                (tarfile.FIFOTYPE, ""),
                (tarfile.CHRTYPE, ""),
            ]
        case 5:
            files[f"train/{'a' * 3}/x.png"] = files[name]
        case 6:
            files[f"train/{name.split('/')[1]}/{chance.choice(('x.txt', 'a/b.png', chr(7) + '.png', 'x'))}"] = files[
                name
            ]
        case 7:
            files = {path.replace("train/", "deep/er/train/"): content for path, content in files.items()}
        case 8:
            files = batch_files(some_images())
            batch = chance.choice(sorted(files))
            while "batch" not in batch.split("/")[1]:
                batch = chance.choice(sorted(files))
            files[batch] = chance.choice(
                (b"", b"cos\ngetcwd\n(tR.", files[batch][: len(files[batch]) // 2], b"\x80\x02}.")
            )
        case _:
            (folder / "odd.bin").write_bytes(
                chance.choice((b"", b"<html>", b"404: Not Found", bytes(1000), b"PK\x03\x04" + bytes(100)))
            )
            return "odd.bin"
    if odd:
        kind, link = chance.choice(odd)
        with tarfile.open(folder / "odd.tar", "w") as archive:
            for path, content in files.items():
                _add(archive, path, content)
            _add(archive, f"train/{name.split('/')[1]}/odd.png", kind=kind, link=link)
        return "odd.tar"
    with zipfile.ZipFile(folder / "odd.zip", "w") as zipped:
        for path, content in files.items():
            zipped.writestr(path, content)
    return "odd.zip"


def _picture(chance: random.Random) -> bytes:
    size = chance.choice(((31, 32), (32, 33), (1, 1), (64, 64), (3000, 3000)))
    mode = chance.choice(("RGB", "L", "RGBA", "P", "I;16"))
    content = io.BytesIO()
    Image.new(mode, size).save(content, "PNG")
    return content.getvalue()


def spoil_weights(path: Path, chance: random.Random) -> None:
    """Weights that are cut, of other things, not numbers, or of no net."""
    state: dict[str, Any] = dict(resnet(8).state_dict())
    name = chance.choice([name for name in state if not name.endswith("num_batches_tracked")])
    match chance.randrange(9):
        case 0:
            state[name] = torch.full_like(state[name], chance.choice((float("nan"), float("inf"), float("-inf"))))
        case 1:
            state[name] = state[name].flatten()[:-1]
        case 2:
            del state[name]
        case 3:
            state[f"{name}.{chance.randrange(9)}"] = torch.ones(1)
        case 4:
            state[name] = chance.choice(("text", 3, None, [state[name]], {"a": 1}, state[name].to(torch.int32)))
        case 5:
            state = dict(resnet(chance.choice((14, 20))).state_dict())
        case 6:
            content = save(state)
            path.write_bytes(content[: chance.randrange(len(content))])
            return
        case 7:
            whole = io.BytesIO()
            torch.save(state, whole)
            path.write_bytes(whole.getvalue()[: chance.randrange(whole.tell())])
            return
        case _:
            path.write_bytes(
                chance.choice(
                    (
                        b"",
                        b"<!doctype html>",
                        b"404: Not Found",
                        b"version https://git-lfs.github.com/spec/v1",
                        b"PK\x03\x04",
                        bytes(5000),
                        b"\x80\x02cos\ngetcwd\n(tR.",
                        b"\x80\x04.",
                        chance.randbytes(3000),
                        b"\x89HDF\r\n\x1a\n" + bytes(99),
                        encoded(np.zeros((3, 32, 32), np.uint8), "png"),
                        gzip.compress(save(state)),
                        b'{"a": 1}',
                    )
                )
            )
            return
    torch.save({chance.choice(("state_dict", "model", "ema")): state} if chance.random() < 0.5 else state, path)


VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    "nan",
    "",
    "$x$",
    "a|b`c",
    "../../x",
    [],
    {},
    [1, "a"],
    {"a": None},
    "x" * 3000,
    2**70,
    150.0,
)


def spoil_json(file: Path, chance: random.Random) -> None:
    """Replace, drop or double a value somewhere in a result file."""
    tree = json.loads(file.read_bytes())
    branch: Any = tree
    while True:
        keys = list(branch) if isinstance(branch, dict) else list(range(len(branch)))
        if not keys:
            break
        key = chance.choice(keys)
        if isinstance(branch[key], dict | list) and branch[key] and chance.random() < 0.7:
            branch = branch[key]
            continue
        if chance.random() < 0.2:
            del branch[key]
        else:
            branch[key] = chance.choice(VALUES)
        break
    file.write_text(json.dumps(tree))


def make_sources(folder: Path) -> None:
    """`small.zip`, an ImageFolder of 60 images, and `w.pth`, weights of a ResNet-8."""
    with zipfile.ZipFile(folder / "small.zip", "w") as archive:
        for name, content in image_files(some_images()).items():
            archive.writestr(name, content)
    torch.manual_seed(0)
    torch.save(resnet(8).state_dict(), folder / "w.pth")
