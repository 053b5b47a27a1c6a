"""A plan's `dvc.lock` brought to what is there: for results that were made elsewhere, or a plan that stopped half-way.

DVC records a stage when it has run it to its end. A net that was trained without DVC, or with two seeds of five, has
no entry, so that a fresh clone, which cannot train it, tries to. Here every stage gets one: what is there as it is, and
what is absent as absent, which `dvc repro --allow-missing` then leaves alone. Only DVC's cache does not get the weights
of an unfinished net: a plain `dvc repro` goes on with it, because they are "not in cache".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from resnet.errors import UserError, one_line
from resnet.params import load
from resnet.runs.check import Check, check_plan
from resnet.runs.status import plan_status

STAGES = ("data", "forecast", "train", "throughput", "responses", "published", "latency")
"""Those that train, measure or fetch. The others take seconds and no data: `dvc repro --allow-missing` runs them."""


def adopt(pipeline: Path) -> dict[str, str]:
    """Record the stages of `pipeline`, a `dvc.yaml`, as their files are, in the `dvc.lock` in its folder.

    That a measurement was made as params.yaml says is taken on trust.

    Returns:
        Every stage that was recorded, and what is there of it: `complete`, `2 of 5 seeds`, or what it is without.

    Raises:
        UserError: there is no such plan, or `resnet check` finds a problem; `dvc.lock` is then as it was.
    """
    folder = pipeline.parent
    if not pipeline.exists():
        raise UserError(f"{pipeline}: there is no such file: give the dvc.yaml of a plan")
    params = load(folder / "params.yaml")
    check_plan(folder, found := Check())
    if found.problems:
        raise UserError(f"{found.lines[0]}: nothing is recorded; `resnet check` lists all problems")
    nets = plan_status(params, folder / "runs").nets
    going = {f"train@{net.name}": f"{net.ended} of {len(net.seeds)} seeds" for net in nets if not net.complete}
    # DVC is to measure responses of weights that are there no more.
    stale = any(path.parent == folder / "runs/responses" for path, _ in found.notes)
    return _record(pipeline, [name for name in STAGES if name != "responses" or not stale], going)


def _record(pipeline: Path, names: list[str], going: dict[str, str]) -> dict[str, str]:
    """Let DVC record the stages of these names; `going` are those of unfinished nets, and how far each is."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo, lock_repo

    states = {}
    try:
        with Repo(Repo.find_root(str(pipeline.parent))) as repo, lock_repo(repo):
            stages = [stage for stage in repo.stage.collect(str(pipeline)) if stage.name.split("@")[0] in names]
            if not stages:
                raise UserError(f"{pipeline}: has no stage of a plan, such as train")
            for stage in stages:
                # `Repo.commit` also caches unfinished nets, and fails at the run cache if a file is absent.
                stage.save(allow_missing=True, run_cache=False)
                if stage.name not in going:
                    stage.commit(allow_missing=True)
                elif any(out.use_cache and out.exists and not out.changed_cache() for out in stage.outs):
                    _forget_cached(repo, stage)
                missing = ", ".join(out.def_path for out in stage.outs if not out.exists)
                state = f"without {missing}" if missing else "complete"
                states[one_line(stage.name)] = going.get(stage.name, one_line(state))
            made = {out.fs_path: out for stage in stages for out in stage.outs}
            for dep in (dep for stage in stages for dep in stage.deps if dep.fs_path in made):
                # Absent data have the digest that the lock names, also for a stage that had no entry.
                dep.hash_info, dep.meta = made[dep.fs_path].hash_info, made[dep.fs_path].meta
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
    except DvcException as error:
        raise UserError(f"{pipeline}: {error}") from error
    return states


def _forget_cached(repo: Any, stage: Any) -> None:
    """Record as absent what DVC's cache has of an unfinished net: it would count as done. The files stay, no links."""
    for out in stage.outs:
        if out.use_cache:
            repo.unprotect(out.fs_path)
            out.hash_info, out.meta = type(out.hash_info)(), type(out.meta)()
