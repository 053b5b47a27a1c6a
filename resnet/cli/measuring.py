"""Commands that count and measure a net: layers, errors, responses, speed."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from resnet import results
from resnet.cli import options
from resnet.diagrams import Part
from resnet.diagrams import draw as drawn
from resnet.errors import UserError, one_line
from resnet.files import write_text
from resnet.params.plan import Mean, Std

MEAN, STD = TypeAdapter(tuple[Mean, Mean, Mean]), TypeAdapter(tuple[Std, Std, Std])


def describe(
    net: options.Net = None,
    depth: options.Depth = None,
    name: options.Name = None,
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
    format_: options.Format = "table",
    out: Annotated[Path, typer.Option(help="Of every net: the folder for NAME.json files.")] = Path("runs/describe"),
    draw: Annotated[Path | None, typer.Option(help="Draw the net into this SVG file instead.")] = None,
    part: Annotated[Part, typer.Option(help="With --draw: the whole net or a part of it.")] = Part.net,
) -> None:
    """Print the layer table of a net: kernel, stride, output volume, parameters, multiply-adds. Or draw the net.

    If no net is named, the tables of every net of the parameters go into files.
    """
    if draw is None and part is not Part.net:
        raise UserError(f"describe --part {part} is drawn: say where, with --draw FILE.svg")
    plan = options.read_params(params, set_)
    chosen, named = options.nets(plan, net, depth, name)
    if draw is not None and not named:
        raise UserError("describe --draw draws one net: name it, such as --net resnet --depth 56")

    from resnet.data import prepared_classes
    from resnet.nets.layers import describe as count

    for settings in chosen:
        record = count(settings, prepared_classes(plan.data.dir))
        if not named:
            record.write(out / f"{settings.name}.json")
        elif draw is not None:
            write_text(draw, drawn(record, part, alone=True))
            print(f"{draw}: {record.name}, {'the whole net' if part is Part.net else part}")
        elif format_ == "json":
            totals = {"parameters": record.parameters, "multiply_adds": record.multiply_adds}
            print(json.dumps(totals | record.model_dump(mode="json"), indent=2))
        else:
            console = Console()
            console.width = max(console.width, 100)  # a terminal that is narrower would cut the table
            console.print(_layer_table(record))


def _layer_table(record: results.DescriptionRecord) -> Table:
    table = Table(title=f"{record.name}: {record.depth} weighted layers, shortcut {record.shortcut}")
    for heading in ("layer", "kind", "kernel", "stride", "output", "parameters", "multiply-adds"):
        left = heading in ("layer", "kind", "kernel", "output")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for layer in record.layers:
        counts = (f"{count:,}" if count else "" for count in (layer.parameters, layer.multiply_adds))
        output = "x".join(map(str, layer.output))
        table.add_row(layer.name, layer.kind, layer.kernel, str(layer.stride or ""), output, *counts)
    table.add_section()
    table.add_row("total", "", "", "", "", f"{record.parameters:,}", f"{record.multiply_adds:,}")
    return table


def _channels(text: str | None, option: str, numbers: TypeAdapter[tuple[float, float, float]]) -> list[float] | None:
    try:
        return None if text is None else [*numbers.validate_python([*map(float, text.split(","))])]
    except ValueError as error:
        raise UserError(f"{option} {one_line(text, 60)}: write three numbers of 0..1, such as 0.5,0.5,0.5") from error


def evaluate(
    weights: Annotated[Path, typer.Option(help="A state dict: safetensors or PyTorch's format.")],
    net: options.Net = None,
    depth: options.Depth = None,
    name: options.Name = None,
    data: Annotated[str | None, typer.Option(help="A prepared folder or any source [data.dir].")] = None,
    mean: Annotated[str | None, typer.Option(help="R,G,B of pixels in 0..1 [our per-pixel mean].")] = None,
    std: Annotated[str | None, typer.Option(help="R,G,B of pixels in 0..1 [1,1,1].")] = None,
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
    format_: options.Format = "table",
) -> None:
    """Measure the test error of weights, ours or others', in fp32."""
    settings = options.one_net(options.read_params(params, set_), net, depth, name)
    channels = _channels(mean, "--mean", MEAN), _channels(std, "--std", STD)

    from resnet.data import read
    from resnet.measuring.evaluate import evaluate_weights
    from resnet.training.devices import choose_machine

    prepared = read(data or str(settings.data.dir), settings.data, any_split=True)
    record = evaluate_weights(settings, weights, prepared, choose_machine(settings.train, "fp32"), *channels)
    if format_ == "json":
        print(record.model_dump_json(indent=2))
        return
    which = "official CIFAR-10" if record.official else record.data
    error = f"test error {record.test_error:.2f} % of {record.images:,} images"
    print(f"{record.net}-{record.depth} on {which}: {error} ({record.normalisation})")


