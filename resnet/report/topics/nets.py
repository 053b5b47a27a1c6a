"""The files in full precision: `table.csv`, a row a net; `errors.csv`, a row a seed; `metrics.json`, the headline."""

from __future__ import annotations

from typing import Any

from pandas import DataFrame

from resnet.report import ladders
from resnet.report.published import published
from resnet.report.results import Net, Nets
from resnet.report.samples import Sample

SEED = ["name", "net", "depth", "seed", "test_error"]
TIMING = ("images_per_second", "images_per_second_std", "repeats", "batch_size", "peak_memory_bytes")


def status(net: Net) -> str:
    """`done`, `partial`, `interrupted`, `diverged` or `not run`."""
    if net.done:
        return "done" if len(net.done) == net.planned else "partial"
    return next((x for x in ("interrupted", "diverged") if x in {run.record.status for run in net.runs}), "not run")


def _over_seeds(values: Sample | None, quantity: str) -> dict[str, Any]:
    return {f"{quantity}_{part}": getattr(values, part, 0 if part == "n" else None) for part in ("mean", "std", "n")}


def _timing(net: Net, kind: str) -> dict[str, Any]:
    """A throughput measurement; `kind`: `training` or `inference`."""
    timing: Any = getattr(net.throughput, kind, None)
    cells = {f"{kind}_{column}": getattr(timing, column, None) for column in TIMING}
    return cells | {f"{kind}_repeats": len(timing.step_seconds) if timing else 0}


def _row(net: Net, confidence: float) -> dict[str, Any]:
    paper, errors, first = net.papers_error, net.over_seeds("test_error"), next(iter(net.runs), None)
    low, high = (errors.interval(confidence) if errors else None) or (None, None)
    statuses = [run.record.status for run in net.runs]
    return {
        "name": net.name,
        "net": net.kind,
        "depth": net.depth,
        "shortcut": net.shortcut,
        "status": status(net),
        "seeds_planned": net.planned,
        **{f"seeds_{ended}": statuses.count(ended) for ended in ("done", "interrupted", "diverged")},
        "iterations": net.iterations,
        "data": first.record.data.name if first else None,
        "official": str(first.record.data.official).lower() if first else None,
        "precision": first.record.precision if first else None,
        "parameters": getattr(net.counted, "parameters", None),
        "parameters_paper": published().parameters_of(net.depth, net.shortcut),
        "multiply_adds": getattr(net.counted, "multiply_adds", None),
        **_over_seeds(errors, "test_error"),
        "test_error_low": low,
        "test_error_high": high,
        "test_error_paper": getattr(paper, "error", None),
        **_over_seeds(net.over_seeds("training_error"), "training_error"),
        **_over_seeds(net.over_seeds("validation_error"), "validation_error"),
        **_timing(net, "training"),
        **_timing(net, "inference"),
        "throughput_device": net.throughput.system.timed_on if net.throughput else None,
        "run_peak_memory_bytes": max((run.record.peak_memory_bytes or 0 for run in net.runs), default=0) or None,
        **_over_seeds(net.over_seeds("seconds") if len(net.devices) == 1 else None, "seconds"),
    }


def overview(nets: Nets, confidence: float) -> DataFrame:
    """A row a net: errors in %, times in s (of one machine, or none), sizes in bytes, speeds in images/s."""
    frame = DataFrame([_row(net, confidence) for net in nets.values()], columns=None if nets else ["name"])
    whole = ("bytes", "_n", "parameters", "multiply_adds", "batch_size")
    return frame.astype({column: "Int64" for column in frame if str(column).endswith(whole)})


def seeds(nets: Nets) -> DataFrame:
    """A row a seed that is done."""
    done = (run.record for net in nets.values() for run in net.done)
    return DataFrame([[getattr(record, column) for column in SEED] for record in done], columns=SEED)


def metrics(nets: Nets) -> dict[str, Any]:
    """For `dvc metrics` and `dvc exp show`, which make a column of every number.

    Runs done and planned; mean test error in % and its std over seeds by net, ablations left out.
    """
    samples = {name: nets[name].over_seeds("test_error") for name in ladders.without_ablations(nets)}
    numbers = {"done": sum(len(net.done) for net in nets.values()), "planned": sum(x.planned for x in nets.values())}
    errors = {name: round(values.mean, 2) for name, values in samples.items() if values}
    stds = {name: round(values.std, 2) for name, values in samples.items() if values and values.std is not None}
    return numbers | {key: values for key, values in (("error", errors), ("std", stds)) if values}
