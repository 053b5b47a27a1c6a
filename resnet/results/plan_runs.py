"""Which runs of a plan count, and why the others do not.

A run counts if its files are whole and its identity is the plan's: the settings, the data and the version.
Everything else in the folder is one list with reasons. Nothing here raises for a damaged file.
"""

from __future__ import annotations

import os
from collections import Counter
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

Key = tuple[str, int]
"""A net's name and a seed."""


class PlanRuns(NamedTuple):
    """What a folder of results holds of a plan."""

    runs: dict[Key, RunFiles]
    """The runs that count, complete or in progress, in the plan's order."""
    not_counted: list[tuple[Path, str]]
    """Everything else, each with the reason: whole runs, and single files of runs that count without them."""

    def usable(self) -> PlanRuns:
        """Those in progress, and of those that have ended the ones whose weights too are what the run left.

        This reads the weights, as far as they are there.
        """
        damaged = {key: x for key, run in self.runs.items() if run.record.status in ENDED and (x := first_damage(run))}
        reasons = [(damage.path, damage.problem) for damage in damaged.values()]
        not_counted = self.not_counted + [each for each in reasons if each not in self.not_counted]
        return PlanRuns({key: run for key, run in self.runs.items() if key not in damaged}, not_counted)


def read_plan_runs(params: Params, runs_folder: Path, version: int | None = None) -> PlanRuns:
    """Read every training run below `runs_folder` and decide which of them count.

    The folder, with `train/<net>/seed-<k>`, may be absent. The plan names no fingerprint of its data: if its runs have
    several, those that most runs have are the plan's. `version` is that of what an iteration computes today [every
    version counts].
    """
    runs: dict[Key, RunFiles] = {}
    left_out: list[tuple[Path, str]] = []
    for place in (runs_folder, runs_folder / "train"):
        if os.path.lexists(place) and not os.access(f"{place}/.", os.R_OK | os.X_OK):
            left_out.append((place, "not a folder that can be read"))
    for name in params.models:
        settings, folder = params.settings(name), runs_folder / "train" / name
        planned = {folder / f"seed-{seed}": seed for seed in settings.train.seed_list}
        for place, seed in planned.items():
            if not os.path.lexists(place / METRICS):
                continue  # a run before its first checkpoint
            try:
                run = read_run(place)
            except DamagedFile as error:
                left_out.append((error.path, error.problem))
                continue
            if reason := off_plan(run.record, settings, version):
                left_out.append((place / METRICS, reason))
                continue
            runs[name, seed] = run
            left_out += [(damage.path, damage.problem) for damage in run.damaged]
        left_out += [(place, UNPLANNED[1]) for place in sorted(folder.glob("seed-*")) if place not in planned]
    nets = sorted((runs_folder / "train").glob("[!.]*"))
    left_out += [(folder, UNPLANNED[0]) for folder in nets if folder.name not in params.models]
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
    if run.damaged:
        return run.damaged[0]
    place, written = weights or weights_of(run.folder), run.record.files.get(WEIGHTS)
    try:
        if place is not None and written is not None:
            written.check(place)
    except DamagedFile as error:
        return error
    return None if place is None or place.exists() else DamagedFile(place, "missing")


def _drop_other_data(runs: dict[Key, RunFiles], left_out: list[tuple[Path, str]]) -> None:
    counts = Counter(run.record.identity.data for run in runs.values())
    most = counts.most_common(1)[0][0] if counts else ""  # of equals, the plan's first
    for key, run in list(runs.items()):
        if run.record.identity.data != most:
            left_out.append((run.folder / METRICS, f"trained on other data ({run.record.data.name}) than most runs"))
            del runs[key]
