"""Training speed beside the usual PyTorch loop, both measured in turn in one run.

    python bench/usual_loop.py --depth 20 --format json

The usual loop: PIL transforms (crop, flip, to tensor, normalise), a DataLoader with two workers, fp32,
the same net, batch 128, SGD with momentum. Ours: what `resnet train` runs, with its precision for this
device. The rounds alternate, so that a change of the machine's mood meets both; the ratio is taken
within a round, and its median and range over the rounds are what counts. Images are noise of CIFAR-10's
shape: the speed does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from resnet.batches import Batches
from resnet.data import Images
from resnet.model import DepthNet
from resnet.params import load
from resnet.recipe import optimiser
from resnet.system import choose_device, choose_precision, describe_system, synchronise
from resnet.throughput import noise
from resnet.trainer import build_net, training_step

BATCH_SIZE = 128
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


def usual_loop(net: str, depth: int, device: torch.device) -> Callable[[], None]:
    """Build the usual loop; a call trains one step of it."""
    loader = DataLoader(
        PictureSet(noise(50_000).train),
        BATCH_SIZE,
        shuffle=True,
        num_workers=2,
        drop_last=True,
        persistent_workers=True,
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


def our_loop(net: str, depth: int, device: torch.device, precision: str) -> Callable[[], None]:
    """Build this project's loop; a call trains one step of it."""
    settings = load(None).settings_for(net, depth)
    batches = Batches(noise(50_000), seed=0, batch_size=BATCH_SIZE, device=device)
    model = build_net(settings, classes=10, seed=0, device=device).train()
    sgd = optimiser(model, settings.train)
    iteration = 0

    def step() -> None:
        nonlocal iteration
        training_step(model, sgd, *batches.batch(iteration), precision)
        iteration += 1

    return step


def images_per_second(step: Callable[[], None], steps: int, device: torch.device) -> float:
    """Warm up, then time `steps` steps."""
    for _ in range(WARMUP_STEPS):
        step()
    synchronise(device)
    began = time.perf_counter()
    for _ in range(steps):
        step()
    synchronise(device)
    return steps * BATCH_SIZE / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="resnet", choices=("resnet", "plain"))
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=15, help="steps of each loop in a round")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--format", default="table", choices=("table", "json"))
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    precision = choose_precision("auto", device)
    loops = {
        "usual": usual_loop(arguments.net, arguments.depth, device),
        "ours": our_loop(arguments.net, arguments.depth, device, precision),
    }
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(arguments.rounds):
        for name, step in loops.items():
            rates[name].append(images_per_second(step, arguments.steps, device))
    ratios = [ours / usual for ours, usual in zip(rates["ours"], rates["usual"], strict=True)]
    result = {
        "net": arguments.net,
        "depth": arguments.depth,
        "batch_size": BATCH_SIZE,
        "precision": {"usual": "fp32", "ours": precision},
        "images_per_second": {name: statistics.median(values) for name, values in rates.items()},
        "ratio": {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios), "rounds": ratios},
        "system": describe_system(device).model_dump(mode="json"),
    }
    if arguments.format == "json":
        print(json.dumps(result, indent=2))
        return
    for name, values in rates.items():
        print(f"{name:6} {statistics.median(values):10,.0f} images/s  ({min(values):,.0f} to {max(values):,.0f})")
    print(f"ratio  {statistics.median(ratios):10.2f}           ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
