"""Which sections are on which page, in order, and how the pages and the files with them are written.

Everything is made in memory first: an error anywhere leaves an earlier report as it was.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from resnet.diagrams import Part
from resnet.diagrams import draw as drawn_net
from resnet.errors import UserError
from resnet.files import complete_or_absent, write_text
from resnet.report import answer, ladders
from resnet.report.answer import Judgement
from resnet.report.html_page import page
from resnet.report.markdown import bullets
from resnet.report.markdown_page import render
from resnet.report.results import Results, iteration_seconds
from resnet.report.section import Section
from resnet.report.topics import (
    against_published,
    claims,
    curves,
    differences,
    errors,
    latency,
    nets,
    provenance,
    responses,
    roofline,
    speed,
    tuning,
)

SUMMARY, STATISTICS, SPEED, PROVENANCE = "summary.md", "statistics.md", "speed.md", "provenance.md"

TITLES = {
    STATISTICS: "Every net, run and test",
    SPEED: "Speed and memory",
    PROVENANCE: "Machines, versions, recipe and files",
}
"""Of the pages that the summary links to, in order."""

TIDY = ("table.csv", "errors.csv", "curves.csv", "claims.csv", "benchmark.csv", "metrics.json")
"""The files in full precision."""

MARKERS = ("<!-- results of {} -->", "<!-- end of results of {} -->")
"""A report's headline is between them in another file, such as README.md; each names the folder of the report."""


class Plan(NamedTuple):
    """What a report is made of."""

    judged: Judgement
    others: Judgement | None
    """Of `report.other_plan`."""
    runs: str | None
    """The runs' folder as seen from the pages; None if its files are named and not linked."""
    docs: str | None
    """Likewise the folder of the docs."""
    command: str
    """What runs the plan, in the root of its repository."""


def pages(plan: Plan) -> dict[str, list[Section]]:
    """The sections of every page that the summary links to."""
    results, judged = plan.judged
    of_nets, data, report = results.nets, results.data, results.params.report
    others = plan.others.results.nets if plan.others else {}
    confidence, margin = report.confidence, report.margin
    return {
        STATISTICS: [
            provenance.what_was_run(of_nets, data),
            errors.every_net(of_nets, data),
            claims.every_claim(judged, of_nets, confidence),
            errors.seed_by_seed(of_nets, confidence),
            differences.degradation(of_nets, confidence),
            differences.plain_and_residual(of_nets, confidence),
            differences.images(of_nets, report),
            differences.ablations(of_nets, report, others),
            responses.layer_responses(of_nets, results.published),
            against_published.table_6(of_nets, data),
            against_published.verdicts(of_nets, data, confidence, margin),
            against_published.elsewhere(of_nets, data),
            against_published.weights(results.published),
            tuning.tuned(results.sweeps),
            errors.reading(of_nets),
        ],
        SPEED: [
            speed.every_net(of_nets),
            speed.throughput(of_nets),
            roofline.roofline(of_nets),
            latency.by_block(of_nets, results.latency, plan.runs),
            speed.usual_loop(results.usual_loop, plan.runs),
            speed.reading(of_nets),
        ],
        PROVENANCE: [
            provenance.not_counted(results.not_counted),
            _repeat(plan),
            provenance.made_by(of_nets, data, plan.docs),
            provenance.every_run(of_nets, plan.runs),
        ],
    }


def _repeat(plan: Plan) -> Section:
    results, judged = plan.judged
    primary = [x for x in judged if x.claim.family == "primary"]
    told = claims.frame(primary)
    needs, times = {x.claim.sentence: x.claim.nets for x in primary}, iteration_seconds(results)
    file = plan.command.removeprefix("dvc repro").strip()
    return provenance.repeat(results.nets, told, needs, times, results.params.report.confidence, file)


def headline(plan: Plan) -> list[Section]:
    """The answer, the one table and error against depth: what README.md has too."""
    results, others = plan.judged.results, plan.others.results.nets if plan.others else {}
    told = answer.sentences(plan.judged, plan.others, plan.command)
    return [Section("", (bullets(told) or answer.NO_NETS,)), errors.headline(results.nets, results.data, others)]


def body(plan: Plan) -> list[Section]:
    """What summary.md says below the headline."""
    results, judged = plan.judged
    of_nets, data, confidence = results.nets, results.data, results.params.report.confidence
    return [
        provenance.first_look(of_nets, data),
        claims.primary_claims(judged, of_nets, confidence, STATISTICS),
        curves.learning_curves(of_nets, data, confidence),
        curves.with_published_curves(of_nets, data, confidence),
    ]


class Report(NamedTuple):
    """A report in memory."""

    files: dict[str, bytes]
    """By their path below the reports, summary.md first."""
    absent: set[str]
    """Paths that it has nothing for, and where an earlier one may have left a file."""
    headline: str
    """What summary.md begins with, and README.md has."""


def _tidy(plan: Plan) -> dict[str, str]:
    """The files in full precision, by name; without a measured speed there is no benchmark.csv."""
    results, judged = plan.judged
    made = {
        "table.csv": nets.overview(results.nets, results.params.report.confidence),
        "errors.csv": nets.seeds(results.nets),
        "curves.csv": curves.frame(results.nets),
        "claims.csv": claims.frame(judged),
        "benchmark.csv": speed.benchmark(results.nets, results.latency),
    }
    texts = {
        name: frame.to_csv(index=False, lineterminator="\n")
        for name, frame in made.items()
        if name != "benchmark.csv" or len(frame)
    }
    return texts | {"metrics.json": f"{json.dumps(nets.metrics(results.nets), indent=2, allow_nan=False)}\n"}


