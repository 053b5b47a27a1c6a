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
from resnet.results import TrainingRecord
from resnet.runs.folders import seed_folders
from resnet.runs.identity import difference, identity

STAGES = ("data", "forecast", "train", "throughput", "responses", "published", "latency")
"""Those that train, measure or fetch. The others take seconds and no data: `dvc repro --allow-missing` runs them."""


def unfinished(params: Params, runs: Path) -> dict[str, str]:
    """The plan's nets with seeds that have not run to their end, and how far each is: `2 of 5 seeds`.

    Args:
        params: the plan.
        runs: the folder of training results, with `<net>/seed-<k>/metrics.json`.

    Raises:
        UserError: a seed's results were made by other settings or another version than the plan's. Whether they were
            made from the plan's data is not looked at: the data may be absent.
    """
    nets = {}
    for settings in map(params.settings, params.models):
        ended = 0
        for seed in settings.train.seed_list:
            path = seed_folders(runs / settings.name, seed).metrics_file
            if not path.exists():
                continue
            record = TrainingRecord.read(path)
            precision = settings.train.precision_beside(record.precision)
            planned = identity(settings, record.data, precision)
            if record.identity != planned:
                differs = difference(record, settings, planned, precision)
                raise UserError(
                    f"{path}: made by other settings or another version ({differs}): not a result of this plan"
                )
            ended += record.status in ("done", "diverged")
        if ended < len(settings.train.seed_list):
            nets[settings.name] = f"{ended} of {len(settings.train.seed_list)} seeds"
    return nets


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
    going = {f"train@{net}": state for net, state in unfinished(params, folder / "runs/train").items()}
    states: dict[str, str] = {}
    outs: dict[str, Any] = {}
    try:
        with Repo(Repo.find_root(str(folder))) as repo, repo.lock:
            stages = [stage for stage in repo.stage.collect(str(pipeline)) if stage.name.split("@")[0] in STAGES]
            for stage in stages:
                stage.save(allow_missing=True, run_cache=False)
                stage.commit(allow_missing=True)
                if stage.name in going:
                    for out in stage.outs:
                        if out.use_cache:
                            out.hash_info, out.meta = HashInfo(), Meta()
                missing = ", ".join(out.def_path for out in stage.outs if not out.exists)
                states[stage.name] = going.get(stage.name, f"without {missing}" if missing else "complete")
                outs |= {out.fs_path: out for out in stage.outs}
            # What one stage makes and another reads is one file: the two entries say the same, where it is absent too.
            for dep in (dep for stage in stages for dep in stage.deps if dep.fs_path in outs):
                dep.hash_info, dep.meta = outs[dep.fs_path].hash_info, outs[dep.fs_path].meta
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
    except DvcException as error:
        raise UserError(f"{pipeline}: {error}") from error
    return states
