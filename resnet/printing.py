"""What commands print of a record for people; `--format json` prints the record itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.table import Table

from resnet.results import (
    DataRecord,
    DescriptionRecord,
    EvaluationRecord,
    LatencyRecord,
    PublishedRecord,
    ResponsesRecord,
    SweepRecord,
    ThroughputRecord,
)


def data_line(record: DataRecord, folder: Path) -> str:
    """What the prepared data in a folder are."""
    what = "official CIFAR-10" if record.official else f"{record.name}, not CIFAR-10"
    return (
        f"{folder}: {what}: {record.train_images:,} training, {record.validation_images:,} validation "
        f"and {record.test_images:,} test images"
    )


def layer_table(record: DescriptionRecord) -> Table:
    """A net layer by layer, its totals last."""
    table = Table(title=f"{record.name}: {record.depth} weighted layers, shortcut {record.shortcut}")
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
    return table


def drawing_line(record: DescriptionRecord, part: str, path: Path) -> str:
    """What was drawn, and where."""
    return f"{path}: {record.name}, {'the whole net' if part == 'net' else part}"


def evaluation_line(record: EvaluationRecord) -> str:
    """The test error of weights."""
    which = "official CIFAR-10" if record.official else record.data
    error = f"test error {record.test_error:.2f} % of {record.images:,} images"
    return f"{record.net}-{record.depth} on {which}: {error} ({record.normalisation})"


def published_line(record: PublishedRecord) -> str:
    """The test error of others' weights."""
    return f"{record.name}: test error {record.test_error:.2f} % of {record.images:,} images"


def responses_lines(record: ResponsesRecord) -> Iterator[str]:
    """Of each seed, the mean standard deviation of its layers' responses."""
    for seed in record.seeds:
        mean = sum(seed.std) / len(seed.std)
        yield f"{record.name} seed {seed.seed}: mean std of {len(seed.std)} layers' responses {mean:.3f}"


def throughput_lines(record: ThroughputRecord) -> Iterator[str]:
    """Of training and of inference: speed, memory, share of the machine's peaks."""
    stages = (
        ("training", record.training, record.training_work),
        ("inference", record.inference, record.inference_work),
    )
    for what, timing, work in stages:
        yield (
            f"{record.name} {what:9}  {timing.images_per_second:10,.1f} ± {timing.images_per_second_std:,.1f} images/s"
            f"  {1e3 * timing.median_seconds:10,.1f} ms a step of {timing.batch_size}"
            f"  {timing.peak_memory_bytes / 2**30:.2f} GiB  {record.precision} on {record.system.device}"
        )
        peaks = record.peaks
        if peaks is not None and work is not None:
            flops, moved = work.flops / timing.median_seconds, work.bytes / timing.median_seconds
            yield (
                f"    {flops / 1e9:10,.1f} GFLOP/s, {100 * flops / peaks.flops_per_second:.1f} % of a matrix "
                f"product's best; {moved / 1e9:,.1f} GB/s at the least, "
                f"{100 * moved / peaks.bytes_per_second:.1f} % of a copy's best"
            )


def latency_line(record: LatencyRecord, path: Path) -> str:
    """How many latencies a file holds."""
    return f"{path}: {len(record.rows)} latencies on {record.system.device_name}"


def sweep_line(record: SweepRecord, out: Path) -> str:
    """The best trial of a sweep beside the parameters' own values."""
    best, default = record.best, record.default.validation_error
    if best is None:
        return f"{record.name}: no trial is complete"
    own = "diverged" if default is None else f"{default:.2f} %"
    return (
        f"{record.name}: validation error {best.validation_error:.2f} %, own values {own}: "
        f"{out / f'best-{record.name}.yaml'}"
    )


def check_line(counts: Mapping[str, int], problems: int) -> str:
    """What was verified, and how much of it is wrong."""
    looked_at = ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count) or "no results"
    outcome = {0: "all is well", 1: "1 problem"}.get(problems, f"{problems:,} problems")
    return f"checked {looked_at}: {outcome}"
