"""Training speed beside the usual PyTorch loop, both measured in turn in one run.

    python bench/usual_loop.py --depth 20 --out runs/usual-loop     # for the report

The usual loop: PIL transforms (crop, flip, to tensor, normalise), a DataLoader with two workers, fp32 with
PyTorch's defaults, the same net, batch 128, SGD with momentum. Ours: what `resnet train` runs, with its precision
for this device. The rounds alternate, so that a change of the machine's mood meets both; the ratio is taken
within a round, and its median and range over the rounds are what counts. Images are noise of CIFAR-10's
shape: the speed does not depend on them.

As on a processor that has AVX2 alone: `--precision fp32`, and in the environment RESNET_CXXFLAGS=-march=x86-64-v3,
ATEN_CPU_CAPABILITY=avx2 and ONEDNN_MAX_CPU_ISA=AVX2.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from pathlib import Path

from resnet import threads

threads.settle()

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from resnet.data import Data, Images
from resnet.errors import UserError
from resnet.measuring.stopwatch import Step, time_in_turn, wall_clock
from resnet.measuring.throughput import noise, training_stepper
from resnet.nets import kernels
from resnet.nets.model import DepthNet
from resnet.params import Settings, load
from resnet.results import UsualLoopRecord
from resnet.system import Machine
from resnet.training.devices import choose_machine

WARMUP_STEPS = 5
"""Steps before each timed stretch: more than the loader's workers have prefetched meanwhile."""


class PictureSet(Dataset[tuple[Tensor, int]]):
    """Images as torchvision's CIFAR10 gives them: a PIL image each, transformed one by one."""

    def __init__(self, images: Images) -> None:
        self.images = images.images.transpose(0, 2, 3, 1).copy()
        self.labels = images.labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def usual_loop(net: str, depth: int, data: Data, batch_size: int, device: torch.device) -> Step:
    """Build the usual loop; a call trains one step of it."""
    loader = DataLoader(
        PictureSet(data.train), batch_size, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True
    )

    def endless() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from loader

    batches = endless()
    model = DepthNet(net, depth).to(device).train()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def step() -> None:
        x, labels = next(batches)
        loss = F.cross_entropy(model(x.to(device)), labels.to(device))
        sgd.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        sgd.step()

    return step


def compare(settings: Settings, machine: Machine, rounds: int, steps: int, images: int) -> UsualLoopRecord:
    """Train with both loops in turn; a round is `steps` steps of each."""
    batch_size = settings.train.batch_size
    loops = [
        usual_loop(settings.net, settings.depth, noise(images), batch_size, machine.device),
        training_stepper(settings, machine, batch_size),
    ]
    seconds = time_in_turn(loops, wall_clock(machine), [steps, steps], rounds, WARMUP_STEPS)
    usual, ours = (tuple(batch_size / step for step in loop) for loop in seconds)
    return UsualLoopRecord(
        net=settings.net,
        depth=settings.depth,
        batch_size=batch_size,
        steps=steps,
        usual_precision="fp32",
        precision=machine.precision,
        usual_images_per_second=usual,
        images_per_second=ours,
        system=machine.describe(kernels.available),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="resnet", choices=("resnet", "plain"))
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=15, help="steps of each loop in a round")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--images", type=int, default=50_000, help="images of the usual loop's set")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "tf32", "bf16"), help="of our loop")
    parser.add_argument("--out", type=Path, help="folder for DEVICE-NET-DEPTH.json, which the report reads")
    arguments = parser.parse_args()
    try:
        settings = load(None, [f"train.batch_size={arguments.batch_size}"]).settings_for(arguments.net, arguments.depth)
        machine = choose_machine(settings.train, arguments.precision)
    except UserError as error:
        parser.error(str(error))
    record = compare(settings, machine, arguments.rounds, arguments.steps, arguments.images)
    if arguments.out is not None:
        record.write(arguments.out / f"{machine.device.type}-{record.net}-{record.depth}.json")
    for name, values in (("usual", record.usual_images_per_second), ("ours", record.images_per_second)):
        print(f"{name:6} {statistics.median(values):10,.0f} images/s  ({min(values):,.0f} to {max(values):,.0f})")
    ratios = record.ratios
    print(f"ratio  {statistics.median(ratios):10.2f}           ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
