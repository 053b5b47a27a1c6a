"""The files in full precision: a row a net, a learning curve's point, a seed; and what `dvc metrics show` reads."""

from typing import Any

import numpy as np
from pandas import DataFrame

from resnet.report.analysis.curves import drawn_runs
from resnet.report.analysis.nets import over_seeds, status, without_ablations
from resnet.report.published import papers_error, published
from resnet.report.tables import COLUMNS, Tables, rows, select

ERRORS = ["name", "net", "depth", "seed", "test_error"]


def _sample(tables: Tables, name: str, quantity: str, confidence: float | None = None) -> dict[str, Any]:
    values = over_seeds(tables, name, quantity)
    mean, std, n = (values.mean, values.std, values.n) if values else (None, None, 0)
    low, high = (values.interval(confidence or 0.95) if values else None) or (None, None)
    cells = {"mean": mean, "std": std, "n": n} | ({"low": low, "high": high} if confidence else {})
    return {f"{quantity}_{part}": value for part, value in cells.items()}


def _timing(tables: Tables, name: str, kind: str) -> dict[str, Any]:
    timing: Any = next(rows(select(tables.speed, name=name, kind=kind)), None)
    columns = ("images_per_second", "images_per_second_std", "repeats", "batch_size", "peak_memory_bytes")
    cells = {f"{kind}_{column}": getattr(timing, column, None) for column in columns}
    return cells | {f"{kind}_repeats": len(timing.step_seconds) if timing else 0}


def _net(tables: Tables, net: Any) -> dict[str, Any]:
    paper = papers_error(net.net, net.depth, net.shortcut)
    statuses, runs = list(tables.seeds(net.name)["status"]), tables.started(net.name)
    first: Any = next(rows(runs), None)
    return {
        **{column: getattr(net, column) for column in ("name", "net", "depth", "shortcut")},
        "status": status(tables, net.name),
        "seeds_planned": len(statuses),
        **{f"seeds_{stopped}": statuses.count(stopped) for stopped in ("done", "interrupted", "diverged")},
        "iterations": net.iterations,
        "data": first.data.name if first else None,
        "official": str(first.data.official).lower() if first else None,
        "precision": first.precision if first else None,
        "parameters": net.parameters,
        "parameters_paper": published().parameters_of(net.depth, net.shortcut),
        "multiply_adds": net.multiply_adds,
        **_sample(tables, net.name, "test_error", tables.params.report.confidence),
        "test_error_paper": paper.error if paper else None,
        "test_error_paper_std": paper.std if paper else None,
        "test_error_paper_n": paper.n if paper else None,
        **_sample(tables, net.name, "training_error"),
        **_sample(tables, net.name, "validation_error"),
        **_timing(tables, net.name, "training"),
        **_timing(tables, net.name, "inference"),
        "throughput_device": next(iter(select(tables.speed, name=net.name)["timed_on"]), None),
        "run_peak_memory_bytes": runs["peak_memory_bytes"].max(),
        **_sample(tables, net.name, "seconds"),
    }


def overview(tables: Tables) -> DataFrame:
    """A row a net: errors in %, times in s, sizes in bytes, speeds in images/s. Whole numbers stay whole."""
    frame = DataFrame([_net(tables, net) for net in rows(tables.nets)], columns=None if len(tables.nets) else ["name"])
    whole = ("bytes", "_n", "parameters", "multiply_adds", "batch_size")
    return frame.astype({column: "Int64" for column in frame if str(column).endswith(whole)})


BENCHMARK = [
    *("model", "kind", "batch_size", "samples_per_sec", "step_time", "param_count", "gmacs"),
    *("precision", "mode", "device", "source"),
]
"""The names of timm's benchmark files, where they have one."""
_KINDS = {"training": "train", "inference": "infer"}


def _latency_model(case: Any) -> str:
    option = f"-option-{case.shortcut.lower()}" if case.net == "resnet" and case.shortcut != "A" else ""
    return f"{case.net}-{case.depth:.0f}{option}"


def benchmark(tables: Tables) -> DataFrame:
    """A row a timed step of a whole net, as timm's `benchmark-*.csv`; empty if nothing was measured.

    `kind`: `train` (a whole training step), `infer`; of a latency also `forward` and `forward+backward`, which are no
    training steps. `samples_per_sec` and `step_time` (ms) are of the median repeat; `param_count` is in millions,
    `gmacs` of one image's forward pass.
    """
    nets = select(tables.latency, part="net")
    timed = [
        *((case.name, case.kind, "throughput", case) for case in rows(tables.speed)),
        *((_latency_model(case), case.passes, "latency", case) for case in rows(nets)),
    ]
    cells = [
        {
            "model": model,
            "kind": _KINDS.get(kind, kind),
            "batch_size": int(case.batch_size),
            "samples_per_sec": case.batch_size / case.median_seconds,
            "step_time": 1e3 * case.median_seconds,
            "param_count": case.parameters / 1e6,
            "gmacs": case.multiply_adds / 1e9,
            "precision": case.precision,
            "mode": case.mode,
            "device": case.timed_on,
            "source": source,
        }
        for model, kind, source, case in timed
    ]
    return DataFrame(cells, columns=BENCHMARK)


def curves_table(tables: Tables) -> DataFrame:
    return drawn_runs(tables)[[*COLUMNS["curves"]]].replace([np.inf, -np.inf], np.nan)


def errors_table(tables: Tables) -> DataFrame:
    """A row a seed that is done, of nets whose seeds are alike."""
    done = select(tables.runs, status="done")
    return done[~done["name"].isin(tables.mixed)][ERRORS]


def metrics(tables: Tables) -> dict[str, Any]:
    """The headline for `dvc metrics` and `dvc exp show`, which make a column of every number.

    Runs done and planned; mean test error in % and its standard deviation over seeds by net, ablations left out.
    Everything else is in table.csv.
    """
    samples = {name: over_seeds(tables, name, "test_error") for name in without_ablations(tables)}
    numbers: dict[str, Any] = {"done": len(select(tables.runs, status="done")), "planned": len(tables.runs)}
    errors = {name: round(values.mean, 2) for name, values in samples.items() if values}
    stds = {name: round(values.std, 2) for name, values in samples.items() if values and values.std is not None}
    return numbers | ({"error": errors} if errors else {}) | ({"std": stds} if stds else {})
