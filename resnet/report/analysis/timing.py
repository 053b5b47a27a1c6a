"""Speed beside the machine's peaks, and latency by block."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from pandas import DataFrame

from resnet.depth import blocks_per_stage
from resnet.report.tables import Tables, rows, select


def achieved(tables: Tables) -> DataFrame:
    """The rows of `speed` that have peaks beside them, with the FLOP/s of each repeat, medians and FLOP a byte."""
    timed = tables.speed.dropna(subset=["flops", "peak_flops_per_second"])
    flops = [[step.flops / seconds for seconds in step.step_seconds] for step in rows(timed)]
    return timed.assign(
        repeats=flops,
        flops_per_second=[statistics.median(repeats) for repeats in flops],
        bytes_per_second=timed["bytes"] / timed["median_seconds"],
        intensity=timed["flops"] / timed["bytes"],
    )


GROUPS = ("stem", "stage 1", "stage 2", "stage 3", "head")
CASE = ["file", "net", "part", "depth", "batch_size", "precision", "mode"]


def passes(tables: Tables) -> DataFrame:
    """A row a case of which forward and forward + backward were measured: both, and the backward pass in s.

    That is the median difference within a round, or of the medians: no backward pass runs without its forward.
    """
    latency = tables.latency
    forward, both = (latency[latency["passes"] == kind] for kind in ("forward", "forward+backward"))
    cases = forward.merge(
        both[[*CASE, *both.columns.difference([*CASE, *forward.columns[:4]])]], on=CASE, suffixes=("", "_both")
    )
    backward = [
        statistics.median(case.backward_seconds_both)
        if case.backward_seconds_both
        else case.median_seconds_both - case.median_seconds
        for case in rows(cases)
    ]
    return cases.assign(backward=backward)


def blocks(net: str, depth: int) -> Iterator[tuple[str, str, str, int]]:
    """The parts of a net: group of the figure, net of the case, part, and how often it occurs."""
    n = blocks_per_stage(depth)
    yield "stem", "both", "stem", 1
    yield "stage 1", net, "stage1-identity", n
    for stage in (2, 3):
        yield f"stage {stage}", net, f"stage{stage}-down", 1
        yield f"stage {stage}", net, f"stage{stage}-identity", n - 1
    yield "head", "both", "head", 1


def figure_choice(cases: DataFrame) -> DataFrame:
    """The cases of the largest batch, eager if there are, that a figure shows."""
    choice = max((case.batch_size, case.mode == "eager", case.precision, case.mode) for case in rows(cases))
    batch_size, _, precision, mode = choice
    return select(cases, batch_size=batch_size, precision=precision, mode=mode)


def stacks(cases: DataFrame, net: str, depths: Sequence[int], backward: bool) -> DataFrame:
    """A net's time by group, in s, one row a depth: block latencies times the numbers of blocks.

    `whole` is the whole net's own, missing where it was not measured. Empty where a part was not measured.

    Args:
        cases: of `passes`, of one file, batch size, precision and mode.
        net: `resnet` or `plain`.
        depths: of the rows.
        backward: whether the times are the backward pass's.
    """
    column = "backward" if backward else "median_seconds"
    parts = {(case.net, case.part): getattr(case, column) for case in rows(cases[cases["part"] != "net"])}
    whole = {case.depth: getattr(case, column) for case in rows(select(cases, part="net", net=net))}
    stacked = []
    for depth in depths:
        seconds: dict[Any, Any] = {"depth": depth, **dict.fromkeys(GROUPS, 0.0), "whole": whole.get(depth)}
        for group, kind, part, times in blocks(net, depth):
            if (kind, part) not in parts:
                return DataFrame(columns=["depth", *GROUPS, "whole", "total"])
            seconds[group] += times * parts[kind, part]
        stacked.append(seconds | {"total": sum(seconds[group] for group in GROUPS)})
    return DataFrame(stacked)