def published(
    out: Annotated[Path, typer.Option(help="Result file.")],
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
) -> None:
    """Evaluate others' weights, those of evaluate.published: the report's rows of their own."""
    plan = options.read_params(params, set_)
    if not plan.evaluate.published:  # nothing to load PyTorch for
        results.PublishedRecords(evaluations=(), system=None).write(out)
        return

    from resnet.data import load as load_data
    from resnet.measuring.published_weights import evaluate_published

    record = evaluate_published(plan, lambda: load_data(plan.data.dir))
    record.write(out)
    for each in record.evaluations:
        print(f"{each.name}: test error {each.test_error:.2f} % of {each.images:,} images")


def responses(
    weights: Annotated[Path, typer.Option(help="Folder of [NAME/]seed-K/model.safetensors.")] = Path("weights"),
    out: Annotated[Path, typer.Option(help="Result file; of every net, a folder.")] = Path("runs/responses"),
    net: options.Net = None,
    depth: options.Depth = None,
    name: options.Name = None,
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
) -> None:
    """Measure how strongly each layer of the trained nets responds (Figure 7).

    If no net is named, every net that has weights is measured. What --out has of a seed stays if its weights are the
    same, or are not here.
    """
    plan = options.read_params(params, set_)
    chosen, named = options.nets(plan, net, depth, name)

    from resnet.data import load as load_data
    from resnet.measuring.responses import has_weights, measure_responses
    from resnet.training.devices import choose_machine

    prepared = load_data(plan.data.dir, plan.data)
    if named:
        files = [(chosen[0], weights, out)]
    else:
        files = [(each, weights / each.name, out / f"{each.name}.json") for each in chosen]
        files = [(each, folder, file) for each, folder, file in files if has_weights(each, folder)]
        out.mkdir(parents=True, exist_ok=True)  # also if no net has weights yet
        print(f"{len(files)} of {len(chosen)} nets have weights in {weights}")
    for each, folder, file in files:
        earlier = None
        with suppress(results.DamagedFile):  # or absent
            earlier = results.ResponsesRecord.read(file)
        machine = choose_machine(each.train, "fp32")
        record = measure_responses(each, folder, prepared, plan.responses.images, machine, earlier)
        record.write(file)
        for seed in record.seeds:
            mean = sum(seed.std) / len(seed.std)
            print(f"{record.name} seed {seed.seed}: mean std of {len(seed.std)} layers' responses {mean:.3f}")


def throughput(
    net: options.Net = None,
    depth: options.Depth = None,
    name: options.Name = None,
    out: Annotated[Path | None, typer.Option(help="Result file; of every net, a folder [runs/throughput].")] = None,
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
    format_: options.Format = "table",
) -> None:
    """Measure training and inference: images/s and memory.

    If no net is named, every net is measured whose file does not have these settings already.
    """
    plan = options.read_params(params, set_)
    chosen, named = options.nets(plan, net, depth, name)

    from resnet.data import prepared_classes
    from resnet.measuring.throughput import has_measured, measure_throughput
    from resnet.training.devices import choose_machine

    classes, device = prepared_classes(plan.data.dir), choose_machine(chosen[0].train).device.type
    folder = (out or Path("runs/throughput")) / ("" if device == "cpu" else device)  # one device's files stay
    files = [(each, out if named else folder / f"{each.name}.json") for each in chosen]
    if not named:
        files = [(each, file) for each, file in files if file and not has_measured(file, each, classes)]
        print(f"{len(chosen) - len(files)} of {len(chosen)} nets are measured in {folder}", file=sys.stderr)
    for each, file in files:
        record = measure_throughput(each, choose_machine(each.train), classes)
        if file is not None:
            record.write(file)
        if format_ == "json":
            print(record.model_dump_json(indent=2))
            continue
        for step, timing in (("training", record.training), ("inference", record.inference)):
            print(
                f"{record.name} {step:9}  {timing.images_per_second:10,.1f} ± {timing.images_per_second_std:,.1f}"
                f" images/s  {1e3 * timing.median_seconds:10,.1f} ms a step of {timing.batch_size}"
                f"  {timing.peak_memory_bytes / 2**30:.2f} GiB  {record.precision} on {record.system.device}"
            )


def latency(
    out: Annotated[Path, typer.Option(help="Folder for DEVICE.json.")] = Path("runs/latency"),
    benchmarks: Annotated[Path | None, typer.Option("--from", help="Take this file of benchmarks instead.")] = None,
    params: options.ParamsFile = options.DEFAULT_PARAMS,
    set_: options.Assignments = None,
) -> None:
    """Measure stem, blocks, head and whole nets: forward, and forward + backward."""
    plan = options.read_params(params, set_)

    from resnet.measuring.block_latency import from_benchmarks, has_measured, measure_latency
    from resnet.training.devices import choose_machine

    if benchmarks is not None:
        record = from_benchmarks(benchmarks)
    else:
        machine = choose_machine(plan.train)
        file = out / f"{machine.device.type}.json"
        if has_measured(file, plan, machine):
            print(f"{file} has these settings already: delete it to measure anew")
            return
        record = measure_latency(plan, machine)
    path = out / f"{record.system.device}.json"
    record.write(path)
    print(f"{path}: {len(record.rows)} latencies on {record.system.device_name}")


COMMANDS = (describe, evaluate, published, responses, throughput, latency)
