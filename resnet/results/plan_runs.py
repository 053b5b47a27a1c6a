"""Which runs of a plan count, and why the others do not.

A run counts if its files are whole and its identity is the plan's: the settings, the data and the version.
Everything else in the folder is one list with reasons. Nothing here raises for a damaged file.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from resnet.params.bearing import check_recorded, configuration, differences, effective
from resnet.params.plan import Params, Settings
from resnet.results.base import DamagedFile
from resnet.results.consistency import METRICS, RunFiles, duplicates, foreign_labels, read_run
from resnet.results.stored import PREDICTIONS, WEIGHTS
from resnet.results.training import TrainingRecord

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

    Args:
        params: the plan.
        runs_folder: with `train/<net>/seed-<k>`; it may be absent.
        version: of what an iteration computes today [every version counts].

    The plan names no fingerprint of its data: if its runs have several, those that most runs have are the plan's.
    """
    runs: dict[Key, RunFiles] = {}
    left_out: list[tuple[Path, str]] = []
    planned = {name: params.settings(name) for name in params.models}
    for name in _ordered(_folders(runs_folder / "train", left_out), list(planned)):
        if name not in planned:
            left_out.append((runs_folder / "train" / name, UNPLANNED[0]))
            continue
        settings = planned[name]
        seeds = {f"seed-{seed}": seed for seed in settings.train.seed_list}
        for folder in _ordered(_folders(runs_folder / "train" / name, left_out), list(seeds)):
            path = runs_folder / "train" / name / folder
            if folder in seeds:
                run = _read(path, settings, version, left_out)
                runs |= {(name, seeds[folder]): run} if run else {}
            elif folder.startswith("seed-"):
                left_out.append((path, UNPLANNED[1]))
    _drop_other_data(runs, left_out)
    _drop_foreign(runs, left_out)
    return PlanRuns(runs, list(dict.fromkeys(left_out)))


def off_plan(record: TrainingRecord, settings: Settings, version: int | None = None) -> str:
    """Say why a record is not of the plan's run of its net and seed; empty if it is.

    Args:
        record: of a run.
        settings: what the plan says of its net; precision `auto` takes any.
        version: of what an iteration computes today [every version].
    """
    if (record.name, record.net, record.depth) != (settings.name, settings.net, settings.depth):
        ours = f"{settings.name} is {settings.net}, depth {settings.depth}"
        return f"holds {record.name} ({record.net}, depth {record.depth}), but the parameters' {ours}"
    precision = settings.train.precision_beside(record.precision)
    planned = configuration(settings.net, settings.depth, settings.model, settings.train, precision)
    if record.identity.configuration != planned:
        theirs = effective(record.net, {part: record.settings[part] for part in ("model", "train")}, record.precision)
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

    Args:
        run: its files.
        weights: where its weights must be [they are not looked at: a clone has none].
    """
    for name in run.missing:
        return DamagedFile(run.folder / name, "missing")
    if run.damaged:
        return run.damaged[0]
    try:
        if weights is not None and WEIGHTS in run.record.files:
            run.record.files[WEIGHTS].check(weights)
    except DamagedFile as error:
        return error
    return None


def is_complete(run: RunFiles, weights: Path | None = None) -> bool:
    """Whether a run has ended and left all its files, its weights too if `weights` says where they must be."""
    return run.record.status in ENDED and first_damage(run, weights) is None


def _folders(folder: Path, left_out: list[tuple[Path, str]]) -> list[str]:
    """The names of the folders in a folder; hidden ones are not results."""
    for place in (*reversed(folder.parents[:2]), folder):
        if os.path.lexists(place) and not (place.is_dir() and os.access(place, os.R_OK | os.X_OK)):
            left_out.append((place, NO_FOLDER))
            return []
    try:
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        left_out.append((folder, f"{NO_FOLDER} ({error.strerror})"))
        return []
    return [name for name in names if name[0] != "."]


def _ordered(names: list[str], first: list[str]) -> list[str]:
    """Those of `first` that are there, in its order, and then the others."""
    return [name for name in first if name in names] + [name for name in names if name not in first]


def _read(folder: Path, settings: Settings, version: int | None, left_out: list[tuple[Path, str]]) -> RunFiles | None:
    metrics = folder / METRICS
    if not (folder.is_dir() and os.access(folder, os.X_OK)):
        left_out.append((folder, NO_FOLDER))
        return None
    if not os.path.lexists(metrics):
        return None  # a run before its first checkpoint
    try:
        run = read_run(folder)
        record = run.record
        check_recorded(record.net, record.depth, record.settings, record.precision, record.identity.configuration)
    except DamagedFile as error:
        left_out.append((error.path, error.problem))
        return None
    except ValueError as error:
        left_out.append((metrics, str(error)))
        return None
    if reason := off_plan(record, settings, version):
        left_out.append((metrics, reason))
        return None
    left_out += [(damage.path, damage.problem) for damage in run.damaged]
    return run


def _drop_other_data(runs: dict[Key, RunFiles], left_out: list[tuple[Path, str]]) -> None:
    counts = Counter(run.record.identity.data for run in runs.values())
    if len(counts) < 2:
        return
    most = counts.most_common(1)[0][0]  # of equals, the plan's first
    for key, run in list(runs.items()):
        if run.record.identity.data != most:
            left_out.append((run.folder / METRICS, f"trained on other data ({run.record.data.name}) than most runs"))
            del runs[key]


def _drop_foreign(runs: dict[Key, RunFiles], left_out: list[tuple[Path, str]]) -> None:
    """Leave out labels that no other run has, and runs that hold another's result."""
    keys = list(runs)
    for place in foreign_labels(list(runs.values())):
        run = runs[keys[place]]
        problem = "its labels are not those of the other runs on the same data"
        left_out.append((run.folder / PREDICTIONS, problem))
        runs[keys[place]] = run._replace(predictions=None)
    for place, problem in list(duplicates(list(runs.values()))):
        left_out.append((runs[keys[place]].folder / METRICS, problem))
        del runs[keys[place]]
