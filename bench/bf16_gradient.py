"""How far bf16 takes the gradient of a net at initialisation from fp32's, in its L2 norm.

python bench/bf16_gradient.py SOURCE [DEPTH...]
"""

import sys

import torch

from resnet.data import Data, read
from resnet.params import DataParams, TrainParams, load
from resnet.training.devices import choose_machine
from resnet.training.trainer import Trainer


def gradient(net: str, depth: int, data: Data, precision: str) -> torch.Tensor:
    """Of the first iteration of seed 0: a batch of 128 images, augmented."""
    settings = load(None).settings_for(net, depth).with_train(recompute=True)  # 1202 layers then fit any machine
    trainer = Trainer(settings, 0, data, choose_machine(TrainParams(), precision))
    trainer.advance()
    return torch.cat([p.grad.flatten() for p in trainer.net.parameters() if p.grad is not None])


data = read(sys.argv[1], DataParams(validation=0))
for depth in map(int, sys.argv[2:] or (20, 32, 44, 56, 110)):
    for net in ("resnet", "plain"):
        exact, rounded = (gradient(net, depth, data, precision) for precision in ("fp32", "bf16"))
        print(f"{net}-{depth}: {(rounded - exact).norm() / exact.norm():.0%}", flush=True)
