"""Where the numbers come from: what was run, what does not count, how to repeat it, hours, machines and every run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from resnet.report import protocol, words
from resnet.report.markdown import Markdown, bold, bullets, code, escaped, link
from resnet.report.results import Net, Nets
from resnet.report.samples import prediction
from resnet.report.section import Section
from resnet.report.table import Cell, Table, table
from resnet.results import DataRecord, System
from resnet.results.iteration_time import IterationTime

T = TypeVar("T")
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


def what_was_run(nets: Nets, data: DataRecord | None) -> Section:
    """How much of the plan is done, on which data, and what keeps the errors from being the paper's."""
    planned, done = sum(net.planned for net in nets.values()), sum(len(net.done) for net in nets.values())
    said = [f"{words.numbered(len(nets), 'net')}; {done:,} of {planned:,} planned runs are done."]
    if data:
        name = f"{'official ' if data.official else ''}{escaped(data.name)}"
        images = f"{data.train_images:,} training, {data.validation_images:,} validation and {data.test_images:,} test"
        said[0] += f" Data: {name} ({images} images)."
        if not data.official:
            said += [f"**The data are {escaped(data.name)}, not the official CIFAR-10.** No published error applies."]
    shared = protocol.shared_deviations(nets.values(), data)
    if shared:
        said.append(f"**{'; '.join(x.sentence for x in shared)}.** These errors do not compare with the paper's.")
    own = {net.name: [x.sentence for x in protocol.deviations(net, data) if x not in shared] for net in nets.values()}
    alike = words.grouped({name: "; ".join(sentences) for name, sentences in own.items() if sentences}, 0)
    for sentences, who in alike.items():
        said.append(f"**{escaped(who)}: {sentences}.** This does not compare with the paper's error.")
    return Section("", tuple(said) if nets else ())


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


def not_counted(left_out: Sequence[tuple[str, str]]) -> Section:
    """The result files that no number comes from."""
    lines = [{"file": file, "not counted, because": reason} for file, reason in left_out]
    return Section("Not counted", (table(lines, left=2),))


def _hours(seconds: float) -> Cell:
    """Seconds in hours; NaN where they are unknown."""
    return Cell(words.NONE) if math.isnan(seconds) else Cell(f"{seconds / 3600:,.1f}", seconds)


def _one_more(net: Net, confidence: float) -> str:
    """The interval in which one more run ends."""
    values = net.over_seeds("test_error")
    if values and (more := prediction(values, 0.0)):
        low, high = more.interval(confidence)
        return words.interval_of_mean((max(0.0, low), min(100.0, high)))
    return words.NONE


def _repetition(judged: Any) -> str:
    """The interval in which the difference ends if all runs are made again: its own, larger by the square root of 2."""
    if not (tested := judged.tested):
        return "not tested yet"
    value = tested.difference
    low, high = (value + math.sqrt(2) * (end - value) for end in (tested.low, tested.high))
    return f"{value:+.2f}, a repetition {words.interval((low, high))} {judged.claim.unit}"


def repeat(nets: Nets, claims: Sequence[Any], times: Times, confidence: float, plan: str = "") -> Section:
    """The claims, as they are judged, and the nets: by command, hours and tolerance.

    `times` are of an iteration, and has no net whose speed is unknown; `plan` is the path of its `dvc.yaml` if that is
    not in the working directory.
    """
    seconds = {name: times[name].seconds if name in times else math.nan for name in nets}
    whole = {name: net.planned * net.iterations * seconds[name] for name, net in nets.items()}

    def command(names: Sequence[str]) -> Markdown:
        return code(" ".join(["dvc repro", *(f"{plan and f'{plan}:'}train@{name}" for name in names)]))

    of_claims = [
        {
            "claim": Cell(x.claim.sentence),
            "command": Cell(command(x.claim.nets)),
            "hours": _hours(sum(whole[name] for name in x.claim.nets)),
            "here, and the tolerance": Cell(_repetition(x)),
        }
        for x in claims
    ]
    of_nets, spent, left = list[dict[str, Cell]](), list[float](), list[float]()
    for net in sorted(nets.values(), key=lambda net: (net.kind != "resnet", net.depth)):
        made = net.planned - net.runs_left
        spent.append(math.fsum(x.seconds / x.side_by_side for run in net.runs for x in run.record.segments))
        left.append(net.iterations_left * seconds[net.name] if net.iterations_left else 0.0)
        line = {
            "net": Cell(net.name),
            "command": Cell(command([net.name])),
            "runs made": Cell(f"{made} of {net.planned}", made),
            "hours spent": _hours(spent[-1]),
            "hours left": _hours(left[-1]),
            "test error, %": Cell(words.sample(net.over_seeds("test_error"), "not run")),
            f"one more run, {100 * confidence:g} %": Cell(_one_more(net, confidence)),
        }
        of_nets.append(line)
    totals = {"net": Cell("all"), "hours spent": _hours(math.fsum(spent)), "hours left": _hours(math.fsum(left))}
    shown = table([*of_nets, dict.fromkeys(of_nets[0], Cell("")) | totals], left=2) if nets else Table()
    return Section("How to repeat it", (table(of_claims, left=2), shown, REPEATED) if nets else ())


