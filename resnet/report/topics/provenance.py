"""Where the numbers come from: what was run, what does not count, how to repeat it, hours, machines and every run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from pandas import DataFrame

from resnet.report import protocol, words
from resnet.report.markdown import Markdown, bold, bullets, code, escaped, link
from resnet.report.results import Net, NotCounted, Run
from resnet.report.samples import prediction
from resnet.report.section import Details, Section
from resnet.report.table import Cell, Table, table
from resnet.results import DataRecord, System
from resnet.results.iteration_time import IterationTime

Nets = Mapping[str, Net]
Times = Mapping[str, IterationTime]
"""Of a training iteration, by net."""

LEARNED = 0.8
"""A net has learned if its error is below this share of what guessing makes."""

REPEATED = (
    "The same machine, software and number of threads give the same bits. Anything else rounds differently, which "
    "at 56 layers changes a run as much as another seed does. *One more run* is the interval in which one more run of "
    "the net ends, by its runs here. *A repetition* is the interval in which the difference ends if all runs are made "
    "again. Hours are wall-clock hours on shared cores, for planning: load decides them as much as depth does. A "
    "claim's hours are from nothing, at the measured speed."
)


# What was run, and what keeps its errors from being the paper's.


def cautions(nets: Nets, data: DataRecord | None) -> list[str]:
    """What keeps the errors from being the paper's, a Markdown sentence or two each."""
    told = []
    if data and not data.official:
        told.append(f"**The data are {escaped(data.name)}, not the official CIFAR-10.** No published error applies.")
    shared = protocol.shared_deviations(nets.values(), data)
    if shared:
        told.append(f"**{'; '.join(x.sentence for x in shared)}.** These errors do not compare with the paper's.")
    own = {net.name: [x.sentence for x in protocol.deviations(net, data) if x not in shared] for net in nets.values()}
    alike = words.grouped({name: "; ".join(sentences) for name, sentences in own.items() if sentences}, 0)
    told += [
        f"**{escaped(who)}: {sentences}.** This does not compare with the paper's error."
        for sentences, who in alike.items()
    ]
    return told


def what_was_run(nets: Nets, data: DataRecord | None) -> Section:
    """How much of the plan is done, on which data, and the cautions."""
    planned, done = sum(net.planned for net in nets.values()), sum(len(net.done) for net in nets.values())
    counted = f"{words.numbered(len(nets), 'net')}; {done:,} of {planned:,} planned runs are done."
    if data:
        name = f"{'official ' if data.official else ''}{escaped(data.name)}"
        images = f"{data.train_images:,} training, {data.validation_images:,} validation and {data.test_images:,} test"
        counted += f" Data: {name} ({images} images)."
    return Section("", (counted, *cautions(nets, data)) if nets else ())


def first_look(nets: Nets, data: DataRecord | None) -> Section:
    """Whether nets learn on other data than CIFAR-10, such as the quickstart's: that shows that the line works."""
    errors = {net.name: values.mean for net in nets.values() if (values := net.over_seeds("test_error"))}
    if data is None or data.official or not errors:
        return Section("A first look")
    guessing, best = 100 * (1 - 1 / len(data.classes)), min(errors, key=errors.__getitem__)
    learned = sum(error < LEARNED * guessing for error in errors.values())
    works = f"It works: {learned} of {words.numbered(len(errors), 'net')} do clearly better than guessing."
    verdict = bold(works if learned else "It runs, and no net has learned much yet.")
    text = (
        f"{verdict} {escaped(best)} ends at a test error of {errors[best]:.2f} %, guessing at {guessing:.0f} %. This "
        "says nothing about depth: few iterations on few images reward the net that starts fast."
    )
    return Section("A first look", (text,))


def not_counted(left_out: Sequence[NotCounted]) -> Section:
    """The result files that no number comes from."""
    lines = [{"file": Cell(one.file), "not counted, because": Cell(one.reason)} for one in left_out]
    return Section("Not counted", (table(lines, left=2),))


# How to repeat it, and how long that takes.


def _hours(seconds: float | None) -> Cell:
    return Cell(words.NONE) if seconds is None else Cell(f"{seconds / 3600:,.1f}", seconds)


def _whole(names: Sequence[str], nets: Nets, times: Times) -> float | None:
    """Seconds of all planned runs of these nets, from nothing; None if a speed is unknown."""
    known = all(name in times for name in names)
    return sum(nets[x].planned * nets[x].iterations * times[x].seconds for x in names) if known else None


