"""The command `resnet`: one command per stage, the same ones that dvc.yaml calls.

Heavy imports are inside the commands: `resnet --help` answers at once, and `resnet report` never
loads PyTorch.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from resnet import __version__, printing, threads
from resnet.errors import UserError
from resnet.params import Params, Settings, load

app = typer.Typer(
    help="The ResNet depth experiment on CIFAR-10: He et al., CVPR 2016, section 4.2.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
DEFAULT_PARAMS = Path("params.yaml")


class Format(StrEnum):
    table = "table"
    json = "json"


ParamsOption = Annotated[
    Path, typer.Option("--params", help="Parameters; without the default file, the paper's protocol holds.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a parameter, such as train.iterations=400."),
]
NetOption = Annotated[str, typer.Option(help="resnet or plain.")]
DepthOption = Annotated[int, typer.Option(help="6n + 2: 8, 14, 20, ..., 1202.")]
NameOption = Annotated[
    str | None, typer.Option(help="Entry of the parameters' models whose settings hold [NET-DEPTH].")
]
FormatOption = Annotated[Format, typer.Option("--format", help="For people or for programs.")]


def _params(path: Path, assignments: list[str] | None) -> Params:
    absent = path == DEFAULT_PARAMS and not path.exists()
    return load(None if absent else path, assignments or ())


def _settings(path: Path, assignments: list[str] | None, net: str, depth: int, name: str | None = None) -> Settings:
    return _params(path, assignments).settings_for(net, depth, name)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


@app.command()
def data(
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check prepared data; prepare nothing.")] = False,
) -> None:
    """Get the data, check them, split them, and leave arrays in data.dir."""
    from resnet import data as module

    settings = _params(params, set_).data
    if verify:
        prepared = module.load(settings.dir)
    else:
        prepared = module.read(settings.source, settings)
        module.save(prepared, settings.dir)
    print(printing.data_line(prepared.record, settings.dir))


@app.command()
def describe(
    net: NetOption = "resnet",
    depth: DepthOption = 20,
    name: NameOption = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
    format_: FormatOption = Format.table,
    all_: Annotated[bool, typer.Option("--all", help="Every net of the parameters' models, into --out.")] = False,
    out: Annotated[Path | None, typer.Option(help="With --all: the folder for NAME.json files.")] = None,
) -> None:
    """Print the layer table of a net: kernel, stride, output volume, parameters, multiply-adds."""
    from resnet.nets.layers import describe as count

    if all_:
        if out is None:
            raise UserError("describe --all needs --out")
        plan = _params(params, set_)
        for entry in plan.models:
            count(plan.settings(entry)).write(out / f"{entry}.json")
        return
    record = count(_settings(params, set_, net, depth, name))
    if format_ is Format.json:
        totals = {"parameters": record.parameters, "multiply_adds": record.multiply_adds}
        _print_json(totals | record.model_dump(mode="json"))
        return
    # A table wider than the terminal would be cut: give it the width that it needs.
    console = Console()
    console.width = max(console.width, 100)
    console.print(printing.layer_table(record))


def _seed_list(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(f"--seeds {text}: write whole numbers, such as 0,1,2") from error


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder for seed-K/metrics.json, history.csv, ...")],
    net: NetOption = "resnet",
    depth: DepthOption = 20,
    name: NameOption = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 0,1,2 [train.seeds of the parameters].")] = None,
    weights: Annotated[Path | None, typer.Option(help="Folder for seed-K/model.safetensors [OUT].")] = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder for the checkpoints of unfinished runs [OUT].")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Move aside results that other settings, data or code made.")
    ] = False,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Train a net, one run a seed; finished seeds are kept and interrupted ones go on."""
    settings = _settings(params, set_, net, depth, name)
    if seeds is not None:
        settings = settings.with_seeds(_seed_list(seeds))

    from resnet.data import load as load_data
    from resnet.runs.run import Interrupted
    from resnet.runs.seeds import train_seeds
    from resnet.system import choose_machine

    prepared, machine = load_data(settings.data.dir, settings.data), choose_machine(settings.train)
    try:
        train_seeds(
            settings,
            settings.train.seed_list,
            prepared,
            out,
            machine,
            weights=weights,
            checkpoints=checkpoints,
            overwrite=overwrite,
        )
    except Interrupted as error:
        print("interrupted: a checkpoint is saved; the same command goes on from it", file=sys.stderr)
        raise typer.Exit(130) from error


def _channels(text: str | None, option: str) -> list[float] | None:
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3:
        raise UserError(f"{option} {text}: write three numbers, of red, green and blue in 0..1")
    return values


@app.command()
def evaluate(
    weights: Annotated[Path, typer.Option(help="A state dict: safetensors or PyTorch's format.")],
    net: NetOption = "resnet",
    depth: DepthOption = 20,
    name: NameOption = None,
    data: Annotated[
        str | None, typer.Option(help="A prepared folder or any source [data.dir of the parameters].")
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="R,G,B of pixels in 0..1 [per-pixel mean of the training images].")
    ] = None,
    std: Annotated[str | None, typer.Option(help="R,G,B of pixels in 0..1 [1,1,1].")] = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
    format_: FormatOption = Format.table,
) -> None:
    """Measure the test error of weights, ours or others', in fp32."""
    settings = _settings(params, set_, net, depth, name)
    channels = _channels(mean, "--mean"), _channels(std, "--std")

    from resnet.data import read_for_evaluation
    from resnet.measuring.evaluate import evaluate_weights
    from resnet.system import choose_machine

    prepared = read_for_evaluation(data or str(settings.data.dir), settings.data, progress=sys.stderr.isatty())
    record = evaluate_weights(settings, weights, prepared, choose_machine(settings.train, "fp32"), *channels)
    if format_ is Format.json:
        _print_json(record.model_dump(mode="json"))
    else:
        print(printing.evaluation_line(record))


