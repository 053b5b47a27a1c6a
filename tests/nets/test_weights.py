"""Weights under every common wrapping are read, and what is none is called what it is."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from resnet.errors import LINE, UserError
from resnet.nets.model import resnet
from resnet.nets.weights import load_weights

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    return dict(resnet(8).state_dict())


def averaged(state: State) -> Any:
    net = resnet(8)
    net.load_state_dict(state)
    return AveragedModel(net).state_dict()


def prefixed(state: State, prefix: str) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


WRAPPINGS: dict[str, Callable[[State], Any]] = {
    "compiled": lambda state: prefixed(state, "_orig_mod."),
    "compiled and parallel": lambda state: prefixed(state, "module._orig_mod."),
    "a part compiled": lambda state: {
        name.replace("layer1.", "layer1._orig_mod.").replace("layer2.0.", "layer2.0.module."): tensor
        for name, tensor in state.items()
    },
    "Lightning": lambda state: {
        "epoch": 3,
        "state_dict": prefixed(state, "model.") | {"criterion.weight": torch.ones(10)},
        "optimizer": {"state": {0: {"momentum_buffer": torch.ones(2)}}},
        "hyper_parameters": {"lr": 0.1},
    },
    "backbone": lambda state: {"model": prefixed(state, "backbone.")},
    "an unheard-of name": lambda state: {"checkpoint": {"student": prefixed(state, "encoder.body.")}},
    "averaged": averaged,
    "ema beside the model": lambda state: {"ema": {n: t + 1 for n, t in state.items()}, "model": state},
    "nested four deep": lambda state: {"a": {"b": {"c": {"state_dict": state}}}},
}


@pytest.mark.parametrize("kind", WRAPPINGS)
def test_wrapped_weights_are_read(kind: str, state: State, tmp_path: Path) -> None:
    torch.save(WRAPPINGS[kind](state), tmp_path / "w.pt")
    net = resnet(8)
    load_weights(net, tmp_path / "w.pt", finite=True)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())


def test_of_several_nets_the_one_that_is_read_is_named(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"model_ema": state, "model": state}, tmp_path / "w.pt")
    load_weights(resnet(8), tmp_path / "w.pt")
    assert capsys.readouterr().err.endswith("holds several nets: model is read, model_ema not\n")


@pytest.mark.parametrize("name", ["w.pth", "w.bin", "w", "w.txt", "w.safetensors"])
def test_the_content_says_which_form_it_is(name: str, state: State, tmp_path: Path) -> None:
    save_file(state, tmp_path / name)
    load_weights(resnet(8), tmp_path / name)
    torch.save(state, tmp_path / name)
    load_weights(resnet(8), tmp_path / name)


def _bytes(content: bytes) -> Callable[[Path, State], object]:
    return lambda path, state: path.write_bytes(content)


def _changed(**tensors: Tensor) -> Callable[[Path, State], object]:
    names = {"first": "conv1.weight", "mean": "bn1.running_mean", "variance": "bn1.running_var"}
    return lambda path, state: torch.save(state | {names[key]: tensor for key, tensor in tensors.items()}, path)


BAD: dict[str, tuple[Callable[[Path, State], object], str]] = {
    "a web page": (_bytes(b"\n<!DOCTYPE html><html><head>"), "a web page"),
    "404": (_bytes(b"404: Not Found"), "text, not weights: '404: Not Found'"),
    "a pointer": (_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n"), "git lfs pull"),
    "empty": (_bytes(b""), "an empty file"),
    "blank": (_bytes(b" \n"), "an empty file"),
    "HDF5": (_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)), "HDF5"),
    "compressed": (lambda path, state: path.write_bytes(gzip.compress(save(state))), "unpack it first"),
    "a folder": (lambda path, state: path.mkdir(), "a folder"),
    "half of one": (lambda path, state: path.write_bytes(save(state)[:20_000]), "not a file of weights"),
    "a lying header": (_bytes(struct.pack("<Q", 2**60) + b"{}"), "weights"),
    "noise": (_bytes(bytes(range(256)) * 8), "weights"),
    "no net": (
        lambda path, state: torch.save({"epoch": 1, "losses": torch.ones(3)}, path),
        "what it holds: epoch, losses",
    ),
    "a whole module": (lambda path, state: torch.save(nn.Linear(2, 2), path), "would run its code"),
    "NaN": (_changed(first=torch.full((16, 3, 3, 3), torch.nan)), r"conv1\.weight holds NaN"),
    "infinity in a statistic": (_changed(mean=torch.full((16,), torch.inf)), r"bn1\.running_mean holds NaN"),
    "whole numbers": (_changed(first=torch.ones((16, 3, 3, 3), dtype=torch.int8)), "not of floating point"),
    "complex numbers": (_changed(first=torch.ones((16, 3, 3, 3), dtype=torch.complex64)), "not of floating point"),
    "sparse": (_changed(mean=torch.ones(16).to_sparse()), "is sparse"),
    "a meta tensor": (_changed(mean=torch.ones(16, device="meta")), "a meta tensor"),
    "a negative variance": (_changed(variance=torch.full((16,), -1.0)), "negative variances"),
    "a pipe": (lambda path, state: os.mkfifo(path), "not a file"),
    "a shape beyond memory": (_changed(first=torch.ones(1).expand(2**40)), "another net"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_weights_is_called_what_it_is(kind: str, state: State, tmp_path: Path) -> None:
    make, says = BAD[kind]
    path = tmp_path / "w.pth"
    make(path, state)
    with pytest.raises(UserError, match=says) as caught:
        load_weights(resnet(8), path, finite=True)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < LINE + len(str(path))
