"""The answer: what is reproduced, what depth does and what is left, a sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pandas import DataFrame

from resnet.report import ladders, protocol, words
from resnet.report.markdown import code, escaped
from resnet.report.published import PublishedError, published
from resnet.report.results import Net, Results
from resnet.report.samples import Interval, Sample, versus_published
from resnet.results.iteration_time import IterationTime, Sources, iteration_times

Nets = Mapping[str, Net]

TITLE = "# Does depth help? He et al., CVPR 2016, section 4.2"
NO_NETS = "The parameters name no net: there is nothing to report."


# Reproduced?


def _error(net: Net, values: Sample, confidence: float) -> str:
    """`resnet-20 8.32 % (95 % interval 7.05 to 9.59, 2 runs)`."""
    ends = values.interval(confidence)
    ends = Interval(max(0.0, ends.low), min(100.0, ends.high)) if ends else None
    between = f"{100 * confidence:g} % interval {words.interval_of_mean(ends)}, " if ends else ""
    return f"{escaped(net.name)} **{values.mean:.2f} %** ({between}{words.numbered(values.n, 'run')})"


def _ends(nets: list[Net]) -> list[Net]:
    """The shallowest and the deepest of the residual nets with several runs that are not apart, if there are such."""
    several = [net for net in nets if len(net.done) > 1 and net.kind == "resnet" and net.depth <= ladders.DEEPEST]
    by_depth = sorted(several or nets, key=lambda net: net.depth)
    return list(dict.fromkeys([by_depth[0], by_depth[-1]]))


def _listed(nets: list[Net], confidence: float) -> str:
    shown = ((net, net.over_seeds("test_error")) for net in _ends(nets))
    return words.listed(_error(net, values, confidence) for net, values in shown if values)


def _compared(values: Sample, figure: PublishedError, margin: float, level: float) -> str:
    """Whether our error is the paper's: `equivalent`, `different` or `undecided`."""
    difference = versus_published(values, figure)
    if difference is None:
        return "undecided"
    if difference.equivalence_p(margin) < level:
        return "equivalent"
    return "different" if difference.p < level else "undecided"


def reproduced(results: Results) -> str:
    """Ours against the paper's, or why the two do not compare."""
    nets, data, report = results.nets, results.data, results.params.report
    done = [nets[name] for name in ladders.without_ablations(nets) if nets[name].done]
    if not done or data is None:
        return "**No run is done yet.**" if ladders.started(nets) else "**Nothing has been trained yet.**"
    errors = f"Test error: {_listed(done, report.confidence)}."
    if not data.official:
        return (
            f"**Not CIFAR-10**: the data are {escaped(data.name)}, whose errors the paper's say nothing about. {errors}"
        )
    alike = protocol.on_the_papers_schedule(done, data)
    if not alike:
        usual, papers = ladders.usual_length(done), published().protocol.iterations
        if usual != papers:
            return f"**A schedule of {usual:,} iterations**, the paper's has {papers:,}. {errors}"
        first = protocol.deviations(done[0], data)[0].sentence
        return f"**Not the paper's experiment**: {first[0].lower()}{first[1:]}. {errors}"
    pairs = [(net, net.papers_error, net.over_seeds("test_error")) for net in done if net.name in alike]
    level = 1 - report.confidence
    found = {
        net.name: _compared(values, figure, report.margin, level) for net, figure, values in pairs if figure and values
    }
    if not found:
        return f"**The paper prints no error of these nets.** {errors}"
    counts = [sum(word == kind for word in found.values()) for kind in ("equivalent", "different", "undecided")]
    title = (
        f"**Reproduced: {counts[0]} of {words.numbered(len(found), 'net')}** within {report.margin:g} points of the "
        f"paper's test error, {counts[1]} different, {counts[2]} undecided"
    )
    shown = []
    for net in _ends([net for net, figure, _ in pairs if figure]):
        values, figure = net.over_seeds("test_error"), net.papers_error
        if values and figure:
            paper = words.spread(figure.error, figure.std, None)
            shown.append(f"{_error(net, values, report.confidence)}, the paper's {paper} %")
    return f"{title}: {'; '.join(shown)}."


