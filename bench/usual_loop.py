"""Training speed beside the usual PyTorch loop, both measured in turn in one run.

    python bench/usual_loop.py --depth 20 --format json
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
from resnet.depth import blocks_per_stage
from resnet.errors import UserError
from resnet.measuring.stopwatch import Step, time_in_turn, wall_clock
from resnet.measuring.throughput import noise
from resnet.nets import kernels
from resnet.nets.model import DepthNet
from resnet.params import TrainParams, load
from resnet.results import UsualLoopRecord
from resnet.system import Machine
from resnet.training.devices import choose_machine
from resnet.training.trainer import Trainer

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


def our_loop(net: str, depth: int, data: Data, batch_size: int, machine: Machine) -> Step:
    """Build this project's loop; a call trains one step of it."""
    settings = load(None, [f"train.batch_size={batch_size}"]).settings_for(net, depth)
    return Trainer(settings, 0, data, machine).advance


def compare(
    net: str,
    depth: int,
    machine: Machine,
    *,
    rounds: int = 5,
    steps: int = 15,
    batch_size: int = 128,
    images: int = 50_000,
) -> UsualLoopRecord:
    """Train with both loops in turn; a round is `steps` steps of each."""
    data = noise(images)
    loops = [
        usual_loop(net, depth, data, batch_size, machine.device),
        our_loop(net, depth, data, batch_size, machine),
    ]
    seconds = time_in_turn(loops, wall_clock(machine), [steps, steps], rounds, WARMUP_STEPS)
    usual, ours = (tuple(batch_size / step for step in loop) for loop in seconds)
    return UsualLoopRecord(
        net=net,
        depth=depth,
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
    parser.add_argument("--images", type=int, default=50_000, help="images of the set")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "tf32", "bf16"), help="of our loop")
    parser.add_argument("--format", default="table", choices=("table", "json"), help="json: the record")
    parser.add_argument("--out", type=Path, help="folder for DEVICE-NET-DEPTH.json, which the report reads")
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.steps, arguments.batch_size) < 1 or arguments.images < arguments.batch_size:
        parser.error("rounds, steps and batch size are 1 or more, and there are images for a batch")
    try:
        blocks_per_stage(arguments.depth)
        machine = choose_machine(TrainParams(device=arguments.device, precision=arguments.precision))
    except (ValueError, UserError) as error:
        parser.error(str(error))
    record = compare(
        arguments.net,
        arguments.depth,
        machine,
        rounds=arguments.rounds,
        steps=arguments.steps,
        batch_size=arguments.batch_size,
        images=arguments.images,
    )
    if arguments.out is not None:
        record.write(arguments.out / f"{machine.device.type}-{record.net}-{record.depth}.json")
    if arguments.format == "json":
        print(record.model_dump_json(indent=2))
        return
    for name, values in (("usual", record.usual_images_per_second), ("ours", record.images_per_second)):
        print(f"{name:6} {statistics.median(values):10,.0f} images/s  ({min(values):,.0f} to {max(values):,.0f})")
    ratios = record.ratios
    print(f"ratio  {statistics.median(ratios):10.2f}           ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
