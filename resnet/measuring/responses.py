"""Figure 7: the standard deviation of every 3x3 layer's response in a trained net.

The paper's words: "the responses are the outputs of each 3x3 layer, after BN and before other nonlinearity
(ReLU/addition)". Forward hooks on the batch norms see exactly that.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from resnet.data import Data
from resnet.errors import UserError
from resnet.measuring.evaluate import evaluation_batch_size, load_net, normalisation
from resnet.nets import kernels
from resnet.params import Settings
from resnet.results import ResponsesRecord, SeedResponses, StoredFile
from resnet.results.consistency import recorded
from resnet.system import Machine
from resnet.training.batches import on_device

VERSION = 1
"""Of what is measured of given weights: raised with a change beyond rounding, it lets DVC measure anew."""


@torch.inference_mode()
def response_std(
    net: nn.Module, images: Tensor, single_view: Callable[[Tensor], Tensor], machine: Machine
) -> dict[str, float]:
    """The standard deviation of each layer's response over images, channels and positions.

    Args:
        net: its responses are those of evaluation mode; its own mode stays.
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
            count[name] = len(images) * output[0].numel()

        return hook

    handles = [
        module.register_forward_hook(listen(name))
        for name, module in net.named_modules()
        # Batch norms of projection shortcuts follow 1x1 convolutions.
        if isinstance(module, nn.BatchNorm2d) and "downsample" not in name
    ]
    net.eval()
    size = evaluation_batch_size(machine)
    try:
        with machine.arithmetic():
            for start in range(0, len(images), size):
                net(single_view(images[start : start + size]))
    finally:
        for handle in handles:
            handle.remove()
        net.train(training)
    stds = {}
    for name, sums in moments.items():
        mean, square = (sums / count[name]).tolist()
        variance = square - mean**2
        stds[name] = (0.0 if variance < 0 else variance) ** 0.5  # NaN, of a net that has diverged, stays NaN
    return stds


def _files(settings: Settings, weights: Path) -> dict[int, Path]:
    """Where the weights of each planned seed are, if they are there."""
    return {seed: weights / f"seed-{seed}" / "model.safetensors" for seed in settings.train.seed_list}


def has_weights(settings: Settings, weights: Path) -> bool:
    """Whether any planned seed of a net has weights in a folder."""
    return any(path.exists() for path in _files(settings, weights).values())


def measure_responses(
    settings: Settings, weights: Path, data: Data, images: int, machine: Machine, earlier: ResponsesRecord | None = None
) -> ResponsesRecord:
    """Measure the responses of every seed that has weights.

    Args:
        settings: the net; its seeds are looked for.
        weights: holds `seed-<k>/model.safetensors`.
        data: the data that it was trained on.
        images: how many training images, the first in canonical order, which is a random one; 0 for all.
        machine: where, and in which precision: fp32 for every number that is reported.
        earlier: what this measurement replaces; its seeds stay if their weights are the same, be these here or not.

    Raises:
        UserError: no seed has weights, or they are another net's.
    """
    if not has_weights(settings, weights):
        raise UserError(f"{weights}: holds no weights of {settings.name}: train it first")
    files = _files(settings, weights)
    shown = on_device(data.train[: images or None], machine.device).images
    record = ResponsesRecord(
        name=settings.name,
        net=settings.net,
        depth=settings.depth,
        data=data.record,
        images=len(shown),
        layers=(),
        seeds=(),
        settings=settings.model_dump(mode="json", include={"model"}),
        system=machine.describe(kernels.available),
        version=VERSION,
    )
    same = earlier if earlier is not None and earlier.measured == record.measured else record
    kept = {seed.seed: seed for seed in same.seeds if _same_weights(seed, files.get(seed.seed))}
    missing = {seed: path for seed, path in files.items() if seed not in kept and path.exists()}
    if not missing:
        return same.model_copy(update={"seeds": tuple(kept.values())})
    seeds = {seed: each.model_copy(update={"system": each.system or same.system}) for seed, each in kept.items()}
    single_view = normalisation(data, machine)
    layers: tuple[str, ...] = ()
    for seed, path in missing.items():
        net = load_net(settings, path, len(data.record.classes), machine, finite=False)
        stds = response_std(net, shown, single_view, machine)
        layers = tuple(stds)
        digest = StoredFile.describe(path).sha256
        seeds[seed] = SeedResponses(seed=seed, weights_sha256=digest, std=tuple(stds.values()))
    ordered = tuple(seeds[seed] for seed in files if seed in seeds)
    return record.model_copy(update={"layers": layers, "seeds": ordered})


def _same_weights(seed: SeedResponses, path: Path | None) -> bool:
    """Whether a seed was measured on the weights in a file or, if it is not here, on those that its run ended with."""
    if path is None:
        return False
    if path.exists():
        return StoredFile.describe(path).sha256 == seed.weights_sha256
    written = recorded(path)
    return written is not None and written.sha256 == seed.weights_sha256
