"""Commands that count and measure a net: layers, errors, responses, speed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from resnet import printing
from resnet.cli.options import (
    DEFAULT_PARAMS,
    DepthOption,
    Format,
    FormatOption,
    NameOption,
    NetOption,
    ParamsOption,
    PlanDepthOption,
    PlanNetOption,
    ResultOption,
    SetOption,
    WeightsFileOption,
    named_net,
    print_json,
    read_params,
    read_settings,
)
from resnet.diagrams import Part
from resnet.diagrams import draw as drawn
from resnet.errors import UserError, one_line
from resnet.files import write_text
from resnet.results import DamagedFile, PublishedRecords, ResponsesRecord

LEAST_STD = 1e-3
"""Below that of any images, and below 1/255, by which whoever trained on pixels in 0..255 divides."""


def describe(
    net: PlanNetOption = None,
    depth: PlanDepthOption = None,
    name: NameOption = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
    format_: FormatOption = Format.table,
    out: Annotated[Path, typer.Option(help="Of every net: the folder for NAME.json files.")] = Path("runs/describe"),
    draw: Annotated[Path | None, typer.Option(help="Draw the net into this SVG file instead.")] = None,
    part: Annotated[Part, typer.Option(help="With --draw: the whole net or a part of it.")] = Part.net,
) -> None:
    """Print the layer table of a net: kernel, stride, output volume, parameters, multiply-adds. Or draw the net.

    If no net is named, the tables of every net of the parameters go into files.
    """
    if draw is None and part is not Part.net:
        raise UserError(f"describe --part {part} is drawn: say where, with --draw FILE.svg")
    plan = read_params(params, set_)
    settings = named_net(plan, net, depth, name)
    if settings is None and draw is not None:
        raise UserError("describe --draw draws one net: name it, such as --net resnet --depth 56")

    from resnet.data import prepared_classes
    from resnet.nets.layers import describe as count

    classes = prepared_classes(plan.data.dir)
    if settings is None:
        for entry in plan.models:
            count(plan.settings(entry), classes).write(out / f"{entry}.json")
        return
    record = count(settings, classes)
    if draw is not None:
        write_text(draw, drawn(record, part, alone=True))
        print(printing.drawing_line(record, part, draw))
        return
    if format_ is Format.json:
        totals = {"parameters": record.parameters, "multiply_adds": record.multiply_adds}
        print_json(totals | record.model_dump(mode="json"))
        return
    # A table wider than the terminal would be cut: give it the width that it needs.
    console = Console()
    console.width = max(console.width, 100)
    console.print(printing.layer_table(record))


def _channels(text: str | None, option: str, lowest: float) -> list[float] | None:
    """Three numbers from `lowest` to 1: whoever counts pixels in 0..255, or divides by nothing, is told."""
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3 or not all(lowest <= value <= 1 for value in values):
        raise UserError(f"{option} {one_line(text, 60)}: write three numbers, of red, green and blue, {lowest:g} to 1")
    return values


def evaluate(
    weights: WeightsFileOption,
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
    settings = read_settings(params, set_, net, depth, name)
    channels = _channels(mean, "--mean", 0.0), _channels(std, "--std", LEAST_STD)

    from resnet.data import read
    from resnet.measuring.evaluate import evaluate_weights
    from resnet.training.devices import choose_machine

    prepared = read(data or str(settings.data.dir), settings.data, any_split=True)
    record = evaluate_weights(settings, weights, prepared, choose_machine(settings.train, "fp32"), *channels)
    if format_ is Format.json:
        print_json(record.model_dump(mode="json"))
    else:
        print(printing.evaluation_line(record))


def published(
    out: ResultOption,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Evaluate others' weights, those of evaluate.published: the report's rows of their own."""
    plan = read_params(params, set_)
    if not plan.evaluate.published:  # nothing to load PyTorch for
        PublishedRecords(evaluations=(), system=None).write(out)
        return

    from resnet.data import load as load_data
    from resnet.measuring.published_weights import evaluate_published

    record = evaluate_published(plan, lambda: load_data(plan.data.dir))
    record.write(out)
    for evaluation in record.evaluations:
        print(printing.published_line(evaluation))


