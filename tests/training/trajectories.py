"""Short trajectories of training, kept so that code which changes what an iteration computes is noticed.

`python -m tests.training.trajectories` writes `trajectories.json`. Whoever has to do so to pass the tests has
changed what an iteration computes, and raises `resnet.training.recipe.VERSION` with it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch

from resnet.data import Data, read
from resnet.nets import kernels
from resnet.params import DataParams, load
from resnet.system import Machine
from resnet.training.recipe import VERSION
from resnet.training.trainer import Trainer

FILE = Path(__file__).with_name("trajectories.json")

ITERATIONS = 8
"""Both milestones lie within: 4 and 6."""

CASES: dict[str, tuple[str, int, str, dict[str, object]]] = {
    "resnet-20": ("resnet", 20, "fp32", {}),
    "plain-8": ("plain", 8, "fp32", {}),
    "resnet-14, option B, warm-up": (
        "resnet",
        14,
        "fp32",
        {
            "model.shortcut": "B",
            "train.warmup": True,
            "train.warmup_learning_rate": 0.002,
            "train.warmup_window": 2,
            "train.warmup_until_error": 89,
        },
    ),
    "resnet-8, option C": ("resnet", 8, "fp32", {"model.shortcut": "C"}),
    "resnet-8, zeros at the end, batch norm not decayed": (
        "resnet",
        8,
        "fp32",
        {"model.zero_padding": "end", "train.decay_batch_norm": False, "train.weight_decay": 0.01},
    ),
    "resnet-8, bf16": ("resnet", 8, "bf16", {}),
}
"""Net, depth, precision and settings of their own. bf16 holds the arithmetic that is chosen for it."""


@cache
def digits() -> Data:
    return read("digits", DataParams(validation=200))


def trajectory(case: str, data: Data) -> dict[str, Any]:
    """Train a few iterations with plain operations and one thread.

    Returns:
        The loss and the images misclassified of every iteration, the type of the logits, and the Euclidean
        norms at the end of the weights and of batch norm's statistics.
    """
    net, depth, precision, own = CASES[case]
    assignments = {"train.iterations": ITERATIONS, "train.batch_size": 32, "train.learning_rate": 0.01} | own
    settings = load(None, [f"{key}={json.dumps(value)}" for key, value in assignments.items()]).settings_for(net, depth)
    threads, compiled = torch.get_num_threads(), kernels.available
    torch.set_num_threads(1)
    kernels.available = lambda: False  # type: ignore[assignment]
    try:
        trainer = Trainer(settings, 0, data, Machine(torch.device("cpu"), precision))
        types: list[str] = []
        trainer.net.fc.register_forward_hook(lambda module, inputs, output: types.append(str(output.dtype)))
        for _ in range(ITERATIONS):
            trainer.advance()
    finally:
        kernels.available = compiled
        torch.set_num_threads(threads)

    def norm(tensors: list[torch.Tensor]) -> float:
        return float(torch.cat([tensor.detach().double().flatten() for tensor in tensors]).norm())

    return {
        "losses": [float(loss) for loss in trainer.progress.losses],
        "wrong": [int(wrong) for wrong in trainer.progress.wrong],
        "logits": types[-1],
        "weights": norm(list(trainer.net.parameters())),
        "statistics": norm([buffer for name, buffer in trainer.net.named_buffers() if "running" in name]),
    }


if __name__ == "__main__":
    data = digits()
    content = {"version": VERSION, "trajectories": {case: trajectory(case, data) for case in CASES}}
    FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
