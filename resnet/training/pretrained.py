"""Weights of finished runs of a plan, and how their images are prepared."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import torch

from resnet.data import PIXEL_MEAN, PIXEL_MEAN_OF
from resnet.errors import UserError
from resnet.nets.model import DepthNet, describe_net
from resnet.nets.weights import check_record, load_weights, read_facts
from resnet.params import Settings, TrainParams, load
from resnet.results import WEIGHTS, DamagedFile, Facts, TrainingRecord
from resnet.results.consistency import METRICS, read_run, record_of, weights_of
from resnet.results.plan_runs import off_plan
from resnet.training.batches import preprocess
from resnet.training.recipe import VERSION


def finished_run(root: Path, settings: Settings, seed: int) -> Path:
    """Find the weights that a plan's run ended with: where training puts them, or where Git has some.

    Raises:
        UserError: the run is another than the plan's, has not ended, or its weights are not there.
    """
    folder = root / "runs/train" / settings.name / f"seed-{seed}"
    if not (folder / METRICS).exists():
        raise UserError("not run")
    record = read_run(folder).record
    if reason := off_plan(record, settings, VERSION):
        raise UserError(reason)
    if record.status != "done":
        raise UserError(f"{record.status} after {record.iteration:,} of {record.iterations:,} iterations")
    if not record.data.official:
        raise UserError(f"trained on {record.data.name}, which is not the official CIFAR-10")
    if WEIGHTS not in record.files:
        raise UserError("its record names no weights")
    weights = weights_of(folder) or folder / WEIGHTS
    record.files[WEIGHTS].check(weights)
    return weights


def pretrained(root: Path, net: DepthNet, seed: int | None = None) -> Path:
    """Find weights of a net that the plan in `root` has trained as the paper does: this seed's, or the first's.

    Raises:
        UserError: there are none; one line says why, and what brings them.
    """
    file = root / "params.yaml"
    plan = load(file)
    for settings in map(plan.settings, plan.models):
        model = settings.model
        description = describe_net(settings.net, settings.depth, model.shortcut, model.zero_padding)
        if description == net.description and model.width == 1:
            break
    else:
        raise UserError(f"{file} does not plan {net.description}: weights=FILE takes others")
    planned, papers = settings.train.iterations, TrainParams().iterations
    if planned < papers:
        what = f"{file} plans {planned:,} of the paper's {papers:,} iterations"
        raise UserError(f"{what}: such weights are not pretrained, weights=FILE takes them")
    reasons = []
    for one in settings.train.seed_list if seed is None else [seed]:
        try:
            return finished_run(root, settings, one)
        except UserError as error:
            reasons.append(f"seed {one}: {error}")
    raise UserError(
        f"no weights of a finished run of {settings.name} in this checkout ({'; '.join(reasons)}): `dvc pull` or "
        f"`dvc repro train@{settings.name}` brings them, weights=FILE takes others"
    )


def load_pretrained(net: DepthNet, weights: Path) -> None:
    """Load weights into a net, and give it what their file or record says: `facts`, `classes`, `preprocess`, or None.

    Raises:
        UserError: the weights are another net's, or not those that their run ended with, or their facts are damaged.
    """
    check_record(weights, net)
    load_weights(net, weights)
    facts, place = read_facts(weights), record_of(weights)
    if facts is None and place is not None:
        with suppress(DamagedFile):  # not one of ours
            record = TrainingRecord.read(place)
            facts = Facts.of(record, np.load(PIXEL_MEAN) if record.identity.data == PIXEL_MEAN_OF else None)
    mean = None if facts is None else facts.mean
    net.facts, net.classes = facts, None if facts is None else facts.classes
    net.preprocess = None if mean is None else partial(preprocess, mean=torch.from_numpy(mean))