def responses(
    weights: Annotated[
        Path, typer.Option(help="Folder of seed-K/model.safetensors; of every net, of NAME/seed-K/model.safetensors.")
    ] = Path("weights"),
    out: Annotated[Path, typer.Option(help="Result file; of every net, the folder for NAME.json files.")] = Path(
        "runs/responses"
    ),
    net: PlanNetOption = None,
    depth: PlanDepthOption = None,
    name: NameOption = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Measure how strongly each layer of the trained nets responds (Figure 7).

    If no net is named, every net that has weights is measured. What --out has of a seed stays if its weights are the
    same, or are not here.
    """
    plan = read_params(params, set_)
    settings = named_net(plan, net, depth, name)

    from resnet.data import load as load_data
    from resnet.measuring.responses import has_weights, measure_responses
    from resnet.training.devices import choose_machine

    prepared = load_data(plan.data.dir, plan.data)
    if settings is not None:
        files = [(settings, weights, out)]
    else:
        nets = [plan.settings(entry) for entry in plan.models]
        files = [(each, weights / each.name, out / f"{each.name}.json") for each in nets]
        files = [(each, folder, file) for each, folder, file in files if has_weights(each, folder)]
        out.mkdir(parents=True, exist_ok=True)  # also if no net has weights yet
        print(f"{len(files)} of {len(nets)} nets have weights in {weights}")
    for each, folder, file in files:
        machine = choose_machine(each.train, "fp32")
        record = measure_responses(each, folder, prepared, plan.responses.images, machine, _earlier(file))
        record.write(file)
        for line in printing.responses_lines(record):
            print(line)


def _earlier(file: Path) -> ResponsesRecord | None:
    """What was measured before; None if the file is absent or damaged, and is to be made anew."""
    try:
        return ResponsesRecord.read(file)
    except DamagedFile:
        return None


def throughput(
    net: PlanNetOption = None,
    depth: PlanDepthOption = None,
    name: NameOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Result file; of every net, the folder for NAME.json files [runs/throughput].")
    ] = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
    format_: FormatOption = Format.table,
) -> None:
    """Measure training and inference: images/s, memory, and how far from this machine's peaks.

    If no net is named, every net is measured whose file does not have these settings already.
    """
    plan = read_params(params, set_)
    settings = named_net(plan, net, depth, name)

    from resnet.data import prepared_classes
    from resnet.measuring.throughput import has_measured, measure_throughput
    from resnet.training.devices import choose_machine

    classes = prepared_classes(plan.data.dir)
    if settings is not None:
        files = [(settings, out)]
    else:
        folder = out or Path("runs/throughput")
        nets = [plan.settings(entry) for entry in plan.models]
        paths = [(each, folder / f"{each.name}.json") for each in nets]
        files = [(each, path) for each, path in paths if not has_measured(path, each, classes)]
        print(f"{len(nets) - len(files)} of {len(nets)} nets are measured in {folder}", file=sys.stderr)
    for each, file in files:
        record = measure_throughput(each, choose_machine(each.train), classes)
        if file is not None:
            record.write(file)
        if format_ is Format.json:
            print_json(record.model_dump(mode="json"))
        else:
            print(*printing.throughput_lines(record), sep="\n")


def latency(
    out: Annotated[Path, typer.Option(help="Folder for DEVICE.json.")] = Path("runs/latency"),
    benchmarks: Annotated[
        Path | None,
        typer.Option("--from", help="Measure nothing: take pytest --benchmark-json's file, or DEVICE.json.partial."),
    ] = None,
    params: ParamsOption = DEFAULT_PARAMS,
    set_: SetOption = None,
) -> None:
    """Measure stem, blocks, head and whole nets: forward, and forward + backward."""
    plan = read_params(params, set_)

    from resnet.measuring.block_latency import from_benchmarks, has_measured, measure_latency
    from resnet.training.devices import choose_machine

    partial: Path | None = None
    if benchmarks is not None:
        record = from_benchmarks(benchmarks)
    else:
        console = Console(stderr=True)
        machine = choose_machine(plan.train)
        file = out / f"{machine.device.type}.json"
        if has_measured(file, plan, machine):
            print(f"{file} has these settings already: delete it to measure anew")
            return
        # A measurement that is stopped leaves what it has beside the result, whose earlier form stays.
        partial = out / f"{machine.device.type}.json.partial"
        record = measure_latency(
            plan,
            machine,
            lambda line: console.print(line, soft_wrap=True, highlight=False),
            lambda record: record.write(partial),
        )
    path = out / f"{record.system.device}.json"
    record.write(path)
    if partial is not None:
        partial.unlink(missing_ok=True)
    print(printing.latency_line(record, path))
