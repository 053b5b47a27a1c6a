"""A plan's `dvc.lock` brought to what is there: for results that were made elsewhere, or a plan that stopped half-way.

DVC records a stage when it has run it to its end. A net that was trained without DVC, or with two seeds of five, has
no entry, so that a fresh clone, which cannot train it, tries to. Here every stage gets one: what is there as it is, and
what is absent as absent, which `dvc repro --allow-missing` then leaves alone. Only the weights of an unfinished net
count as absent, so that a plain `dvc repro` goes on with it. They stay in the workspace as files of its own, never as
links into DVC's cache, from which `dvc gc` removes what no lock names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from resnet.errors import UserError, one_line
from resnet.files import complete_or_absent
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
        more = f", and {len(found.problems) - 1} more" if len(found.problems) > 1 else ""
        raise UserError(f"{found.lines[0]}{more}: nothing is recorded; `resnet check` lists all problems")
    lock = pipeline.with_suffix(".lock")
    before = lock.read_bytes() if lock.exists() else None
    try:
        nets = plan_status(params, folder / "runs").nets
        going = {f"train@{net.name}": f"{net.ended} of {len(net.seeds)} seeds" for net in nets if not net.complete}
        # DVC is to measure responses of weights that are there no more.
        names, loose = _commit(pipeline, going, [x for x in STAGES if x != "responses" or not found.stale])
        return _settle(lock, names, going, loose)
    except BaseException:
        if before is not None:
            lock.write_bytes(before)
        else:
            lock.unlink(missing_ok=True)
        raise


def _commit(pipeline: Path, going: Iterable[str], names: Sequence[str]) -> tuple[list[str], set[str]]:
    """Let DVC record what is there of each stage, as `dvc commit` does.

    Returns:
        The names of the stages, and the folders of weights of those that are still `going`.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo, lock_repo

    try:
        with Repo(Repo.find_root(str(pipeline.parent))) as repo, lock_repo(repo):
            stages = [stage for stage in repo.stage.collect(str(pipeline)) if stage.name.split("@")[0] in names]
            if not stages:
                raise UserError(f"{pipeline}: has no stage of a plan, such as train")
            for stage in stages:
                # `Repo.commit` also fills the run cache, which fails if a file is absent.
                stage.save(allow_missing=True, run_cache=False)
                stage.commit(allow_missing=True)
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
            loose = [out for stage in stages if stage.name in going for out in stage.outs if out.use_cache]
            for out in loose:
                if out.exists:
                    repo.unprotect(out.fs_path)
    except DvcException as error:
        raise UserError(f"{pipeline}: {error}") from error
    return [stage.name for stage in stages], {out.def_path for out in loose}


def _settle(lock: Path, names: list[str], going: Mapping[str, str], loose: set[str]) -> dict[str, str]:
    """Make the entries of a lock agree where one stage reads what another makes, and say what is there of each stage.

    Args:
        lock: what DVC has written.
        names: of the stages.
        going: the stages of unfinished nets, and how far each is.
        loose: outputs that count as absent.
    """
    yaml = YAML()
    tree: dict[str, Any] = yaml.load(lock)
    made = {out["path"]: out for stage in tree["stages"].values() for out in stage.get("outs", ())}
    for path in loose:
        for key in made[path].keys() & {"md5", "size", "nfiles"}:
            del made[path][key]
    states = {}
    for name in names:
        for dep in tree["stages"][name].get("deps", ()):
            if (out := made.get(dep["path"])) is not None:
                dep.clear()
                dep.update(out)
        paths = [out["path"] for out in tree["stages"][name]["outs"]]
        missing = ", ".join(path for path in paths if not (lock.parent / path).exists())
        states[one_line(name)] = going.get(name, one_line(f"without {missing}") if missing else "complete")
    with complete_or_absent(lock) as partial:
        yaml.dump(tree, partial)
    return states