def _one_more(net: Net, confidence: float) -> str:
    """The interval in which one more run ends."""
    values = net.over_seeds("test_error")
    more = prediction(values, values.mean) if values else None
    if values is None or more is None:
        return words.NONE
    half = more.interval(confidence).high
    return words.interval_of_mean((max(0.0, values.mean - half), min(100.0, values.mean + half)))


def _repetition(claim: Any) -> str:
    """The interval in which the difference ends if all runs are made again: its own, larger by the square root of 2."""
    value = claim.difference
    if words.missing(value):
        return "not tested yet"
    low, high = (value + math.sqrt(2) * (end - value) for end in (claim.low, claim.high))
    return f"{value:+.2f}, a repetition {words.interval((low, high))} {claim.unit}"


def _command(names: Sequence[str], plan: str) -> Markdown:
    return code(" ".join(["dvc repro", *(f"{plan and f'{plan}:'}train@{name}" for name in names)]))


def _repeat(net: Net, times: Times, confidence: float, plan: str) -> dict[str, Cell]:
    """The runs of a net: command, hours, and where one more ends."""
    stopped = [run.record.iteration for run in net.runs if run.record.status == "interrupted"]
    made, segments = len(net.runs) - len(stopped), [part for run in net.runs for part in run.record.segments]
    iterations = (net.planned - made) * net.iterations - sum(stopped)
    left = iterations * times[net.name].seconds if net.name in times else None if iterations else 0.0
    return {
        "net": Cell(net.name),
        "command": Cell(_command([net.name], plan)),
        "runs made": Cell(f"{made} of {net.planned}", made),
        "hours spent": _hours(math.fsum(part.seconds / part.side_by_side for part in segments)),
        "hours left": _hours(left),
        "test error, %": Cell(words.sample(net.over_seeds("test_error"), "not run")),
        f"one more run, {100 * confidence:g} %": Cell(_one_more(net, confidence)),
    }


def repeat(
    nets: Nets, claims: DataFrame, needs: Mapping[str, Sequence[str]], times: Times, confidence: float, plan: str = ""
) -> Section:
    """Claims and nets by command, hours and tolerance.

    Args:
        nets: of the plan.
        claims: the primary ones, in the columns of claims.csv.
        needs: the nets of a claim, by its sentence.
        times: of an iteration; a net whose speed is unknown has none.
        confidence: of the tolerances.
        plan: the path of its `dvc.yaml` if that is not in the working directory.
    """
    of_claims, judged = list[dict[str, Cell]](), cast("Iterator[Any]", claims.itertuples())
    for claim in judged:
        names = needs[claim.claim]
        line = {
            "claim": Cell(claim.claim),
            "command": Cell(_command(names, plan)),
            "hours": _hours(_whole(names, nets, times)),
            "here, and the tolerance": Cell(_repetition(claim)),
        }
        of_claims.append(line)
    ordered = sorted(nets.values(), key=lambda net: (net.kind != "resnet", net.depth))
    of_nets = [_repeat(net, times, confidence, plan) for net in ordered]
    spent, left = ([line[column].value for line in of_nets] for column in ("hours spent", "hours left"))
    whole = None if None in left else math.fsum(x for x in left if x)
    empty = dict.fromkeys(of_nets[0], Cell("")) if of_nets else {}
    totals = {"hours spent": _hours(math.fsum(x for x in spent if x)), "hours left": _hours(whole)}
    shown = table([*of_nets, empty | {"net": Cell("all")} | totals] if nets else [], left=2)
    return Section("How to repeat it", (table(of_claims, left=2), shown, REPEATED) if nets else ())


# What made the results.


class Made(NamedTuple):
    """A measurement and what made it."""

    what: str
    net: str
    system: System


def _made(nets: Nets) -> Iterator[Made]:
    for net in nets.values():
        yield from (Made("training", net.name, part.system) for run in net.runs for part in run.record.segments)
        yield from [Made("images/s", net.name, net.throughput.system)] if net.throughput else []
        yield from [Made("layer responses", net.name, net.responses.system)] if net.responses else []


def _by_maker(made: Sequence[Made], describe: Callable[[System], Any]) -> dict[Any, str]:
    """What each maker made: `training of resnet-20 and plain-20; images/s of resnet-20`."""
    by = dict[Any, dict[str, dict[str, None]]]()
    for one in made:
        by.setdefault(describe(one.system), {}).setdefault(one.what, {})[one.net] = None
    return {
        maker: "; ".join(f"{what} of {words.listed(names)}" for what, names in of_maker.items())
        for maker, of_maker in by.items()
    }


