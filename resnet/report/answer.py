"""The answer: what is reproduced, what depth does and what is left, a sentence each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from resnet.report import ladders, protocol, words
from resnet.report.markdown import code, escaped
from resnet.report.results import Results, iteration_seconds
from resnet.report.topics import against_published
from resnet.report.topics.claims import Judged

TITLE = "Does depth help? He et al., CVPR 2016, section 4.2"


def reproduced(results: Results) -> str:
    """Ours against the paper's, or why the two do not compare.

    Written out are the shallowest and the deepest of the nets up to 110 layers.
    """
    nets, data, report, ends = results.nets, results.data, results.params.report, list[str]()
    done = [nets[name] for name in ladders.without_ablations(nets) if nets[name].done]
    if not done or data is None:
        return "**No run is done yet.**"
    if not data.official:
        return f"**Not CIFAR-10**: the data are {escaped(data.name)}, whose errors the paper's say nothing about."
    if not protocol.on_the_papers_schedule(done, data):
        return f"**{protocol.deviations(done[0], data)[0].sentence}.** These errors do not compare with the paper's."
    compared = against_published.comparisons(nets, data, report)
    found = [one for one in compared if one.figure.source == "paper"]
    if not found:
        return "**The paper prints no error of these nets.**"
    ladder = [one for one in found if one.net.depth <= ladders.DEEPEST]
    by_depth = sorted(ladder or found, key=lambda one: one.net.depth)
    for one in by_depth[:1] + by_depth[1:][-1:]:
        interval, runs = words.interval_of_mean(one.ours.interval(report.confidence)), words.numbered(one.ours.n, "run")
        between = f"{100 * report.confidence:g} % interval {interval}, " if one.ours.n > 1 else ""
        papers = words.spread(one.figure.error, one.figure.std, None)
        ends.append(f"{escaped(one.net.name)} **{one.ours.mean:.2f} %** ({between}{runs}), the paper's {papers} %")
    counts = Counter(one.word for one in found)
    title = f"**Reproduced: {counts['equivalent']} of {words.numbered(len(found), 'net')}** within {report.margin:g}"
    rest = "".join(f", {counts[word]} {word}" for word in ("different", "undecided") if counts[word])
    return f"{title} points of the paper's test error{rest}: {'; '.join(ends)}."


def _statement(judged: Judged) -> str:
    """A claim's gist with its verdict: `plain nets degrade (**shown**, +2.31 points)`; undecided, with its p."""
    sentence, tested = judged.claim.sentence.split(":")[0], judged.tested
    gist = escaped(sentence[0].lower() + sentence[1:])
    if not tested:
        return f"{gist} (**not tested**, {escaped(judged.why_not_tested)})"
    p = f", corrected p {words.p_value(judged.p_holm)}" if judged.verdict == "undecided" else ""
    return f"{gist} (**{judged.verdict}**, {tested.difference:+.2f} {judged.claim.unit}{p})"


def depth(results: Results, claims: Sequence[Judged]) -> str:
    """The verdicts of the claims."""
    if not claims:
        return ""
    where = f" on {escaped(on)}" if (on := ladders.run_on(results.nets, results.data)) else ""
    if not any(x.tested for x in claims):
        names = dict.fromkeys(name for x in claims for name in x.claim.contrast)
        done = words.listed(f"{escaped(name)} {len(results.nets[name].done)}" for name in names)
        return f"**Depth{where}: nothing can be said yet**. Two runs of each net are needed; done so far: {done}."
    interim = " Interim: not all planned runs are done." if any(x.interim for x in claims) else ""
    return f"**Depth{where}**: {'; '.join(map(_statement, claims))}.{interim}"


def left(results: Results, command: str) -> str:
    """How much of the plan is left, how long it takes on one device, and the command."""
    unfinished, known = [net for net in results.nets.values() if net.runs_left], iteration_seconds(results)
    runs, planned = sum(net.runs_left for net in unfinished), sum(net.planned for net in results.nets.values())
    if not runs:
        return f"**Left: nothing**; all {planned:,} planned runs have been made."
    takes, raised, limit = "time unknown", "", results.params.limits.hours
    if all(net.name in known for net in unfinished):
        seconds = sum(known[net.name].seconds * net.iterations_left for net in unfinished)
        on = words.listed(map(escaped, dict.fromkeys(known[net.name].device for net in unfinished)))
        takes = f"about {words.long_duration(seconds)} on {on} at the measured speed"
        raised = f", with `limits.hours` raised from {limit:g}" if seconds > 3600 * limit else ""
    return f"**Left: {runs:,} of {planned:,} runs**, {takes}: {code(command)}{raised}."


def sentences(plans: Sequence[tuple[Results, Sequence[Judged]]], command: str) -> list[str]:
    """The answer, a Markdown sentence each.

    Of another plan with these nets, the second, the depth is said too. `command` runs the first.
    """
    results = plans[0][0]
    return [reproduced(results), *filter(None, (depth(*plan) for plan in plans)), left(results, command)]
