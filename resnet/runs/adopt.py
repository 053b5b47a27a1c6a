"""A plan's `dvc.lock` brought to what is there: for results that were made elsewhere, or a plan that stopped half-way.

DVC records a stage when it has run it to its end. A net that was trained without DVC, or with two seeds of five, has
no entry, so that a fresh clone, which cannot train it, tries to. Here every stage gets one: the files that are
there as its results, and what is absent as absent, which `dvc repro --allow-missing` then leaves alone. The weights
of an unfinished net count as absent wherever they lie, so that a plain `dvc repro` goes on with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from resnet.errors import UserError
from resnet.params import Params, load
from resnet.records import TrainingRecord
from resnet.runs.identity import identity
from resnet.runs.seeds import seed_folders

STAGES = ("data", "forecast", "train", "throughput", "responses", "published", "latency")
"""Those that train, measure or fetch. The others take seconds and no data: `dvc repro --allow-missing` runs them."""


def finished_seeds(params: Params, name: str, runs: Path) -> int:
    """How many seeds of a net of the plan have run to their end.

    Args:
        params: the plan.
        name: the net, an entry of its `models`.
        runs: the folder of training results, with `name/seed-<k>/metrics.json`.

    Raises:
        UserError: a seed's results were made by other settings or another version than the plan's. Whether they were
            made from the plan's data is not looked at: the data may be absent.
    """
    settings = params.settings(name)
    finished = 0
    for seed in settings.train.seed_list:
        metrics_file = seed_folders(runs / name, None, None, seed).metrics_file
        if not metrics_file.exists():
            continue
        record = TrainingRecord.read(metrics_file)
        asked = settings.train.precision
        planned = identity(settings, record.data, record.precision if asked == "auto" else asked)
        if record.identity != planned:
            raise UserError(f"{metrics_file}: made by other settings or another version: not this plan's result")
        finished += record.status in ("done", "diverged")
    return finished


def adopt(pipeline: Path) -> dict[str, str]:
    """Record the stages of `pipeline`, a `dvc.yaml`, as their files are, in the `dvc.lock` beside it.

    A measurement's file is taken on trust: whoever adopts says that it was made as params.yaml says.

    Returns:
        Every stage that was recorded, and what is there of it: `complete`, `2 of 5 seeds`, or what it is without.

    Raises:
        UserError: there is no such plan, or a net's results are not the plan's; `dvc.lock` is then as it was.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.meta import Meta

    folder = pipeline.parent
    if not pipeline.exists():
        raise UserError(f"{pipeline}: there is no such file: give the dvc.yaml of a plan")
    params = load(folder / "params.yaml")
    counts = {name: finished_seeds(params, name, folder / "runs/train") for name in params.models}
    states: dict[str, str] = {}
    outs: dict[str, Any] = {}
    try:
        with Repo(Repo.find_root(str(folder))) as repo, repo.lock:
            stages = [stage for stage in repo.stage.collect(str(pipeline)) if stage.name.split("@")[0] in STAGES]
            for stage in stages:
                stage.save(allow_missing=True, run_cache=False)
                stage.commit(allow_missing=True)
                absent = [out.def_path for out in stage.outs if not out.exists]
                states[stage.name] = f"without {', '.join(absent)}" if absent else "complete"
                kind, _, name = stage.name.partition("@")
                if kind == "train" and (finished := counts[name]) < (
                    seeds := len(params.settings(name).train.seed_list)
                ):
                    states[stage.name] = f"{finished} of {seeds} seeds"
                    for out in stage.outs:
                        if out.use_cache:
                            out.hash_info, out.meta = HashInfo(), Meta()
                outs |= {out.fs_path: out for out in stage.outs}
            # What one stage makes and another reads is one file: the two entries say the same, where it is absent too.
            for dep in (dep for stage in stages for dep in stage.deps if dep.fs_path in outs):
                dep.hash_info, dep.meta = outs[dep.fs_path].hash_info, outs[dep.fs_path].meta
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
    except DvcException as error:
        raise UserError(f"{pipeline}: {error}") from error
    return states