def _made(nets: Nets, describe: Callable[[System], T]) -> dict[T, str]:
    """What each maker made: `training of resnet-20 and plain-20; images/s of resnet-20`."""
    by = dict[T, dict[str, dict[str, None]]]()
    for net in nets.values():
        measured = {"images/s": net.throughput, "layer responses": net.responses}
        systems = [("training", part.system) for run in net.runs for part in run.record.segments]
        for what, system in [*systems, *((what, record.system) for what, record in measured.items() if record)]:
            by.setdefault(describe(system), {}).setdefault(what, {})[net.name] = None
    return {
        maker: "; ".join(f"{what} of {words.listed(names)}" for what, names in of_maker.items())
        for maker, of_maker in by.items()
    }


def _machine(system: System) -> tuple[tuple[str, str], ...]:
    memory = f", {words.size(system.device_memory_bytes)}" if system.device_memory_bytes else ""
    gpu = f"{system.device_name} ({system.device}{memory}); " if system.device != "cpu" else ""
    compiled = f"compiled by {system.compiler}" if system.compiler else "compiled"
    cells = {
        "processor": f"{gpu}{system.processor}",
        "instructions": system.instructions or "not recorded",
        "cores": str(system.cores),
        "threads": str(system.threads),
        "memory": words.size(system.memory_bytes),
        "system": system.platform,
        "operations": {None: words.NONE, True: compiled, False: "PyTorch's own"}[system.fused],
    }
    return tuple(cells.items())


def _versions(system: System) -> str:
    return escaped(", ".join([f"Python {system.python}", *(" ".join(x) for x in sorted(system.versions.items()))]))


def _commit(system: System) -> str:
    modified = " **with uncommitted changes**" if system.modified else ""
    return f"{code(system.commit)}{modified}" if system.commit else "outside a checkout"


def made_by(nets: Nets, data: DataRecord | None, docs: str | None = None) -> Section:
    """Data, machines, versions and commits, each with what it made; `docs`: the folder as seen from the page."""
    machines = table([{**dict(cells), "made": what} for cells, what in _made(nets, _machine).items()], left=8)
    blocks = list[str | Table]()
    if data:
        name = f"{escaped(data.name)} ({'official' if data.official else 'not the official CIFAR-10'})"
        digests = ", ".join(f"{part} {code(digest)}" for part, digest in sorted(data.fingerprint.items()))
        split = f"validation images drawn with split seed {data.split_seed}, {code(data.split_fingerprint)}"
        trained = {net.name: net.runs[0].record.precision for net in nets.values() if net.runs}
        precisions = [f"{escaped(who)}: {precision}" for precision, who in words.grouped(trained, len(nets)).items()]
        title = "**Precision of training**; final errors are measured in fp32"
        blocks += [f"**Data**\n\n- {name}: SHA-256 of {digests}; {split}.", f"{title}\n\n{bullets(precisions)}"]
    for heading, makers in {"Versions": _made(nets, _versions), "Commits": _made(nets, _commit)}.items():
        listed = bullets(f"{maker}: {escaped(what)}" if len(makers) > 1 else maker for maker, what in makers.items())
        blocks += [f"**{heading}**\n\n{listed}"] if makers else []
    rest = f"Terms, licences, runs that were made and replaced, and why this length: {link('protocol.md', docs)}."
    return Section("What made it", (machines, *blocks, rest) if nets else ())


def every_run(nets: Nets, runs: str | None) -> Section:
    """Every run that counts, with its file; `runs`: the runs' folder as seen from the page."""
    lines = []
    for name, run in ((name, run) for name, net in nets.items() for run in net.runs):
        record = run.record
        line = {
            "net": Cell(name),
            "result file": Cell(link(run.file, runs) if runs else run.file),
            "seed": Cell(str(run.seed), run.seed),
            "status": Cell(record.status),
            "iterations": Cell(f"{record.iteration:,} of {record.iterations:,}", record.iteration),
            "test error, %": Cell(words.percent(record.test_error), record.test_error),
            "training error, %": Cell(words.percent(record.training_error), record.training_error),
            "validation error, %": Cell(words.percent(record.validation_error), record.validation_error),
            "warm-up iterations": Cell(words.count(record.warmup_iterations or None), record.warmup_iterations),
            "time": Cell(words.duration(record.seconds), record.seconds),
            "configuration": Cell(code(record.identity.configuration[:12])),
            "version": Cell(str(record.identity.version)),
        }
        lines.append(line)
    return Section("", (table(lines, 2, "Every training run; its folder has the curve and the predictions"),))
