"""Figure 7: the standard deviation of every 3x3 layer's response in a trained net.

The paper's words: "the responses are the outputs of each 3x3 layer, after BN and before other nonlinearity
(ReLU/addition)". Forward hooks on the batch norms see exactly that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from resnet.data import Data
from resnet.errors import UserError
from resnet.measuring.evaluate import evaluation_batch_size
from resnet.nets import kernels
from resnet.nets.weights import check_record, load_weights
from resnet.params import Settings
from resnet.results import ResponsesRecord, SeedResponses, file_digest
from resnet.results.consistency import recorded
from resnet.system import Machine
from resnet.training.batches import normalise, on_device, pixel_mean
from resnet.training.trainer import build_net

VERSION = 1
"""Of what is measured of given weights. Whoever changes it beyond rounding raises it: DVC then measures anew."""


def _batch_norms(net: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """The batch norms of 3x3 layers; those of projection shortcuts follow 1x1 convolutions."""
    return {
        name: module
        for name, module in net.named_modules()
        if isinstance(module, nn.BatchNorm2d) and "downsample" not in name.split(".")
    }


@torch.inference_mode()
def response_std(
    net: nn.Module, images: Tensor, single_view: Callable[[Tensor], Tensor], machine: Machine
) -> dict[str, float]:
    """The standard deviation of each layer's response over images, channels and positions.

    Args:
        net: left in the mode that it was in; the responses are those of evaluation mode.
        images: uint8 (N, 32, 32, 3).
        single_view: prepares images for the net.
        machine: holds the net and the images; its precision is the forward pass's.

    Returns:
        Paths of the batch norms, in the order in which they run, to the standard deviation.
    """
    training = net.training
    moments: dict[str, Tensor] = {}
    count: dict[str, int] = {}

    def listen(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            # Means near 0 and standard deviations near 1: sums of squares in float64 lose nothing.
            response = (output if machine.cuda else output.cpu()).double()  # not every device has float64
            sums = torch.stack([response.sum(), response.square().sum()])
            moments[name] = moments[name] + sums if name in moments else sums
            count[name] = count.get(name, 0) + output.numel()

        return hook

    handles = [module.register_forward_hook(listen(name)) for name, module in _batch_norms(net).items()]
    net.eval()
    batch_size = evaluation_batch_size(machine)
    try:
        with machine.arithmetic():
            for start in range(0, len(images), batch_size):
                net(single_view(images[start : start + batch_size]))
    finally:
        for handle in handles:
            handle.remove()
        net.train(training)
    stds = {}
    for name, sums in moments.items():
        mean, square = (sums / count[name]).tolist()
        # NaN, of a net that has diverged, stays NaN.
        variance = square - mean**2
        stds[name] = (0.0 if variance < 0 else variance) ** 0.5
    return stds


def measure_responses(
    settings: Settings,
    weights: Path,
    data: Data,
    images: int,
    machine: Machine,
    earlier: ResponsesRecord | None = None,
) -> ResponsesRecord:
    """Measure the responses of every seed that has weights.

    Args:
        settings: the net; its seeds are looked for.
        weights: holds `seed-<k>/model.safetensors`.
        data: the data that it was trained on.
        images: how many training images, the first in canonical order, which is a random one; 0 for all.
        machine: where, and in which precision: fp32 for every number that is reported.
        earlier: what this measurement replaces; it gives the seeds whose weights are not here.

    Raises:
        UserError: no seed has weights, or they are another net's.
    """
    files = {seed: weights / f"seed-{seed}" / "model.safetensors" for seed in settings.train.seed_list}
    trained = {seed: path for seed, path in files.items() if path.exists()}
    if not trained:
        raise UserError(f"{weights}: holds no weights of {settings.name}: train it first")
    device = machine.device
    mean = pixel_mean(data.train.images).to(device)
    shown = on_device(data.train[: images or None], device).images
    single_view = partial(normalise, mean=mean)
    seeds, layers = [], tuple[str, ...]()
    for seed, path in trained.items():
        net = build_net(settings, len(data.record.classes), seed, device)
        check_record(path, net)
        load_weights(net, path)
        stds = response_std(net, shown, single_view, machine)
        layers = tuple(stds)
        seeds.append(SeedResponses(seed=seed, weights_sha256=file_digest(path), std=tuple(stds.values())))
    record = ResponsesRecord(
        name=settings.name,
        net=settings.net,
        depth=settings.depth,
        data=data.record,
        images=len(shown),
        layers=layers,
        seeds=tuple(seeds),
        settings=settings.model_dump(mode="json", include={"model"}),
        system=machine.describe(kernels.available),
        version=VERSION,
    )
    if earlier is None or earlier.measured != record.measured:
        return record
    kept = {seed.seed: seed for seed in _unchanged(earlier, files)} | {seed.seed: seed for seed in seeds}
    return record.model_copy(update={"seeds": tuple(kept[seed] for seed in files if seed in kept)})


def _unchanged(earlier: ResponsesRecord, files: dict[int, Path]) -> Iterator[SeedResponses]:
    """The seeds that were measured on the very weights that their runs ended with, be these here or not."""
    for seed in earlier.seeds:
        written = recorded(files[seed.seed]) if seed.seed in files else None
        if written is not None and written.sha256 == seed.weights_sha256:
            yield seed.model_copy(update={"system": seed.system or earlier.system})