def _drawings(results: Results) -> dict[str, str]:
    """The deepest residual net of up to 110 layers, and its block that halves height and width, as SVG."""
    described = [results.nets[name] for name in ladders.main_nets(results.nets, "resnet")]
    described = [net for net in described if net.description and net.depth <= ladders.DEEPEST]
    if not described:
        return {}
    name, description = described[-1].name, described[-1].description
    parts = {f"{name}, layer by layer": Part.net, "Where height and width are halved": Part.downsample}
    try:
        return {title: drawn_net(description, part) for title, part in parts.items() if description}
    except UserError:  # a description that is of no net of the paper
        return {}


def _judgement(results: Results) -> Judgement:
    return Judgement(results, claims.judge(results.nets, results.params.report))


def make(results: Results, others: Results | None, runs: Path, reports: Path) -> Report:
    """Make every file of the report in memory."""
    judged, other = _judgement(results), _judgement(others) if others else None
    plan = Plan(judged, other, _beside(runs, reports), _docs(reports), _command(reports))
    texts = tidy = _tidy(plan)
    figures, absent, behind = dict[str, bytes](), set[str](), pages(plan)
    for name, sections in behind.items():
        made = render(sections, tell_absent=True)
        figures, absent = figures | made.files, absent | {*made.absent}
        if made.text and results.nets:
            texts = texts | {name: f"# {TITLES[name]}\n\n[Summary]({SUMMARY})\n\n{made.text}"}
    head, below = headline(plan), body(plan) if results.nets else []
    first, rest = render(head), render([*below, _links(texts)] if below else [])
    absent |= {*first.absent, *rest.absent, *TITLES, *TIDY}
    of_page = {"": [*head, *below]} | {TITLES[name]: sections for name, sections in behind.items()}
    texts = texts | {"index.html": page(answer.TITLE, of_page, _drawings(results), [SUMMARY, *tidy], plan.runs)}
    texts = {SUMMARY: "\n".join(filter(None, (f"# {answer.TITLE}\n", first.text, rest.text)))} | texts
    files = {name: text.encode() for name, text in texts.items()} | figures | first.files | rest.files
    return Report(files, absent - files.keys(), first.text)


def _beside(runs: Path, reports: Path) -> str | None:
    """The path from the reports to the runs if they lie side by side: a machine's paths stay out."""
    relative = Path(os.path.relpath(os.path.realpath(runs), os.path.realpath(reports))).as_posix()
    return relative if relative.split("/").count("..") <= 1 and " " not in relative else None


def _root(reports: Path) -> tuple[Path, Path]:
    """The folder of the plan whose reports these are, and the root of its repository."""
    plan = Path(os.path.realpath(reports)).parent
    return plan, next((folder for folder in (plan, *plan.parents) if (folder / ".dvc").is_dir()), plan)


def _docs(reports: Path) -> str | None:
    """The path from the reports to the repository's docs, if it has some."""
    _, root = _root(reports)
    there = (root / "docs").is_dir() and (root / ".dvc").is_dir()
    return Path(os.path.relpath(root / "docs", os.path.realpath(reports))).as_posix() if there else None


def _command(reports: Path) -> str:
    """What runs the plan whose reports these are, in the root of its repository."""
    plan, root = _root(reports)
    return "dvc repro" if plan == root else f"dvc repro {shlex.quote((plan.relative_to(root) / 'dvc.yaml').as_posix())}"


def _links(made: Collection[str]) -> Section:
    """Links to the pages and files that were made."""
    lines = [f"[{TITLES[page]}]({page})" for page in TITLES if page in made]
    return Section("", (" · ".join([*lines, *(f"[{file}]({file})" for file in TIDY if file in made)]),))


def place(files: dict[str, bytes], absent: Iterable[str], folder: Path) -> None:
    """Put files into a folder, all or none, the first one last, and remove those that are absent now.

    All are complete before the first takes its name: a full disk leaves everything as it was.
    """
    with ExitStack() as stack:
        for name, content in files.items():
            with (stack.enter_context(complete_or_absent(folder / name))).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    for name in absent:
        (folder / name).unlink(missing_ok=True)


def write(results: Results, others: Results | None, runs: Path, reports: Path, readme: Path | None = None) -> Path:
    """Write the whole report; summary.md takes its place last, and then the headline in another file."""
    report = make(results, others, runs, reports)
    text = with_headline(readme, report.headline, reports) if readme else None
    place(report.files, report.absent, reports)
    if readme and text is not None:
        write_text(readme, text)
    return reports / SUMMARY


def with_headline(path: Path, made: str, reports: Path) -> str:
    """The text of another file, such as README.md, with a report's headline between its markers.

    Args:
        path: the file.
        made: the headline of the report.
        reports: where the report lies.

    Raises:
        UserError: the file cannot be read, or has not each marker once.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    folder = Path(os.path.relpath(reports, path.parent)).as_posix()
    start, end = (marker.format(folder) for marker in MARKERS)
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise UserError(f"{path}: must have the lines {start} and {end}, once each, for the headline between them")
    before, after = text.split(start)[0], text.split(end)[1]
    block = made.replace("(figures/", f"({folder}/figures/")
    return f"{before}{start}\n\n{block}\n{end}{after}"
