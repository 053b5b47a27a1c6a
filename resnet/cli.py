"""The command `resnet`: one command per stage, the same ones that dvc.yaml calls.

Heavy imports are inside the commands: `resnet --help` answers at once, and `resnet report` never
loads PyTorch.
"""

from __future__ import annotations

import json
import statistics
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from resnet import __version__, threads
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
        module.verify(prepared)
    else:
        prepared = module.read(settings.source, settings)
        module.save(prepared, settings.dir)
    record = prepared.record
    what = "official CIFAR-10" if record.official else f"{record.name}, not CIFAR-10"
    print(
        f"{settings.dir}: {what}: {record.train_images:,} training, {record.validation_images:,} validation "
        f"and {record.test_images:,} test images"
    )


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
    table = Table(title=f"{record.name}: {depth} weighted layers, shortcut {record.shortcut}")
    for heading in ("layer", "kind", "kernel", "stride", "output", "parameters", "multiply-adds"):
        left = heading in ("layer", "kind", "kernel", "output")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for layer in record.layers:
        table.add_row(
            layer.name,
            layer.kind,
            layer.kernel,
            str(layer.stride or ""),
            "x".join(map(str, layer.output)),
            f"{layer.parameters:,}" if layer.parameters else "",
            f"{layer.multiply_adds:,}" if layer.multiply_adds else "",
        )
    table.add_section()
    table.add_row("total", "", "", "", "", f"{record.parameters:,}", f"{record.multiply_adds:,}")
    # A table wider than the terminal would be cut: give it the width that it needs.
    console = Console()
    console.width = max(console.width, 100)
    console.print(table)


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
        bool, typer.Option("--overwrite", help="Replace results that other settings, data or code made.")
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

    try:
        train_seeds(
            settings,
            settings.train.seed_list,
            load_data(settings.data.dir),
            out,
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

    from resnet.data import read
    from resnet.measuring.evaluate import evaluate_weights

    prepared = read(data or str(settings.data.dir), settings.data, progress=sys.stderr.isatty())
    record = evaluate_weights(settings, weights, prepared, *channels)
    if format_ is Format.json:
        _print_json(record.model_dump(mode="json"))
    else:
        which = "official CIFAR-10" if record.official else record.data
        print(f"{net}-{depth} on {which}: test error {record.test_error:.2f} % of {record.images:,} images")


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
    for found in record.evaluations:
        print(f"{found.name}: test error {found.test_error:.2f} % of {found.images:,} images")


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

    record = measure_responses(settings, weights, load_data(settings.data.dir), plan.responses.images)
    record.write(out)
    for seed in record.seeds:
        mean = sum(seed.std) / len(seed.std)
        print(f"{record.name} seed {seed.seed}: mean std of {len(seed.std)} layers' responses {mean:.3f}")


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
    """Measure training and inference: images/s, memory, energy, and how far from this machine's limits."""
    settings = _settings(params, set_, net, depth, name)

    from resnet.measuring.throughput import throughput as measure

    record = measure(settings)
    if out is not None:
        record.write(out)
    if format_ is Format.json:
        _print_json(record.model_dump(mode="json"))
        return
    for what, timing in (("training", record.training), ("inference", record.inference)):
        work, energy = getattr(record, f"{what}_work"), getattr(record, f"{what}_energy")
        rate, std = timing.images_per_second, timing.images_per_second_std
        print(
            f"{record.name} {what:9}  {rate:10,.1f} ± {std:,.1f} images/s"
            f"  {1e3 * timing.median_seconds:10,.1f} ms a step of {timing.batch_size}"
            f"  {timing.peak_memory_bytes / 2**30:.2f} GiB  {record.precision} on {record.system.device}"
        )
        if record.limits is not None and work is not None:
            flops, moved = work.flops / timing.median_seconds, work.bytes / timing.median_seconds
            print(
                f"    {flops / 1e9:10,.1f} GFLOP/s, {100 * flops / record.limits.flops_per_second:.1f} % of a matrix "
                f"product's; {moved / 1e9:,.1f} GB/s at the least, "
                f"{100 * moved / record.limits.bytes_per_second:.1f} % of a copy's"
            )
        if energy is not None:
            print(f"    {statistics.median(energy.joules_per_image):10,.4f} J an image of the GPU's board, by NVML")


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

    if benchmarks is not None:
        record = from_benchmarks(benchmarks)
    else:
        console = Console(stderr=True)
        record = measure_latency(plan, lambda said: console.print(said, soft_wrap=True, highlight=False))
    path = out / f"{record.system.device}.json"
    record.write(path)
    print(f"{path}: {len(record.rows)} latencies on {record.system.device_name}")


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

    try:
        records = sweep_nets(
            plan,
            load_data(plan.data.dir),
            out,
            nets=nets.split(",") if nets else None,
            storage=study,
            overwrite=overwrite,
        )
    except Interrupted as error:
        print("interrupted: the same command goes on", file=sys.stderr)
        raise typer.Exit(130) from error
    for record in records:
        best, default = record.best, record.default.validation_error
        if best is None:
            print(f"{record.name}: no trial is complete")
            continue
        own = "diverged" if default is None else f"{default:.2f} %"
        print(
            f"{record.name}: validation error {best.validation_error:.2f} %, own values {own}: "
            f"{out / f'best-{record.name}.yaml'}"
        )


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
