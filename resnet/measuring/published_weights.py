"""Others' weights: their test error, and how strongly their layers respond."""

from __future__ import annotations

from collections.abc import Callable

from resnet.data import Data
from resnet.errors import UserError
from resnet.files import expanded
from resnet.measuring.evaluate import evaluate_weights, load_net, normalisation
from resnet.measuring.responses import response_std
from resnet.nets import kernels
from resnet.nets.model import count_parameters
from resnet.params import Params, PublishedWeights
from resnet.results import DamagedFile, PublishedRecord, PublishedRecords, PublishedResponses, StoredFile
from resnet.system import Machine
from resnet.training.batches import on_device
from resnet.training.devices import choose_machine


def _digest(entry: PublishedWeights) -> str:
    """SHA-256 (hex) of the file of weights.

    Raises:
        UserError: there is no such file, or it is another one than the parameters'.
    """
    try:
        digest = StoredFile.describe(expanded(entry.weights)).sha256
    except DamagedFile as error:
        from_where = f"; it is to be had from {entry.source}" if entry.source else ""
        raise UserError(f"{error}{from_where}") from error
    if entry.sha256 not in (None, digest):
        raise UserError(
            f"{entry.weights}: its SHA-256 is {digest}, not that of the parameters' {entry.name}, {entry.sha256}"
        )
    return digest


def _evaluate(params: Params, entry: PublishedWeights, digest: str, data: Data, machine: Machine) -> PublishedRecord:
    # Others' nets are the paper's: a width or a shortcut of the plan is none of theirs.
    settings = params.settings_for(entry.net, entry.depth, entry.name)
    theirs = {"shortcut": entry.shortcut, "zero_padding": entry.zero_padding, "width": 1}
    settings = settings.model_copy(update={"model": settings.model.model_copy(update=theirs)})
    evaluation = evaluate_weights(settings, entry.weights, data, machine, entry.mean, entry.std)
    net = load_net(settings, entry.weights, len(data.record.classes), machine)
    images = on_device(data.train[: params.responses.images or None], machine.device).images
    stds = response_std(net, images, normalisation(data, machine, entry.mean, entry.std), machine)
    return PublishedRecord(
        **evaluation.model_dump(exclude={"kind"}),
        name=entry.name,
        source=entry.source,
        parameters=count_parameters(net),
        weights_sha256=digest,
        trained=entry.trained,
        responses=PublishedResponses(images=len(images), layers=tuple(stds), std=tuple(stds.values())),
    )


def evaluate_published(params: Params, load_data: Callable[[], Data]) -> PublishedRecords:
    """Evaluate the weights of `evaluate.published`; the data are loaded after all files are known to be right.

    Raises:
        UserError: a file is absent or another one than the parameters', or as `evaluate_weights`.
    """
    entries = params.evaluate.published
    digests = [_digest(entry) for entry in entries]  # a wrong file is told before anything is measured
    data, machine = load_data(), choose_machine(params.train, "fp32")
    evaluations = [_evaluate(params, *each, data, machine) for each in zip(entries, digests, strict=True)]
    return PublishedRecords(evaluations=tuple(evaluations), system=machine.describe(kernels.available))
