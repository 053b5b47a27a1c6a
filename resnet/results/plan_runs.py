"""Which runs of a plan count, and why the others do not.

A run counts if its files are whole and its identity is the plan's: the settings, the data and the version.
Everything else in the folder is one list with reasons. Nothing here raises for a damaged file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from resnet.params.bearing import configuration, differences, effective
from resnet.params.plan import Params, Settings
from resnet.results.base import DamagedFile
from resnet.results.consistency import METRICS, RunFiles, read_run, weights_of
from resnet.results.training import WEIGHTS, TrainingRecord

ENDED = ("done", "diverged")
UNPLANNED = ("no net of the plan", "no seed of the plan")
"""Reasons of runs that are not looked at."""
NO_FOLDER = "not a folder that can be read"

Key = tuple[str, int]
"""A net's name and a seed."""


class PlanRuns(NamedTuple):
    """What a folder of results holds of a plan."""

    runs: dict[Key, RunFiles]
    """The runs that count, complete or in progress, in the plan's order."""
    not_counted: list[tuple[Path, str]]
    """Everything else, each with the reason: whole runs, and single files of runs that count without them."""


def read_plan_runs(params: Params, runs_folder: Path, version: int | None = None) -> PlanRuns:
    """Read every training run below `runs_folder` and decide which of them count.

    The folder, with `train/<net>/seed-<k>`, may be absent. The plan names no fingerprint of its data: if its runs have
    several, those that most runs have are the plan's. `version` is that of what an iteration computes today [every
    version counts].
    """
    runs: dict[Key, RunFiles] = {}
    left_out: list[tuple[Path, str]] = []
    for folder in _folders(runs_folder / "train", params.models, left_out):
        if folder.name not in params.models:
            left_out.append((folder, UNPLANNED[0]))
            continue
        settings = params.settings(folder.name)
        seeds = {f"seed-{seed}": seed for seed in settings.train.seed_list}
        for place in _folders(folder, seeds, left_out):
            if place.name in seeds:
                run = _read(place, settings, version, left_out)
                runs |= {(folder.name, seeds[place.name]): run} if run else {}
            elif place.name.startswith("seed-"):
                left_out.append((place, UNPLANNED[1]))
    _drop_other_data(runs, left_out)
    return PlanRuns(runs, left_out)


def off_plan(record: TrainingRecord, settings: Settings, version: int | None = None) -> str:
    """Say why a record is not of the plan's run of its net and seed; empty if it is.

    The plan's precision `auto` takes any; `version` is that of what an iteration computes today [every version].
    """
    if (record.name, record.net, record.depth) != (settings.name, settings.net, settings.depth):
        ours = f"{settings.name} is {settings.net}, depth {settings.depth}"
        return f"holds {record.name} ({record.net}, depth {record.depth}), but the parameters' {ours}"
    precision = settings.train.precision_beside(record.precision)
    planned = configuration(settings.net, settings.depth, settings.model, settings.train, precision)
    if record.identity.configuration != planned:
        theirs = effective(record.net, record.settings, record.precision)
        plan = settings.model_dump(mode="json", include={"model", "train"})
        differing = differences(theirs, effective(settings.net, plan, precision)) or "their digest is another"
        return f"made by other settings than the plan's: {differing}"
    split, wanted = (record.data.validation_images, record.data.split_seed), settings.data
    if split != (wanted.validation, wanted.split_seed) and (split[0] or wanted.validation):
        ours = f"{wanted.validation:,} by {wanted.split_seed}"
        return f"{split[0]:,} validation images by split seed {split[1]}, and the plan has {ours}"
    if version not in (None, record.identity.version):
        return f"made by version {record.identity.version} of what an iteration computes, which is {version} today"
    return ""


def first_damage(run: RunFiles, weights: Path | None = None) -> DamagedFile | None:
    """What is wrong with the first file of a run that has ended; None if all are there and are what it left.

    Its weights may be absent, as in a clone, unless `weights` says where they must be.
    """
    for name in run.missing:
        return DamagedFile(run.folder / name, "missing")
    if run.damaged:
        return run.damaged[0]
    place = weights or weights_of(run.folder)
    if place is None:
        return None
    try:
        if WEIGHTS in run.record.files:
            run.record.files[WEIGHTS].check(place)
        elif not place.exists():
            return DamagedFile(place, "missing")
    except DamagedFile as error:
        return error
    return None


def _folders(folder: Path, first: Iterable[str], left_out: list[tuple[Path, str]]) -> list[Path]:
    """What is in a folder, without hidden names: those of `first` in its order, then the others."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.name[0] != ".")
    except FileNotFoundError:
        return []
    except OSError:
        left_out.append((folder, NO_FOLDER))
        return []
    return [folder / name for name in dict.fromkeys([*first, *names]) if name in names]


def _read(folder: Path, settings: Settings, version: int | None, left_out: list[tuple[Path, str]]) -> RunFiles | None:
    if not folder.is_dir():
        left_out.append((folder, NO_FOLDER))
        return None
    if not os.path.lexists(folder / METRICS):
        return None  # a run before its first checkpoint
    try:
        run = read_run(folder)
    except DamagedFile as error:
        left_out.append((error.path, error.problem))
        return None
    if reason := off_plan(run.record, settings, version):
        left_out.append((folder / METRICS, reason))
        return None
    left_out += [(damage.path, damage.problem) for damage in run.damaged]
    return run


def _drop_other_data(runs: dict[Key, RunFiles], left_out: list[tuple[Path, str]]) -> None:
    counts = Counter(run.record.identity.data for run in runs.values())
    most = counts.most_common(1)[0][0] if counts else ""  # of equals, the plan's first
    for key, run in list(runs.items()):
        if run.record.identity.data != most:
            left_out.append((run.folder / METRICS, f"trained on other data ({run.record.data.name}) than most runs"))
            del runs[key]
