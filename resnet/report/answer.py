"""The answer: what is reproduced, what depth does and what is left, a sentence each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from resnet.report import ladders, protocol, words
from resnet.report.markdown import code, escaped
from resnet.report.published import published
from resnet.report.results import Net, Results, iteration_seconds
from resnet.report.samples import Sample
from resnet.report.topics import against_published, errors
from resnet.report.topics.claims import Judged

TITLE = "Does depth help? He et al., CVPR 2016, section 4.2"
NO_NETS = "The parameters name no net: there is nothing to report."


class Judgement(NamedTuple):
    """A plan's results with its claims."""

    results: Results
    claims: Sequence[Judged]


# Reproduced?


def _error(net: Net, values: Sample, confidence: float) -> str:
    """`resnet-20 8.32 % (95 % interval 7.05 to 9.59, 2 runs)`."""
    ends = errors.interval(values, confidence)
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


def reproduced(results: Results) -> str:
    """Ours against the paper's, or why the two do not compare."""
    nets, data, report = results.nets, results.data, results.params.report
    done = [nets[name] for name in ladders.without_ablations(nets) if nets[name].done]
    if not done or data is None:
        return "**No run is done yet.**" if ladders.started(nets) else "**Nothing has been trained yet.**"
    ours = f"Test error: {_listed(done, report.confidence)}."
    if not data.official:
        return (
            f"**Not CIFAR-10**: the data are {escaped(data.name)}, whose errors the paper's say nothing about. {ours}"
        )
    alike = protocol.on_the_papers_schedule(done, data)
    if not alike:
        usual, papers = ladders.usual_length(done), published().protocol.iterations
        if usual != papers:
            return f"**A schedule of {usual:,} iterations**, the paper's has {papers:,}. {ours}"
        first = protocol.deviations(done[0], data)[0].sentence
        return f"**Not the paper's experiment**: {first[0].lower()}{first[1:]}. {ours}"
    found = against_published.with_the_paper(nets, data, report.confidence, report.margin)
    if not found:
        return f"**The paper prints no error of these nets.** {ours}"
    counts = Counter(one.word for one in found.values())
    rest = "".join(f", {counts[word]} {word}" for word in ("different", "undecided") if counts[word])
    title = (
        f"**Reproduced: {counts['equivalent']} of {words.numbered(len(found), 'net')}** within {report.margin:g} "
        f"points of the paper's test error{rest}"
    )
    shown = []
    for one in (found[net.name] for net in _ends([nets[name] for name in found])):
        paper = words.spread(one.figure.error, one.figure.std, None)
        shown.append(f"{_error(one.net, one.ours, report.confidence)}, the paper's {paper} %")
    return f"{title}: {'; '.join(shown)}."


# What depth does.


def _statement(judged: Judged, confidence: float) -> str:
    """A claim's gist with its verdict: `plain nets degrade (**shown**, +2.31 points)`; undecided, with the interval."""
    gist = judged.claim.sentence.split(":")[0]
    gist = gist if gist.split("-")[0] in ("resnet", "plain") else gist[0].lower() + gist[1:]
    if judged.evidence is None:
        return f"{escaped(gist)} (**not tested**, {escaped(judged.why_not)})"
    difference = judged.evidence.difference
    undecided = judged.verdict == "undecided"
    amount = words.interval(difference.interval(confidence)) if undecided else f"{difference.value:+.2f}"
    return f"{escaped(gist)} (**{judged.verdict}**, {amount} {judged.claim.unit})"


def depth(plan: Judgement) -> str:
    """The verdicts of the primary claims."""
    results, primary = plan.results, [x for x in plan.claims if x.claim.family == "primary"]
    if not primary:
        return ""
    data, length = results.data, ladders.usual_length(results.nets.values())
    where = "" if protocol.official(data) else f" on {escaped(data.name)}" if data else ""
    where += "" if length == published().protocol.iterations else f" after {length:,} iterations"
    if not any(x.evidence for x in primary):
        names = dict.fromkeys(name for x in primary for name in x.claim.contrast)
        done = words.listed(f"{escaped(name)} {len(results.nets[name].done)}" for name in names)
        return f"**Depth{where}: nothing can be said yet**. Two runs of each net are needed; done so far: {done}."
    confidence = results.params.report.confidence
    statements = "; ".join(_statement(x, confidence) for x in primary)
    interim = " Interim: not all planned runs are done." if any(x.interim for x in primary) else ""
    return f"**Depth{where}**: {statements}.{interim}"


# What is left.


class Left(NamedTuple):
    runs: int
    """Planned runs that have not come to their end, done or diverged."""
    seconds: float | None
    """Of one device, for all of them; None if the speed of a net is unknown."""
    devices: tuple[str, ...]
    """What the speeds were measured on."""


def time_left(results: Results) -> Left:
    """Count the runs and the seconds that are left."""
    unfinished = [net for net in results.nets.values() if net.runs_left]
    runs, known = sum(net.runs_left for net in unfinished), iteration_seconds(results)
    if any(net.name not in known for net in unfinished):
        return Left(runs, None, ())
    seconds = sum((known[net.name].seconds * net.iterations_left for net in unfinished), 0.0)
    return Left(runs, seconds, tuple(dict.fromkeys(known[net.name].device for net in unfinished)))


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


def sentences(plan: Judgement, other: Judgement | None, command: str) -> list[str]:
    """The answer, a Markdown sentence each; empty without a net.

    Args:
        plan: what was read, with its claims.
        other: the same of another plan with these nets, of which the depth is said too.
        command: what runs the plan.
    """
    if not plan.results.nets:
        return []
    told = (reproduced(plan.results), depth(plan), depth(other) if other else "", left(plan.results, command))
    return [*filter(None, told)]
