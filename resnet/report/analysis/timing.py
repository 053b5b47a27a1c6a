"""Speed beside the machine's peaks, and latency by block."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from pandas import DataFrame, Series

from resnet.depth import blocks_per_stage
from resnet.report.tables import Tables, rows, select


def achieved(tables: Tables) -> DataFrame:
    """The rows of `speed` that have peaks beside them, with medians and FLOP a byte.

    `repeats` and `moved` are the FLOP/s and the bytes/s of each repeat.
    """
    timed = tables.speed.dropna(subset=["flops", "peak_flops_per_second"])
    flops = Series([[x.flops / seconds for seconds in x.step_seconds] for x in rows(timed)], timed.index, dtype=object)
    moved = Series([[x.bytes / seconds for seconds in x.step_seconds] for x in rows(timed)], timed.index, dtype=object)
    medians = {"flops_per_second": flops.map(statistics.median), "bytes_per_second": moved.map(statistics.median)}
    return timed.assign(repeats=flops, moved=moved, **medians, intensity=timed["flops"] / timed["bytes"])


GROUPS = ("stem", "stage 1", "stage 2", "stage 3", "head")
CASE = ["file", "device", "timed_on", "shortcut", "net", "part", "depth", "batch_size", "precision", "mode"]


def passes(tables: Tables) -> DataFrame:
    """A row a case of which forward and forward + backward (`_both`) were measured, with the backward pass in s.

    That is the median difference within a round, or of the medians: no backward pass runs without its forward.
    """
    forward, both = (select(tables.latency, passes=kind) for kind in ("forward", "forward+backward"))
    cases = forward.merge(both, on=CASE, suffixes=("", "_both"))
    difference = cases["median_seconds_both"] - cases["median_seconds"]
    in_turn = cases["backward_seconds_both"].map(lambda rounds: statistics.median(rounds) if rounds else None)
    return cases.assign(backward=in_turn.astype(float).fillna(difference))


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
    batch_size, _, precision, mode = max((x.batch_size, x.mode == "eager", x.precision, x.mode) for x in rows(cases))
    return select(cases, batch_size=batch_size, precision=precision, mode=mode)


def stacks(cases: DataFrame, net: str, depths: Sequence[int], backward: bool) -> DataFrame:
    """A net's time by group, in s, one row a depth: block latencies times the numbers of blocks; and the `total`.

    `whole` is the whole net's own, missing where it was not measured. Empty where a part was not measured.

    Args:
        cases: of `passes`, of one file, batch size, precision and mode.
        net: `resnet` or `plain`.
        depths: of the rows.
        backward: whether the times are the backward pass's.
    """
    timed = cases.assign(time=cases["backward" if backward else "median_seconds"])
    parts = {(case.net, case.part): case.time for case in rows(timed[timed["part"] != "net"])}
    whole = {case.depth: case.time for case in rows(select(timed, part="net", net=net))}
    stacked: list[dict[str, Any]] = []
    for depth in depths:
        seconds = dict.fromkeys(GROUPS, 0.0)
        for group, kind, part, times in blocks(net, depth):
            if (kind, part) not in parts:
                return DataFrame()
            seconds[group] += times * parts[kind, part]
        stacked.append({"depth": depth, **seconds, "whole": whole.get(depth), "total": sum(seconds.values())})
    return DataFrame(stacked)
