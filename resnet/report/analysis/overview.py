"""The files in full precision: a row a net, a learning curve's point, a seed; and what `dvc metrics show` reads."""

from typing import Any

import numpy as np
from pandas import DataFrame

from resnet.report.analysis.curves import drawn_runs
from resnet.report.analysis.nets import over_seeds, status
from resnet.report.analysis.published import published
from resnet.report.tables import CURVES, Tables, rows, select

ERRORS = ["name", "net", "depth", "seed", "test_error"]


def _sample(tables: Tables, name: str, quantity: str, confidence: float | None = None) -> dict[str, Any]:
    values = over_seeds(tables, name, quantity)
    cells = (values.mean, values.std, values.n) if values else (None, None, 0)
    named = dict(zip((f"{quantity}_{part}" for part in ("mean", "std", "n")), cells, strict=True))
    if confidence:
        ends = (values.interval(confidence) if values else None) or (None, None)
        named |= {f"{quantity}_low": ends[0], f"{quantity}_high": ends[1]}
    return named


def _timing(tables: Tables, name: str, kind: str) -> dict[str, Any]:
    timing: Any = next(rows(select(tables.speed, name=name, kind=kind)), None)
    columns = ("images_per_second", "images_per_second_std", "repeats", "batch_size", "peak_memory_bytes")
    cells = {f"{kind}_{column}": getattr(timing, column, None) for column in columns}
    return cells | {f"{kind}_repeats": len(timing.step_seconds) if timing else 0}


def overview(tables: Tables) -> DataFrame:
    """A row a net: errors in %, times in s, sizes in bytes, speeds in images/s. Whole numbers stay whole."""
    lines = []
    for net in rows(tables.nets):
        paper = published().paper(net.net, net.depth, net.shortcut)
        statuses = list(tables.seeds(net.name)["status"])
        runs, confidence = tables.started(net.name), tables.params.report.confidence
        first: Any = next(rows(runs), None)
        device = select(tables.speed, name=net.name)["device_name"]
        lines.append(
            {
                "name": net.name,
                "net": net.net,
                "depth": net.depth,
                "shortcut": net.shortcut,
                "status": status(tables, net.name),
                "seeds_planned": len(statuses),
                **{f"seeds_{kind}": statuses.count(kind) for kind in ("done", "interrupted", "diverged")},
                "iterations": net.iterations,
                "data": first.data.name if first else None,
                "official": str(first.data.official).lower() if first else None,
                "precision": first.precision if first else None,
                "parameters": net.parameters,
                "parameters_paper": published().parameters_of(net.depth, net.shortcut),
                "multiply_adds": net.multiply_adds,
                **_sample(tables, net.name, "test_error", confidence),
                "test_error_paper": paper.error if paper else None,
                "test_error_paper_std": paper.std if paper else None,
                "test_error_paper_n": paper.n if paper else None,
                **_sample(tables, net.name, "training_error"),
                **_sample(tables, net.name, "validation_error"),
                **_timing(tables, net.name, "training"),
                **_timing(tables, net.name, "inference"),
                "throughput_device": next(iter(device), None),
                "run_peak_memory_bytes": runs["peak_memory_bytes"].max(),
                **_sample(tables, net.name, "seconds"),
            }
        )
    frame = DataFrame(lines) if lines else DataFrame(columns=["name"])
    whole = ("bytes", "_n", "parameters", "multiply_adds", "batch_size")
    return frame.astype({name: "Int64" for name in frame if str(name).endswith(whole)})


def curves_table(tables: Tables) -> DataFrame:
    return drawn_runs(tables)[[*CURVES]].replace([np.inf, -np.inf], np.nan)


def errors_table(tables: Tables) -> DataFrame:
    """A row a seed that is done, of nets whose seeds are alike."""
    mixed = tables.nets.index[tables.nets["mixed"]]
    return tables.runs[(tables.runs["status"] == "done") & ~tables.runs["name"].isin(mixed)][ERRORS]


def metrics(tables: Tables) -> dict[str, Any]:
    """Finite numbers by the net's name; what was not run has no key."""
    numbers: dict[str, Any] = {}
    for net in rows(tables.nets):
        of_net: dict[str, Any] = {}
        for quantity in ("test_error", "training_error"):
            if values := over_seeds(tables, net.name, quantity):
                spread = {} if values.std is None else {"std": values.std}
                of_net[quantity] = {"mean": values.mean, **spread, "n": values.n}
        speeds = select(tables.speed, name=net.name)
        if len(speeds):
            of_net["images_per_second"] = dict(zip(speeds["kind"], speeds["images_per_second"], strict=True))
        if net.parameters == net.parameters:
            of_net["parameters"] = int(net.parameters)
        if of_net:
            numbers[net.name] = of_net
    return numbers