# What depth does.


def _statement(claim: Any) -> str:
    """A claim's gist with its verdict: `plain nets degrade (**shown**, +2.31 points)`."""
    gist = str(claim.claim).split(":")[0]
    gist = gist if gist.split("-")[0] in ("resnet", "plain") else gist[0].lower() + gist[1:]
    difference, interval = words.claimed(claim)
    amount = interval if claim.verdict == "undecided" else difference
    return f"{escaped(gist)} (**{claim.verdict}**, {amount} {claim.unit})"


def depth(results: Results, claims: DataFrame) -> str:
    """The verdicts of the primary claims."""
    primary = [claim for claim in claims.itertuples() if claim.family == "primary"]
    if not primary:
        return ""
    tested = [claim for claim in primary if claim.verdict != "not tested"]
    if not tested:
        return f"**Depth: nothing can be said yet**: {words.listed(dict.fromkeys(x.why_not_tested for x in primary))}."
    data, length = results.data, ladders.usual_length(results.nets.values())
    where = "" if protocol.official(data) else f" on {escaped(data.name)}" if data else ""
    where += "" if length == published().protocol.iterations else f" after {length:,} iterations"
    statements = [_statement(claim) for claim in tested]
    untested = len(primary) - len(tested)
    statements += [f"{untested} not tested yet"] if untested else []
    interim = " Interim: not all planned runs are done." if any(claim.interim for claim in tested) else ""
    return f"**Depth**{where}: {'; '.join(statements)}.{interim}"


# What is left.


class Left(NamedTuple):
    runs: int
    """Planned runs that have not come to their end, done or diverged."""
    seconds: float | None
    """Of one device, for all of them; None if the speed of a net is unknown."""
    devices: tuple[str, ...]
    """What the speeds were measured on."""


def _sources(net: Net) -> Sources:
    batch_size, record = net.settings.train.batch_size, net.throughput
    measured = None
    if record:
        measured = IterationTime(batch_size / record.training.images_per_second, record.system.timed_on)
    work = float(net.counted.multiply_adds) * batch_size if net.counted else None
    return Sources([run.record.segments[-1] for run in net.runs if run.record.segments], measured, work)


def time_left(results: Results) -> Left:
    """Count the runs and the seconds that are left."""
    iterations, runs = dict[str, int](), 0
    for name, net in results.nets.items():
        stopped = [run.record.iteration for run in net.runs if run.record.status == "interrupted"]
        left = net.planned - len(net.runs) + len(stopped)
        iterations |= {name: left * net.iterations - sum(stopped)} if left else {}
        runs += left
    known = iteration_times({name: _sources(net) for name, net in results.nets.items()}, results.forecast)
    if iterations.keys() - known.keys():
        return Left(runs, None, ())
    seconds = sum((known[name].seconds * number for name, number in iterations.items()), 0.0)
    return Left(runs, seconds, tuple(dict.fromkeys(known[name].device for name in iterations)))


def left(results: Results, command: str) -> str:
    """How much of the plan is left, how long it takes, and the command."""
    rest, planned = time_left(results), sum(net.planned for net in results.nets.values())
    if not rest.runs:
        return f"**Left: nothing**; all {planned:,} planned runs have been made."
    takes = "time unknown"
    if rest.seconds:
        on = words.listed(map(escaped, rest.devices))
        takes = f"about {words.long_duration(rest.seconds)} on {on} at the measured speed"
    limit = results.params.limits.hours
    raised = f", with `limits.hours` raised from {limit:g}" if (rest.seconds or 0) > 3600 * limit else ""
    return f"**Left: {rest.runs:,} of {planned:,} runs**, {takes}: {code(command)}{raised}."


def sentences(results: Results, claims: DataFrame, command: str) -> list[str]:
    """The answer, a Markdown sentence each; empty without a net.

    Args:
        results: what was read.
        claims: with their verdicts, in the columns of claims.csv.
        command: what runs the plan.
    """
    if not results.nets:
        return []
    return [*filter(None, (reproduced(results), depth(results, claims), left(results, command)))]