@app.command()
def published(
    out: Annotated[Path, typer.Option(help="Result file.")],
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Evaluate others' weights, those of evaluate.published: the report's rows of their own."""
    plan = _params(params, set_)

    from resnet.data import load as load_data
    from resnet.measuring.evaluate import evaluate_published

    record = evaluate_published(plan, lambda: load_data(plan.data.dir))
    record.write(out)
    for evaluation in record.evaluations:
        print(printing.published_line(evaluation))


@app.command()
def responses(
    weights: Annotated[Path, typer.Option(help="Folder of seed-K/model.safetensors.")],
    out: Annotated[Path, typer.Option(help="Result file.")],
    net: NetOption = "resnet",
    depth: DepthOption = 20,
    name: NameOption = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Measure how strongly each layer of the trained nets responds (Figure 7)."""
    plan = _params(params, set_)
    settings = plan.settings_for(net, depth, name)

    from resnet.data import load as load_data
    from resnet.measuring.responses import measure_responses
    from resnet.system import choose_machine

    prepared, machine = load_data(settings.data.dir, settings.data), choose_machine(settings.train, "fp32")
    record = measure_responses(settings, weights, prepared, plan.responses.images, machine)
    record.write(out)
    for line in printing.responses_lines(record):
        print(line)


@app.command()
def throughput(
    net: NetOption = "resnet",
    depth: DepthOption = 20,
    name: NameOption = None,
    out: Annotated[Path | None, typer.Option(help="Result file.")] = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
    format_: FormatOption = Format.table,
) -> None:
    """Measure training and inference: images/s, memory, energy, and how far from this machine's peaks."""
    settings = _settings(params, set_, net, depth, name)

    from resnet.measuring.throughput import measure_throughput
    from resnet.system import choose_machine

    record = measure_throughput(settings, choose_machine(settings.train))
    if out is not None:
        record.write(out)
    if format_ is Format.json:
        _print_json(record.model_dump(mode="json"))
        return
    for line in printing.throughput_lines(record):
        print(line)


@app.command()
def latency(
    out: Annotated[Path, typer.Option(help="Folder for DEVICE.json.")] = Path("runs/latency"),
    benchmarks: Annotated[
        Path | None, typer.Option("--from", help="Measure nothing: take the file of pytest --benchmark-json.")
    ] = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Measure stem, blocks, head and whole nets: forward, and forward + backward."""
    plan = _params(params, set_)

    from resnet.measuring.latency import from_benchmarks, measure_latency
    from resnet.system import choose_machine

    if benchmarks is not None:
        record = from_benchmarks(benchmarks)
    else:
        console = Console(stderr=True)
        machine = choose_machine(plan.train)
        record = measure_latency(plan, machine, lambda line: console.print(line, soft_wrap=True, highlight=False))
    path = out / f"{record.system.device}.json"
    record.write(path)
    print(printing.latency_line(record, path))


@app.command()
def forecast(
    runs: Annotated[Path, typer.Option(help="Folder of training results, to see what is left.")],
    out: Annotated[Path, typer.Option(help="Folder for forecast.json and the gate that training waits for.")],
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Forecast the whole plan from a few measured steps; fail if it goes beyond limits.hours."""
    from resnet.runs.plan import forecast_plan

    forecast_plan(_params(params, set_), runs, out, Console())


@app.command()
def adopt(
    pipeline: Annotated[Path, typer.Argument(help="The dvc.yaml of a plan.")] = Path("dvc.yaml"),
) -> None:
    """Take the files that are there as a plan's results: made elsewhere, or of a plan stopped half-way."""
    from resnet.runs.adopt import adopt as record_files

    for stage, state in record_files(pipeline).items():
        print(f"{stage}: {state}")


@app.command()
def sweep(
    out: Annotated[Path, typer.Option(help="Folder for NAME.json and best-NAME.yaml.")] = Path("runs/sweep"),
    nets: Annotated[
        str | None, typer.Option(help="Such as resnet-20,resnet-56 [sweep.nets of the parameters].")
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(metavar="FILE|URL", help="Or postgresql://..., for many workers [sweep.storage; OUT/study.db]."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace studies that other settings, data or code made.")
    ] = False,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Tune nets on validation error at equal budget; several processes of this command share the work."""
    plan = _params(params, set_)

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


@app.command()
def report(
    runs: Annotated[Path, typer.Option(help="Folder of result files.")] = Path("runs"),
    out: Annotated[Path, typer.Option(help="Folder for summary.md, figures and tables.")] = Path("reports"),
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Rebuild the tables, the figures and summary.md from result files alone."""
    from resnet.report import build

    print(build(_params(params, set_), runs, out))


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line: a user's mistake is one line on standard error and exit code 1."""
    threads.settle()
    try:
        app()
    except UserError as error:
        print(f"resnet: {error}", file=sys.stderr)
        sys.exit(1)
