"""Commands that make results which take long: data, training, sweeps; and the forecast and the books of a plan."""

from __future__ import annotations

import sys
from contextlib import chdir
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from resnet import printing
from resnet.cli.options import (
    DEFAULT_PARAMS,
    DepthOption,
    LiveOption,
    NameOption,
    NetOption,
    OverwriteOption,
    ParamsOption,
    PipelineArgument,
    SetOption,
    read_params,
)
from resnet.cli.output import outlive_terminal
from resnet.errors import UserError
from resnet.params import load


def data(
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check prepared data; prepare nothing.")] = False,
) -> None:
    """Get the data, check them, split them, and leave arrays in data.dir."""
    from resnet import data as module

    settings = read_params(params, set_).data
    if verify:
        prepared = module.load(settings.dir)
    else:
        prepared = module.read(settings.source, settings)
        module.save(prepared, settings.dir)
    print(printing.data_line(prepared.record, settings.dir))


def _seed_list(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(f"--seeds {text}: write whole numbers, such as 0,1,2") from error


def train(
    out: Annotated[Path, typer.Option(help="Folder for seed-K/metrics.json, history.csv, ...")],
    net: NetOption = "resnet",
    depth: DepthOption = 20,
    name: NameOption = None,
    seeds: Annotated[
        str | None, typer.Option(help="Which: 3 is seed 3 alone [train.seeds, where 3 is how many: 0, 1 and 2].")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Folder for seed-K/model.safetensors [OUT].")] = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder for the checkpoints of unfinished runs [OUT].")
    ] = None,
    overwrite: OverwriteOption = False,
    live: LiveOption = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Train a net, one run a seed; finished seeds are kept and interrupted ones go on."""
    outlive_terminal()
    settings = read_params(params, set_).settings_for(net, depth, name)
    if seeds is not None:
        settings = settings.with_seeds(_seed_list(seeds))

    from resnet.data import load as load_data
    from resnet.runs.live import check_installed
    from resnet.runs.run import Interrupted
    from resnet.runs.seeds import train_seeds
    from resnet.training.devices import choose_machine

    check_installed(live)
    prepared = load_data(settings.data.dir, settings.data)
    try:
        train_seeds(
            settings,
            settings.train.seed_list,
            prepared,
            out,
            choose_machine(settings.train),
            weights=weights,
            checkpoints=checkpoints,
            overwrite=overwrite,
            live=live,
        )
    except Interrupted as error:
        print("interrupted: a checkpoint is saved; the same command goes on from it", file=sys.stderr)
        raise typer.Exit(130) from error


def forecast(
    runs: Annotated[Path, typer.Option(help="Folder of training results, to see what is left.")],
    out: Annotated[Path, typer.Option(help="Folder for forecast.json.")],
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Forecast the whole plan from a few measured steps; fail if it goes beyond limits.hours."""
    from resnet.runs.forecast import forecast_plan

    forecast_plan(read_params(params, set_), runs, out, Console())


class Engine(StrEnum):
    ray = "ray"


def plan(
    pipeline: PipelineArgument = Path("dvc.yaml"),
    engine: Annotated[Engine, typer.Option(help="What starts the runs; without one, `dvc repro` does.")] = Engine.ray,
    address: Annotated[
        str | None, typer.Option(help="Of a running Ray cluster, or `auto` [this machine's cores and GPUs].")
    ] = None,
    cores: Annotated[int, typer.Option(min=1, help="Cores of each run where there is no GPU.")] = 1,
    live: LiveOption = None,
) -> None:
    """Train all of a plan that is not finished, on many devices at once; dvc repro then finds it done."""
    if not pipeline.exists():
        raise UserError(f"{pipeline}: there is no such file: give the dvc.yaml of a plan")
    folder = pipeline.parent
    settings = load(folder / "params.yaml")

    from resnet.runs.adopt import adopt as record_files
    from resnet.runs.cluster import train_plan
    from resnet.runs.forecast import forecast_plan
    from resnet.runs.live import check_installed
    from resnet.runs.run import Interrupted

    check_installed(live)
    console = Console(stderr=True)
    try:
        train_plan(settings, folder, address, cores, console, live)
    except Interrupted as error:
        print("interrupted: checkpoints are saved; the same command goes on from them", file=sys.stderr)
        raise typer.Exit(130) from error
    with chdir(folder):  # of which nothing is left: so that dvc repro need not
        forecast_plan(settings, Path("runs/train"), Path("runs/forecast"), console)
    for stage, state in record_files(pipeline).items():
        if stage.startswith("train@"):
            print(f"{stage}: {state}")


def adopt(
    pipeline: PipelineArgument = Path("dvc.yaml"),
) -> None:
    """Take the files that are there as a plan's results: made elsewhere, or of a plan stopped half-way."""
    from resnet.runs.adopt import adopt as record_files

    for stage, state in record_files(pipeline).items():
        print(f"{stage}: {state}")


def sweep(
    out: Annotated[Path, typer.Option(help="Folder for NAME.json and best-NAME.yaml.")] = Path("runs/sweep"),
    nets: Annotated[
        str | None, typer.Option(help="Such as resnet-20,resnet-56 [sweep.nets of the parameters].")
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(metavar="FILE|URL", help="Or postgresql://..., for many workers [sweep.storage; OUT/study.db]."),
    ] = None,
    overwrite: OverwriteOption = False,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Tune nets on validation error at equal budget; several processes of this command share the work."""
    outlive_terminal()
    plan = read_params(params, set_)

    from resnet.data import load as load_data
    from resnet.runs.run import Interrupted
    from resnet.tuning.sweep import sweep_nets

    prepared, names = load_data(plan.data.dir, plan.data), nets.split(",") if nets else None
    try:
        records = sweep_nets(plan, prepared, out, nets=names, storage=study, overwrite=overwrite)
    except Interrupted as error:
        print("interrupted: the same command goes on", file=sys.stderr)
        raise typer.Exit(130) from error
    for record in records:
        print(printing.sweep_line(record, out))
