"""A checkpoint is taken up whole or not at all, and the one before it stands in for a damaged one."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from resnet.data import Data
from resnet.errors import UserError
from resnet.params import Settings, load
from resnet.params.bearing import configuration
from resnet.results import Identity
from resnet.runs.results import Folders
from resnet.runs.run import Run
from resnet.system import Machine
from resnet.training.checkpoint import (
    DamagedCheckpoint,
    Progress,
    checkpoint_every,
    iterations_saved,
    previous,
    read_checkpoint,
    resume,
)
from resnet.training.recipe import VERSION, optimiser
from resnet.training.trainer import build_net
from tests.conftest import CPU, same

Tiny = Callable[..., Settings]
ROOT = Path(__file__).parent.parent.parent
NEWEST, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"
UNFINISHED = sorted(ROOT.glob(f"unfinished/*/*/{NEWEST}"))


def started(settings: Settings, data: Data, folder: Path) -> Run:
    run = Run(settings, 0, data, Folders(folder, folder, folder), CPU)
    run.start()
    return run


def advance(run: Run, iterations: int) -> Run:
    for _ in range(iterations):
        run.advance(lambda progress, learning_rate: None)
    return run


def generations(folder: Path) -> list[int]:
    return [read_checkpoint(folder / name)[0].iteration for name in (PREVIOUS, NEWEST)]


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


def take_up(path: Path, run: Run) -> None:
    resume(path, run.trainer.net, run.trainer.sgd, run.progress, run.identity)


def flipped(content: bytes, at: int, bit: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


@pytest.mark.skipif(not UNFINISHED, reason="the runs have ended")
def test_a_checkpoint_of_an_earlier_commit_is_taken_up(tmp_path: Path) -> None:
    """Commit 4ab8930 wrote it, of a net as the plan still has it, after at least 19,660 iterations."""
    path = tmp_path / NEWEST
    shutil.copy(UNFINISHED[0], path)
    settings = load(ROOT / "params.yaml").settings(UNFINISHED[0].parts[-3])
    header, tensors = read_checkpoint(path)
    planned = configuration(settings.net, settings.depth, settings.model, settings.train, "fp32")
    net = build_net(settings, 10, 0, CPU.device)
    sgd, progress = optimiser(net, settings.train), Progress.start(settings.train.iterations, CPU.device)
    identity = Identity(configuration=planned, data=header.identity.data, version=VERSION)
    assert resume(path, net, sgd, progress, identity) is None
    done = progress.iteration
    assert 19_660 <= done == progress.segments[-1].last_iteration
    assert min(progress.evaluations) == 1000
    assert all(torch.equal(tensor, tensors[f"net.{name}"]) for name, tensor in net.state_dict().items())
    for name, parameter in net.named_parameters():
        assert torch.equal(sgd.state[parameter]["momentum_buffer"], tensors[f"momentum.{name}"])
    assert bool((progress.losses[:done] > 0).all())
    assert not progress.losses[done:].any()


def test_no_damage_is_taken_up_and_none_ends_in_a_traceback(
    saved: Run, tiny: Tiny, digits: Data, tmp_path: Path
) -> None:
    """The first byte of each tensor, scalars too, and random damages; a net that took nothing up stays as it was."""
    whole = (tmp_path / NEWEST).read_bytes()
    header_end = 8 + int.from_bytes(whole[:8], "little")
    places = json.loads(whole[8:header_end])
    del places["__metadata__"]
    assert {name.split(".")[0] for name in places} == {"net", "momentum", "losses", "wrong"}
    run = started(tiny(), digits, tmp_path / "fresh")
    untouched, damaged, rng = state(run), tmp_path / "damaged.safetensors", random.Random(0)
    kinds: list[Callable[[], bytes]] = [
        lambda: flipped(whole, rng.randrange(len(whole)), rng.randrange(8)),
        lambda: flipped(whole, rng.randrange(header_end), rng.randrange(8)),
        lambda: whole[: rng.randrange(rng.choice([header_end, len(whole)]))],
        lambda: rng.randbytes(rng.randrange(300)),
        lambda: (2 ** rng.randrange(64)).to_bytes(8, "little") + whole[8:],
        lambda: whole + rng.randbytes(1 + rng.randrange(100)),
        lambda: whole[:header_end] + bytes(len(whole) - header_end),
        lambda: rng.choice([b"", b"{}", b"\0" * 8, b"\xff" * 8, b"\x02" + b"\0" * 7 + b"{}"]),
    ]
    contents = [flipped(whole, header_end + place["data_offsets"][0], 0) for place in places.values()]
    contents += [content for number in range(120) if (content := kinds[number % len(kinds)]()) != whole]
    for content in contents:
        damaged.write_bytes(content)
        with pytest.raises(DamagedCheckpoint) as caught:
            take_up(damaged, run)
        assert re.fullmatch(r".*: not a checkpoint that a run can go on from \(.{,200}\): [^\n]*", str(caught.value))
        assert iterations_saved(damaged, run.identity) == 0
    save_file({"weights": torch.zeros(3)}, damaged)
    (tmp_path / "folder").mkdir()
    for other in (damaged, tmp_path / "folder"):
        with pytest.raises(DamagedCheckpoint):
            take_up(other, run)
    assert same(state(run), untouched)
    take_up(tmp_path / NEWEST, run)
    assert same(state(run), state(saved))


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_a_run_without_momentum_and_one_without_iterations_are_whole_too(
    momentum: float, tiny: Tiny, digits: Data, tmp_path: Path
) -> None:
    run = started(tiny(momentum=momentum), digits, tmp_path)
    for iterations in (0, 3):
        advance(run, iterations).save()
        assert same(state(started(tiny(momentum=momentum), digits, tmp_path)), state(run))


def test_the_checkpoint_before_stays_until_the_run_ends(
    saved: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert previous(tmp_path / NEWEST) == tmp_path / PREVIOUS
    assert generations(tmp_path) == [5, 10]
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr("resnet.training.checkpoint.save_file", Mock(side_effect=OSError(errno.ENOSPC, "No space")))
        saved.save()
    assert generations(tmp_path) == [5, 10]
    # A kill can leave one file under both names; the next save must still turn them.
    os.replace(tmp_path / NEWEST, tmp_path / PREVIOUS)
    os.link(tmp_path / PREVIOUS, tmp_path / NEWEST)
    advance(saved, 1).save()
    assert generations(tmp_path) == [10, 11]
    with monkeypatch.context() as patch:  # a file system without links
        patch.setattr(os, "link", Mock(side_effect=PermissionError()))
        saved.save()
    assert generations(tmp_path) == [11, 11]
    assert not list(tmp_path.glob(".*"))
    advance(saved, 1)
    saved.finish("done")
    left = ["history.csv", "metrics.json", "model.safetensors", "test_predictions.npy"]
    assert sorted(os.listdir(tmp_path)) == left


@pytest.mark.parametrize("gone", [False, True])
def test_a_damaged_checkpoint_costs_the_iterations_since_the_one_before(
    gone: bool, saved: Run, tiny: Tiny, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Run(tiny(), 0, digits, Folders(*[tmp_path / "whole"] * 3), CPU)
    whole.execute()
    newest = tmp_path / NEWEST
    content, before = newest.read_bytes(), (tmp_path / PREVIOUS).read_bytes()
    newest.write_bytes(flipped(content, len(content) - 1, 3))
    if gone:
        newest.unlink()
    (tmp_path / PREVIOUS).write_bytes(b"damaged too")
    with pytest.raises(UserError, match=r"^[^\n]*delete the checkpoints beside it to start over$"):
        started(tiny(), digits, tmp_path)
    assert iterations_saved(newest, saved.identity) == 0
    (tmp_path / PREVIOUS).write_bytes(before)
    capsys.readouterr()
    assert iterations_saved(newest, saved.identity) == 5
    again = advance(started(tiny(), digits, tmp_path), 1)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{newest}: damaged (")
    assert line.endswith("at iteration 5")
    again.save()
    assert generations(tmp_path) == [5, 6]  # the damaged one never becomes the one before
    record = Run(tiny(), 0, digits, saved.folders, CPU).execute()
    assert [segment.first_iteration for segment in record.segments] == [0, 5, 6]
    weights = [load_file(folder / "model.safetensors") for folder in (tmp_path, tmp_path / "whole")]
    assert same(*weights)


def test_other_arithmetic_is_said(
    saved: Run, tiny: Tiny, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    started(tiny(), digits, tmp_path)
    assert capsys.readouterr().err == ""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        started(tiny(), digits, tmp_path)
    finally:
        torch.set_num_threads(threads)
    (line,) = capsys.readouterr().err.splitlines()
    assert "at iteration 10 in other arithmetic" in line
