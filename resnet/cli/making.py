"""Commands that make results which take long: data, training, sweeps; and the forecast and the books of a plan."""

from __future__ import annotations

from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from resnet.cli import options
from resnet.cli.output import outlive_terminal
from resnet.errors import UserError
from resnet.params import load


def data(
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check prepared data; prepare nothing.")] = False,
) -> None:
    """Get the data, check them, split them, and leave arrays in data.dir."""
    from resnet import data as module

    settings = options.read_params(params, set_).data
    if verify:
        prepared = module.load(settings.dir)
    else:
        prepared = module.read(settings.source, settings)
        module.save(prepared, settings.dir)
    record = prepared.record
    what = "official CIFAR-10" if record.official else f"{record.name}, not CIFAR-10"
    counts = record.train_images, record.validation_images, record.test_images
    print("{}: {}: {:,} training, {:,} validation and {:,} test images".format(settings.dir, what, *counts))


def train(
    out: Annotated[Path, typer.Option(help="Folder for seed-K/metrics.json, history.csv, ...")],
    net: options.Net = None,
    depth: options.Depth = None,
    name: options.Name = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 0,1; 3 is seed 3 alone [train.seeds].")] = None,
    weights: Annotated[Path | None, typer.Option(help="Folder for seed-K/model.safetensors [OUT].")] = None,
    checkpoints: Annotated[Path | None, typer.Option(help="Folder for unfinished runs' checkpoints [OUT].")] = None,
    overwrite: options.Overwrite = False,
    live: options.Live = None,
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
) -> None:
    """Train a net, one run a seed; finished seeds are kept and interrupted ones go on."""
    outlive_terminal()
    settings = options.one_net(options.read_params(params, set_), net, depth, name)
    if seeds is not None:
        try:
            settings = settings.with_train(seeds=[int(seed) for seed in seeds.split(",")])
        except ValueError as error:
            raise UserError(f"--seeds {seeds}: write whole numbers, such as 0,1,2") from error

    from resnet.data import load as load_data
    from resnet.runs.live import check_installed
    from resnet.runs.seeds import train_seeds
    from resnet.training.devices import choose_machine

    check_installed(live)
    prepared, machine = load_data(settings.data.dir, settings.data), choose_machine(settings.train)
    all_seeds = partial(train_seeds, weights=weights, checkpoints=checkpoints, overwrite=overwrite, live=live)
    all_seeds(settings, settings.train.seed_list, prepared, out, machine)


def forecast(
    runs: Annotated[Path, typer.Option(help="Folder of training results, to see what is left.")],
    out: Annotated[Path, typer.Option(help="Folder for forecast.json.")],
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
) -> None:
    """Forecast the whole plan from a few measured steps; fail if it goes beyond limits.hours."""
    from resnet.runs.forecast import forecast_plan

    forecast_plan(options.read_params(params, set_), runs, out, Console())


def plan(
    pipeline: options.Pipeline = Path("dvc.yaml"),
    address: Annotated[str | None, typer.Option(help="Of a Ray cluster, or `auto` [this machine alone].")] = None,
    cores: Annotated[int, typer.Option(min=1, help="Cores of each run where there is no GPU.")] = 1,
    live: options.Live = None,
) -> None:
    """Train all of a plan that is not finished, on many devices at once; dvc repro then finds it done."""
    if not pipeline.exists():
        raise UserError(f"{pipeline}: there is no such file: give the dvc.yaml of a plan")
    settings = load(pipeline.parent / "params.yaml")

    from resnet.runs.cluster import train_plan
    from resnet.runs.forecast import forecast_plan
    from resnet.runs.live import check_installed

    check_installed(live)
    console = Console(stderr=True)
    train_plan(settings, pipeline.parent, address, cores, console, live)
    with chdir(pipeline.parent):  # of which nothing is left: so that dvc repro need not
        forecast_plan(settings, Path("runs/train"), Path("runs/forecast"), console)
    _record(pipeline, "train@")


def adopt(pipeline: options.Pipeline = Path("dvc.yaml")) -> None:
    """Take the files that are there as a plan's results: made elsewhere, or of a plan stopped half-way."""
    _record(pipeline)


def _record(pipeline: Path, stages: str = "") -> None:
    from resnet.runs.adopt import adopt as record_files

    for stage, state in record_files(pipeline).items():
        if stage.startswith(stages):
            print(f"{stage}: {state}")


def sweep(
    out: Annotated[Path, typer.Option(help="Folder for NAME.json and best-NAME.yaml.")] = Path("runs/sweep"),
    nets: Annotated[str | None, typer.Option(help="Such as resnet-20,resnet-56 [sweep.nets].")] = None,
    study: Annotated[str | None, typer.Option(help="File or postgresql://... [sweep.storage; OUT/study.db].")] = None,
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
) -> None:
    """Tune nets on validation error at equal budget; several processes of this command share the work."""
    outlive_terminal()
    plan = options.read_params(params, set_)

    from resnet.data import load as load_data
    from resnet.tuning.sweep import sweep_nets

    given = ({"nets": nets.split(",")} if nets else {}) | ({"storage": study} if study else {})
    plan = plan.model_copy(update={"sweep": plan.sweep.model_copy(update=given)})
    for record in sweep_nets(plan, load_data(plan.data.dir, plan.data), out):
        best, default = record.best, record.default.validation_error
        if best is None:
            print(f"{record.name}: no trial is complete")
            continue
        own = "diverged" if default is None else f"{default:.2f} %"
        errors = f"validation error {best.validation_error:.2f} %, own values {own}"
        print(f"{record.name}: {errors}: {out / f'best-{record.name}.yaml'}")


COMMANDS = (data, train, sweep, forecast, plan, adopt)
