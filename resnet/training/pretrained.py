"""Weights that are what they say: those of finished runs of a plan, and how their images are prepared."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from resnet.data import PIXEL_MEAN, PIXEL_MEAN_OF
from resnet.errors import UserError
from resnet.nets.model import DepthNet, describe_net
from resnet.nets.weights import check_record, load_weights, read_facts
from resnet.params import Settings, TrainParams, load
from resnet.results import WEIGHTS, DamagedFile, Facts, TrainingRecord
from resnet.results.consistency import METRICS, record_of
from resnet.results.plan_runs import off_plan
from resnet.training.batches import Preprocessing
from resnet.training.recipe import VERSION


class Finished(NamedTuple):
    """What a finished run of a plan has left."""

    weights: Path
    record: TrainingRecord


def finished_run(root: Path, settings: Settings, seed: int) -> Finished:
    """Find a plan's run with the weights that it ended with: where training puts them, or where Git has some.

    Raises:
        UserError: the run is another than the plan's, has not ended, or its weights are not there.
    """
    name = settings.name
    folder = root / "runs/train" / name / f"seed-{seed}"
    if not (folder / METRICS).exists():
        raise UserError("not run")
    record = TrainingRecord.read(folder / METRICS)
    if record.seed != seed:
        raise UserError(f"its record is of seed {record.seed}")
    if reason := off_plan(record, settings, VERSION):
        raise UserError(reason)
    if record.status != "done":
        raise UserError(f"{record.status} after {record.iteration:,} of {record.iterations:,} iterations")
    if not record.data.official:
        raise UserError(f"trained on {record.data.name}, which is not the official CIFAR-10")
    if WEIGHTS not in record.files:
        raise UserError("its record names no weights")
    problem = "its weights are missing"
    for path in (root / "weights" / name / folder.name / WEIGHTS, folder / WEIGHTS):
        try:
            record.files[WEIGHTS].check(path)
            return Finished(path, record)
        except DamagedFile as error:
            problem = str(error) if path.exists() else problem
    raise UserError(problem)


def pretrained(root: Path, net: DepthNet, seed: int | None = None) -> Finished:
    """Find weights of a net that the plan in `root` has trained as the paper does.

    Args:
        root: of the plan: it has `params.yaml`, `runs/train` and perhaps `weights`.
        net: whose weights are wanted.
        seed: of the run [the first that is finished].

    Raises:
        UserError: there are none; one line says why, and what brings them.
    """
    plan = load(root / "params.yaml")
    settings = next((each for each in map(plan.settings, plan.models) if _describes(each, net)), None)
    if settings is None:
        raise UserError(f"{root / 'params.yaml'} does not plan {net.description}: weights=FILE takes others")
    planned, papers = settings.train.iterations, TrainParams().iterations
    if planned < papers:
        raise UserError(
            f"{root / 'params.yaml'} plans {planned:,} of the paper's {papers:,} iterations: such weights are not "
            "pretrained, weights=FILE takes them"
        )
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


def _describes(settings: Settings, net: DepthNet) -> bool:
    model = settings.model
    described = describe_net(settings.net, settings.depth, model.shortcut, model.zero_padding)
    return described == net.description and model.width == 1


def facts_of(weights: Path) -> Facts | None:
    """What a user must know of weights, from their file or else from the record of their run; None if neither says.

    Raises:
        DamagedFile: what the file says is damaged.
    """
    facts = read_facts(weights)
    place = record_of(weights)
    if facts is not None or place is None:
        return facts
    try:
        record = TrainingRecord.read(place)
    except DamagedFile:
        return None  # not one of ours
    return Facts.of(record, np.load(PIXEL_MEAN) if record.identity.data == PIXEL_MEAN_OF else None)


def load_pretrained(net: DepthNet, weights: Path) -> None:
    """Load weights into a net, and give it what is known of them: `facts`, `classes` and `preprocess`, or None.

    Raises:
        UserError: the weights are another net's, or not those that their run ended with.
    """
    check_record(weights, net)
    load_weights(net, weights)
    net.facts = facts = facts_of(weights)
    net.classes = None if facts is None else facts.classes
    net.preprocess = None if facts is None or facts.mean is None else Preprocessing(torch.from_numpy(facts.mean))