def _machine(system: System) -> tuple[str, ...]:
    """The cells of a machine, in the columns of `machines`."""
    memory = f", {words.size(system.device_memory_bytes)}" if system.device_memory_bytes else ""
    gpu = f"{system.device_name} ({system.device}{memory}); " if system.device != "cpu" else ""
    compiled = f"compiled by {system.compiler}" if system.compiler else "compiled"
    ran = {None: words.NONE, True: compiled, False: "PyTorch's own"}[system.fused]
    counts = str(system.cores), str(system.threads), words.size(system.memory_bytes)
    return (f"{gpu}{system.processor}", system.instructions or "not recorded", *counts, system.platform, ran)


def machines(made: Sequence[Made]) -> Table:
    columns = ("processor", "instructions", "cores", "threads", "memory", "system", "operations")
    makers = _by_maker(made, _machine).items()
    return table([{**dict(zip(columns, cells, strict=True)), "made": what} for cells, what in makers], left=8)


def _versions(system: System) -> str:
    packages = (f"{name} {version}" for name, version in sorted(system.versions.items()))
    return escaped(", ".join([f"Python {system.python}", *packages]))


def _commit(system: System) -> str:
    modified = " **with uncommitted changes**" if system.modified else ""
    return f"{code(system.commit)}{modified}" if system.commit else "outside a checkout"


def _data(data: DataRecord) -> str:
    digests = ", ".join(f"{part} {code(digest)}" for part, digest in sorted(data.fingerprint.items()))
    name = f"{escaped(data.name)} ({'official' if data.official else 'not the official CIFAR-10'})"
    split = f"split seed {data.split_seed}, {code(data.split_fingerprint)}"
    return f"{name}: SHA-256 of {digests}; validation images drawn with {split}."


def made_by(nets: Nets, data: DataRecord | None, docs: str | None = None) -> Section:
    """Data, machines, versions and commits, each with what it made; `docs`: the folder as seen from the page."""
    made, blocks = list(_made(nets)), list[str | Table]()
    if data:
        trained = {net.name: net.runs[0].record.precision for net in nets.values() if net.runs}
        precisions = [f"{escaped(who)}: {precision}" for precision, who in words.grouped(trained, len(nets)).items()]
        title = "**Precision of training**; final errors are measured in fp32"
        blocks += [f"**Data**\n\n- {_data(data)}", f"{title}\n\n{bullets(precisions)}"]
    for heading, describe in (("Versions", _versions), ("Commits", _commit)) if made else ():
        makers = _by_maker(made, describe)
        listed = bullets(f"{maker}: {escaped(what)}" if len(makers) > 1 else maker for maker, what in makers.items())
        blocks.append(f"**{heading}**\n\n{listed}")
    rest = f"Terms, licences, runs that were made and replaced, and why this length: {link('protocol.md', docs)}."
    return Section("What made it", (machines(made), *blocks, rest) if nets else ())


# Every run.


def _run(net: Net, run: Run) -> dict[str, Cell]:
    record = run.record
    return {
        "net": Cell(net.name),
        "result file": Cell(run.file, link=run.file),
        "seed": Cell(str(run.seed), run.seed),
        "status": Cell(record.status),
        "iterations": Cell(f"{words.count(record.iteration)} of {words.count(record.iterations)}", record.iteration),
        "test error, %": Cell(words.percent(record.test_error), record.test_error),
        "training error, %": Cell(words.percent(record.training_error), record.training_error),
        "validation error, %": Cell(words.percent(record.validation_error), record.validation_error),
        "warm-up iterations": Cell(words.count(record.warmup_iterations or None), record.warmup_iterations),
        "time": Cell(words.duration(record.seconds), record.seconds),
        "configuration": Cell(code(record.identity.configuration[:12])),
        "version": Cell(str(record.identity.version)),
    }


def every_run(nets: Nets, runs: str | None) -> Section:
    """Every run that counts, with its file; `runs`: the runs' folder as seen from the page."""
    lines = [_run(net, run) for net in nets.values() for run in net.runs]
    shown = Details("Every training run; its folder has the curve and the predictions", (table(lines, left=2),))
    return Section("", (shown,) if lines else (), runs)
