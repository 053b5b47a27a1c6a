"""Where the numbers come from: what was run, what does not count, how to repeat it, hours, machines and every run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from resnet.report import protocol, words
from resnet.report.markdown import bullets, code, escaped, link
from resnet.report.results import Net, Nets
from resnet.report.samples import prediction
from resnet.report.section import Section
from resnet.report.table import Cell, table
from resnet.results import DataRecord, System
from resnet.results.iteration_time import IterationTime

Times = Mapping[str, IterationTime]
"""Of a training iteration, by net."""

REPEATED = (
    "The same machine, software and number of threads give the same bits. Anything else rounds differently, which "
    "at 56 layers changes a run as much as another seed does. *Here* is a net's test error in %, or a claim's "
    "difference. *A repetition* is the interval in which one more run of the net ends, or the difference if all runs "
    "are made again. Hours are wall-clock hours from nothing, and left, at the measured speed on shared cores: load "
    "decides them as much as depth does."
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


def not_counted(left_out: Sequence[tuple[str, str]]) -> Section:
    """The result files that no number comes from."""
    lines = [{"file": file, "not counted, because": reason} for file, reason in left_out]
    return Section("Not counted", (table(lines, left=2),))


def _hours(seconds: float) -> Cell:
    """Seconds in hours; NaN where they are unknown."""
    return Cell(words.NONE) if math.isnan(seconds) else Cell(f"{seconds / 3600:,.1f}", seconds)


def _of_net(net: Net, confidence: float) -> tuple[str, str]:
    """Its test error, and the interval in which one more run ends."""
    values, again = net.over_seeds("test_error"), words.NONE
    if values and (more := prediction(values, 0.0)):
        again = words.interval_of_mean(more.interval(confidence))
    return words.sample(values, "not run"), again


def _of_claim(judged: Any) -> tuple[str, str]:
    """Its difference, and the interval of all runs made again: its own, larger by the square root of 2."""
    if not (tested := judged.tested):
        return "not tested yet", words.NONE
    value = tested.difference
    low, high = (value + math.sqrt(2) * (end - value) for end in (tested.low, tested.high))
    return f"{value:+.2f} {judged.claim.unit}", words.interval((low, high))


def repeat(nets: Nets, claims: Sequence[Any], times: Times, confidence: float, plan: str = "") -> Section:
    """The nets and the claims, as they are judged: by command, hours and tolerance.

    `times` are of an iteration, and has no net whose speed is unknown; `plan` is the path of its `dvc.yaml` if that is
    not in the working directory.
    """

    def line(what: str, names: Sequence[str], here: str = "", again: str = "") -> dict[str, Cell]:
        targets = [f"{plan and f'{plan}:'}train@{name}" for name in names]
        made = whole = left = 0.0
        for net in map(nets.__getitem__, names):
            seconds = times[net.name].seconds if net.name in times else math.nan
            made += net.planned - net.runs_left
            whole += net.planned * net.iterations * seconds
            left += net.iterations_left * seconds if net.iterations_left else 0.0
        return {
            "net or claim": Cell(what),
            "command": Cell(code(" ".join(["dvc repro", *targets]))),
            "runs made": Cell(f"{made:.0f} of {sum(nets[name].planned for name in names)}", made),
            "hours": _hours(whole),
            "hours left": _hours(left),
            "here": Cell(here),
            f"a repetition, {100 * confidence:g} %": Cell(again),
        }

    ordered = sorted(nets.values(), key=lambda net: (net.kind != "resnet", net.depth))
    lines = [line(net.name, [net.name], *_of_net(net, confidence)) for net in ordered]
    lines += [line("all", [*nets]) | {"command": Cell(code(f"dvc repro {plan}"))}]
    lines += [line(x.claim.sentence, x.claim.nets, *_of_claim(x)) for x in claims]
    return Section("How to repeat it", (table(lines, left=2), REPEATED) if nets else ())


def _software(system: System) -> dict[str, Cell]:
    """What decides the bits: rows of one table differ in it."""
    device = f"{system.device_name} ({system.device}); " if system.device != "cpu" else ""
    compiled = f"compiled by {system.compiler}" if system.compiler else "compiled"
    versions = ", ".join([f"Python {system.python}", *(" ".join(x) for x in sorted(system.versions.items()))])
    return {
        "processor": Cell(f"{device}{system.processor}"),
        "instructions": Cell(system.instructions or "not recorded"),
        "threads": Cell(str(system.threads)),
        "operations": Cell({None: words.NONE, True: compiled, False: "PyTorch's own"}[system.fused]),
        "software": Cell(versions),
    }


def made_by(nets: Nets, data: DataRecord | None, docs: str | None = None) -> Section:
    """The data, and machines with what each made; `docs`: the folder as seen from the page."""
    made = dict[tuple[Cell, ...], dict[str, dict[str, None]]]()  # kinds of results with their nets, by machine
    columns = tuple[str, ...]()
    for net in nets.values():
        measured = {"images/s": net.throughput, "layer responses": net.responses}
        systems = [("training", part.system) for run in net.runs for part in run.record.segments]
        for what, system in [*systems, *((what, record.system) for what, record in measured.items() if record)]:
            cells = _software(system)
            columns = tuple(cells)
            made.setdefault(tuple(cells.values()), {}).setdefault(what, {})[net.name] = None
    lines = [
        dict(zip(columns, cells, strict=True))
        | {"made": Cell("; ".join(f"{what} of {words.listed(names)}" for what, names in kinds.items()))}
        for cells, kinds in made.items()
    ]
    said = list[str]()
    if data:
        name = f"{escaped(data.name)} ({'official' if data.official else 'not the official CIFAR-10'})"
        digests = ", ".join(f"{part} {code(digest)}" for part, digest in sorted(data.fingerprint.items()))
        split = f"validation images drawn with split seed {data.split_seed}, {code(data.split_fingerprint)}"
        said += [f"{name}: SHA-256 of {digests}; {split}."]
    said += [f"Terms, licences, runs that were made and replaced, and why this length: {link('protocol.md', docs)}."]
    return Section("What made it", (table(lines, left=6), bullets(said)) if nets else ())


def _commit(system: System) -> str:
    return (system.commit or "no checkout")[:12] + (", changed" if system.modified else "")


def every_run(nets: Nets, runs: str | None) -> Section:
    """Every run that counts, with its file; `runs`: the runs' folder as seen from the page."""
    lines = []
    for name, run in ((name, run) for name, net in nets.items() for run in net.runs):
        record = run.record
        warm = f", warm-up {record.warmup_iterations}" if record.warmup_iterations else ""
        line = {
            "net": Cell(name),
            "result file": Cell(link(run.file, runs) if runs else run.file),
            "status": Cell(record.status),
            "iterations": Cell(f"{record.iteration:,} of {record.iterations:,}{warm}", record.iteration),
            "test error, %": Cell(words.percent(record.test_error), record.test_error),
            "training error, %": Cell(words.percent(record.training_error), record.training_error),
            "validation error, %": Cell(words.percent(record.validation_error), record.validation_error),
            "time": Cell(words.duration(record.seconds), record.seconds),
            "trained in": Cell(record.precision),
            "commits": Cell("; ".join(dict.fromkeys(_commit(segment.system) for segment in record.segments))),
        }
        lines.append(line)
    return Section("", (table(lines, 2, "Every training run; its folder has the curve and the predictions"),))
