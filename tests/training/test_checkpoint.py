"""A checkpoint is taken up whole or not at all, and the one before it stands in for a damaged one."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings
from resnet.runs.folders import Folders
from resnet.runs.run import Run
from resnet.system import Machine
from resnet.training.checkpoint import (
    HEADER,
    DamagedCheckpoint,
    checkpoint_every,
    is_checkpoint_of,
    iterations_saved,
    load_checkpoint,
    previous,
    read_header,
)
from tests.conftest import CPU

Tiny = Callable[..., Settings]
NEWEST, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"


def started(settings: Settings, data: Data, folder: Path) -> Run:
    run = Run(settings, 0, data, Folders(folder, folder, folder), CPU)
    run.start()
    return run


def advance(run: Run, iterations: int) -> Run:
    for _ in range(iterations):
        run.advance(lambda progress, learning_rate: None)
    return run


def test_saves_are_rarer_on_a_gpu_unless_asked_for(tiny: Tiny) -> None:
    nvidia, apple = (Machine(torch.device(name), "fp32") for name in ("cuda", "mps"))
    left_open, asked = tiny(checkpoint_every="auto").train, tiny(checkpoint_every=70).train
    assert [checkpoint_every(left_open, machine) for machine in (CPU, nvidia, apple)] == [1000, 5000, 5000]
    assert {checkpoint_every(asked, machine) for machine in (CPU, nvidia)} == {70}


@pytest.fixture
def saved(tiny: Tiny, digits: Data, tmp_path: Path) -> Run:
    """A run with checkpoints at iterations 5 and 10, in `tmp_path`."""
    return advance(started(tiny(), digits, tmp_path), 10)


def state(run: Run) -> dict[str, Tensor]:
    tensors = dict(run.trainer.net.state_dict())
    for name, parameter in run.trainer.net.named_parameters():
        momentum = run.trainer.sgd.state[parameter].get("momentum_buffer")
        if momentum is not None:
            tensors[f"momentum.{name}"] = momentum
    tensors |= {"losses": run.progress.losses, "wrong": run.progress.wrong}
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def load(path: Path, run: Run) -> None:
    load_checkpoint(path, run.trainer.net, run.trainer.sgd, run.progress, run.identity)


def rewrite(path: Path, tensors: dict[str, Tensor], header: object, **metadata: str) -> None:
    save_file(tensors, path, metadata={HEADER: json.dumps(header), **metadata})


def as_before_digests(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What the file holds, its header without a digest."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[HEADER])
    del header["digest"]
    return load_file(path), header


def flipped(content: bytes, at: int, bit: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


def test_no_damage_is_taken_up_and_none_ends_in_a_traceback(
    saved: Run, tiny: Tiny, digits: Data, tmp_path: Path
) -> None:
    """Two hundred random damages; a net that nothing was loaded into stays as it was."""
    whole = (tmp_path / NEWEST).read_bytes()
    header_end = 8 + int.from_bytes(whole[:8], "little")
    run = started(tiny(), digits, tmp_path / "fresh")
    untouched, damaged, rng = state(run), tmp_path / "damaged.safetensors", random.Random(0)
    kinds: list[Callable[[], bytes]] = [
        lambda: flipped(whole, rng.randrange(header_end, len(whole)), rng.randrange(8)),
        lambda: flipped(whole, rng.randrange(header_end), rng.randrange(8)),
        lambda: whole[: rng.randrange(len(whole))],
        lambda: whole[: rng.randrange(header_end)],
        lambda: rng.randbytes(rng.randrange(300)),
        lambda: rng.randbytes(8) + whole[8:],
        lambda: (2 ** rng.randrange(64)).to_bytes(8, "little") + whole[8:],
        lambda: whole + rng.randbytes(1 + rng.randrange(100)),
        lambda: whole[: (at := rng.randrange(len(whole) - 64))] + rng.randbytes(64) + whole[at + 64 :],
        lambda: whole[:header_end] + bytes(len(whole) - header_end),
    ]
    for number in range(200):
        content = kinds[number % len(kinds)]()
        if content == whole:
            continue
        damaged.write_bytes(content)
        with pytest.raises(UserError) as caught:
            load(damaged, run)
        message = str(caught.value)
        assert "\n" not in message
        assert str(damaged) in message
        assert "delete it to start over" in message
        assert not is_checkpoint_of(damaged, run.identity)
    assert same(state(run), untouched)
    load(tmp_path / NEWEST, run)
    assert same(state(run), state(saved))


@pytest.mark.parametrize("content", [b"", b"{}", b"\0" * 8, b"\xff" * 8, b"\x02" + b"\0" * 7 + b"{}"])
def test_files_that_hold_nothing_are_said_to_be_no_checkpoint(content: bytes, saved: Run, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(DamagedCheckpoint, match="not a checkpoint that a run can go on from"):
        load(tmp_path / "x.safetensors", saved)
    with pytest.raises(DamagedCheckpoint):
        load(tmp_path, saved)


def test_every_bit_of_every_tensor_counts(saved: Run, tmp_path: Path) -> None:
    """The first byte of each tensor: the sum is over all of them, scalars too."""
    path = tmp_path / NEWEST
    whole = path.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    places = json.loads(whole[8 : 8 + size])
    del places["__metadata__"]
    assert {name.split(".")[0] for name in places} == {"net", "momentum", "losses", "wrong"}
    for name, place in places.items():
        path.write_bytes(flipped(whole, 8 + size + place["data_offsets"][0], 0))
        with pytest.raises(DamagedCheckpoint, match="the tensors are not what was written"):
            load(path, saved)
        assert place["data_offsets"][0] < place["data_offsets"][1], name


def test_only_the_tensors_of_this_net_are_taken_up(saved: Run, tmp_path: Path) -> None:
    """Checkpoints from before digests: the schema alone stands between them and the net."""
    path, before = tmp_path / NEWEST, state(saved)
    tensors, header = as_before_digests(path)
    weight = next(name for name in tensors if name.startswith("net.") and tensors[name].dim() == 4)
    momentum = weight.replace("net.", "momentum.")

    def refused(changed: dict[str, Tensor], match: str, **fields: object) -> None:
        rewrite(path, changed, header | fields)
        with pytest.raises(DamagedCheckpoint, match=match):
            load(path, saved)
        assert same(state(saved), before)

    for name in (weight, momentum, "losses", "wrong"):
        refused({key: tensor for key, tensor in tensors.items() if key != name}, f"{name} is missing")
        refused(tensors | {name: tensors[name].half()}, f"{name} is torch.float16")
        refused(tensors | {name: tensors[name].reshape(-1)[0].clone()}, rf"{name} is .* \(\) instead of")
        refused(tensors | {name: tensors[name].reshape(1, -1).clone()}, f"{name} is ")
    refused(tensors | {"net.another": torch.zeros(2)}, "'net.another' is nothing of this net's")
    refused({key: tensor for key, tensor in tensors.items() if "momentum" not in key}, "is missing")
    refused(tensors, "losses is", iteration=9, segments=[])
    refused(tensors, "losses is", iteration=11)
    refused(tensors, "iteration 13 of 12", iteration=13)
    refused(tensors, "evaluations at", evaluations=[[11, None, 50.0]])
    refused(tensors, "evaluations at", evaluations=[[6, None, 50.0], [6, None, 50.0]])
    refused(tensors, "evaluations", evaluations=[[6, None, 150.0]])
    refused(tensors, "warm-up", warmup_iterations=11)
    one = header["segments"][0]
    later = one | {"first_iteration": 5}
    refused(tensors, "segments that end at", segments=[later, one])
    refused(tensors, "segments that end at", segments=[one | {"last_iteration": 11}])
    refused(tensors, "segments.0.first_iteration", segments=[one | {"first_iteration": -1}])
    rewrite(path, tensors, header)
    load(path, saved)


WRONG: list[object] = [None, "x", -1, 1.5, True, [], [[]], [1], {}, {"a": []}, 10**30, [None], "5", [[6, 1]], [[[[]]]]]


def test_headers_of_wrong_types_are_one_line(saved: Run, tmp_path: Path) -> None:
    path = tmp_path / NEWEST
    tensors, header = as_before_digests(path)
    meaningful = {("warmup_iterations", "null"), ("evaluations", "[]"), ("segments", "[]"), ("digest", "null")}
    for key in [*header, "digest", "unknown", "fingerprint"]:
        for value in WRONG:
            rewrite(path, tensors, header | {key: value})
            if (key, json.dumps(value)) in meaningful:
                load(path, saved)
                continue
            with pytest.raises(DamagedCheckpoint) as caught:
                load(path, saved)
            assert "\n" not in str(caught.value), (key, value)
            assert len(str(caught.value)) < len(str(path)) + 300
    for text in ("", "null", "[]", "[" * 100_000, "{", "1e999", '"x"', "NaN"):
        save_file(tensors, path, metadata={HEADER: text})
        with pytest.raises(DamagedCheckpoint):
            load(path, saved)
    save_file(tensors, path)
    with pytest.raises(DamagedCheckpoint, match="another kind of safetensors file"):
        load(path, saved)


def test_a_digest_cannot_be_left_out_of_half_of_the_header(saved: Run, tmp_path: Path) -> None:
    path = tmp_path / NEWEST
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[HEADER])
    rewrite(path, load_file(path), header)
    with pytest.raises(DamagedCheckpoint, match="the header is not what was written"):
        load(path, saved)
    rewrite(path, load_file(path), header | {"digest": None}, sha256="0" * 64)
    with pytest.raises(DamagedCheckpoint, match="the header is not what was written"):
        load(path, saved)


def test_checkpoints_from_before_are_taken_up(saved: Run, tiny: Tiny, digits: Data, tmp_path: Path) -> None:
    path, expected = tmp_path / NEWEST, state(saved)
    tensors, header = as_before_digests(path)
    rewrite(path, tensors, header)
    assert same(state(started(tiny(), digits, tmp_path)), expected)


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_a_run_without_momentum_and_one_without_iterations_are_whole_too(
    momentum: float, tiny: Tiny, digits: Data, tmp_path: Path
) -> None:
    run = started(tiny(momentum=momentum), digits, tmp_path)
    for iterations in (0, 3):
        advance(run, iterations).save()
        assert same(state(started(tiny(momentum=momentum), digits, tmp_path)), state(run))


def test_the_checkpoint_before_is_kept_until_the_run_ends(saved: Run, tmp_path: Path) -> None:
    assert previous(tmp_path / NEWEST) == tmp_path / PREVIOUS
    iterations = [read_header(tmp_path / name).iteration for name in (PREVIOUS, NEWEST)]
    assert iterations == [5, 10]
    advance(saved, 2)
    saved.finish("done")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "history.csv",
        "metrics.json",
        "model.safetensors",
        "test_predictions.npy",
    ]


def test_a_save_that_fails_leaves_both_generations(saved: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **keywords: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("resnet.training.checkpoint.save_file", full)
    with pytest.raises(OSError, match="No space"):
        saved.save()
    assert [read_header(tmp_path / name).iteration for name in (PREVIOUS, NEWEST)] == [5, 10]
    assert not list(tmp_path.glob(".*"))


def test_generations_are_kept_after_a_kill_between_two_names_and_without_links(
    saved: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill can leave one file under both names; the next save must still turn them."""
    os.replace(tmp_path / NEWEST, tmp_path / PREVIOUS)
    os.link(tmp_path / PREVIOUS, tmp_path / NEWEST)
    advance(saved, 1).save()
    assert [read_header(tmp_path / name).iteration for name in (PREVIOUS, NEWEST)] == [10, 11]
    assert not list(tmp_path.glob(".*"))

    def no_links(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    saved.save()
    assert [read_header(tmp_path / name).iteration for name in (PREVIOUS, NEWEST)] == [11, 11]


@pytest.mark.parametrize("damage", ["a bit", "cut", "gone"])
def test_a_damaged_checkpoint_costs_the_iterations_since_the_one_before(
    damage: str, saved: Run, tiny: Tiny, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Run(tiny(), 0, digits, Folders(*[tmp_path / "whole"] * 3), CPU)
    whole.execute()
    newest = tmp_path / NEWEST
    content = newest.read_bytes()
    if damage == "gone":
        newest.unlink()
    else:
        newest.write_bytes(flipped(content, len(content) - 1, 3) if damage == "a bit" else content[:100])
    capsys.readouterr()
    again = Run(tiny(), 0, digits, saved.folders, CPU)
    assert iterations_saved(newest, again.identity) == 5
    record = again.execute()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{newest}: ")
    assert "at iteration 5 (iterations lost: 5)" in lines[0]
    assert [segment.first_iteration for segment in record.segments] == [0, 5]
    weights = [load_file(folder / "model.safetensors") for folder in (tmp_path, tmp_path / "whole")]
    assert same(*weights)


def test_the_damaged_one_never_becomes_the_one_before(
    saved: Run, tiny: Tiny, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NEWEST).write_bytes(b"damaged")
    advance(started(tiny(), digits, tmp_path), 1).save()
    assert [read_header(tmp_path / name).iteration for name in (PREVIOUS, NEWEST)] == [5, 6]


def test_two_damaged_checkpoints_are_named_in_one_line(
    saved: Run, tiny: Tiny, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NEWEST).write_bytes(b"damaged")
    (tmp_path / PREVIOUS).write_bytes(b"")
    run = Run(tiny(), 0, digits, saved.folders, CPU)
    with pytest.raises(UserError, match=f"delete it and {PREVIOUS} to start over") as caught:
        run.start()
    assert "\n" not in str(caught.value)
    assert iterations_saved(tmp_path / NEWEST, run.identity) == 0


def test_other_threads_and_other_operations_are_said(
    saved: Run, tiny: Tiny, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    capsys.readouterr()
    started(tiny(), digits, tmp_path)
    assert capsys.readouterr().err == ""
    try:
        torch.set_num_threads(threads + 1)
        started(tiny(), digits, tmp_path)
    finally:
        torch.set_num_threads(threads)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"at iteration 10 in other arithmetic: threads {threads + 1} (before: {threads})" in line
    tensors, header = as_before_digests(tmp_path / NEWEST)
    system = header["segments"][-1]["system"]
    system["fused"] = not system["fused"]
    rewrite(tmp_path / NEWEST, tensors, header)
    started(tiny(), digits, tmp_path)
    (line,) = capsys.readouterr().err.splitlines()
    assert "compiled operations" in line
    assert "threads" not in line
