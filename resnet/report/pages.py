"""Which sections are on which page, in order, and how the pages and the files with them are written.

Everything is made in memory first: an error anywhere leaves an earlier report as it was.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path

from resnet.diagrams import Part
from resnet.diagrams import draw as drawn_net
from resnet.errors import UserError
from resnet.files import complete_or_absent, write_text
from resnet.report import answer, ladders
from resnet.report.html_page import element, page
from resnet.report.markdown import bullets, link
from resnet.report.markdown_page import render
from resnet.report.results import Results, iteration_seconds
from resnet.report.section import Picture, Section
from resnet.report.style import saved, style
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
    speed,
    tuning,
)
from resnet.report.topics.claims import Judged

SUMMARY, STATISTICS, SPEED, PROVENANCE = "summary.md", "statistics.md", "speed.md", "provenance.md"

TITLES = {
    STATISTICS: "Every net, run and test",
    SPEED: "Speed and memory",
    PROVENANCE: "Machines, versions, recipe and files",
}
"""Of the pages that the summary links to, in order."""

BENCHMARK = "benchmark.csv"
"""Which there is not without a measured speed."""

MARKERS = ("<!-- results of {} -->", "<!-- end of results of {} -->")
"""A report's headline is between them in another file, such as README.md; each names the folder of the report."""


def where(runs: Path, reports: Path) -> tuple[str | None, str | None, str]:
    """What pages link to: the runs and the docs as seen from them, and the plan's `dvc.yaml` in its repository.

    Runs are None, and named without a link, if their folder is not next to the reports: a machine's paths stay out.
    The plan is empty in the root of its repository.
    """
    pages = Path(os.path.realpath(reports))
    linked = Path(os.path.relpath(os.path.realpath(runs), pages)).as_posix()
    near = linked.split("/").count("..") <= 1 and " " not in linked
    root = next((folder for folder in pages.parents if (folder / ".dvc").is_dir()), pages.parent)
    there = (root / "docs").is_dir() and (root / ".dvc").is_dir()
    plan = (pages.parent / "dvc.yaml").relative_to(root).as_posix()
    return (
        linked if near else None,
        Path(os.path.relpath(root / "docs", pages)).as_posix() if there else None,
        shlex.quote(plan) if plan != "dvc.yaml" else "",
    )


def sections(
    results: Results, judged: Sequence[Judged], others: Results | None, runs: str | None, docs: str | None, plan: str
) -> dict[str, list[Section]]:
    """What each page says; summary.md says it below the headline. The last arguments are those of `where`."""
    of_nets, data, report = results.nets, results.data, results.params.report
    confidence = report.confidence
    return {
        SUMMARY: [
            provenance.first_look(of_nets, data),
            claims.verdicts(judged, of_nets, confidence, STATISTICS),
            curves.learning_curves(of_nets, data, confidence),
            curves.with_published_curves(of_nets, data, confidence),
        ],
        STATISTICS: [
            provenance.what_was_run(of_nets, data),
            errors.every_net(of_nets, data, confidence),
            claims.every_test(judged, of_nets, confidence),
            differences.every_difference(of_nets, report, others.nets if others else {}),
            responses.layer_responses(of_nets, results.published),
            against_published.table_6(of_nets, data),
            against_published.verdicts(of_nets, data, report),
            against_published.elsewhere(of_nets, data),
            against_published.weights(results.published),
            tuning.tuned(results.sweeps),
            Section("How to read this", (f"Columns and words: {link('report.md', docs)}." if of_nets else "",)),
        ],
        SPEED: [
            speed.every_net(of_nets),
            speed.throughput(of_nets),
            speed.roofline(of_nets),
            latency.by_block(of_nets, results.latency, runs),
            speed.usual_loop(results.usual_loop, runs),
            Section("How to read this", (bullets(speed.READING),)),
        ],
        PROVENANCE: [
            provenance.not_counted(results.not_counted),
            provenance.repeat(of_nets, judged, iteration_seconds(results), confidence, plan),
            provenance.made_by(of_nets, data, docs),
            provenance.every_run(of_nets, runs),
        ],
    }


def draw(picture: Picture) -> dict[str, bytes]:
    """Draw a figure once: its SVG, its PNG, and its element of index.html; nothing if there is nothing to draw."""
    with style():
        if (figure := picture.draw()) is None:
            return {}
        files = {kind: saved(figure, kind) for kind in ("svg", "png")}
        return files | {"html": element(figure, picture.name).encode()}


def _tidy(results: Results, judged: Sequence[Judged]) -> dict[str, str]:
    """The files in full precision, by name, and `mean-curves.csv`, which `dvc plots` copies into its page twice."""
    of_nets, confidence = results.nets, results.params.report.confidence
    frames = {
        "table.csv": nets.overview(of_nets, confidence),
        "errors.csv": nets.seeds(of_nets),
        "curves.csv": curves.frame(of_nets),
        "claims.csv": claims.frame(judged),
        BENCHMARK: speed.benchmark(of_nets, results.latency),
        "mean-curves.csv": curves.means(of_nets),
    }
    shown = {name: x for name, x in frames.items() if name != BENCHMARK or len(x)}
    texts = {name: x.to_csv(index=False, lineterminator="\n") for name, x in shown.items()}
    return texts | {"metrics.json": f"{json.dumps(nets.metrics(of_nets), indent=2, allow_nan=False)}\n"}


def _drawings(results: Results) -> dict[str, str]:
    """The deepest residual net of up to 110 layers, and its block that halves height and width, as SVG."""
    for net in (results.nets[name] for name in reversed(ladders.main_nets(results.nets, "resnet"))):
        if (record := net.description) and net.depth <= ladders.DEEPEST:
            parts = {f"{net.name}, layer by layer": Part.net, "Where height and width are halved": Part.downsample}
            with suppress(UserError):  # a description that is of no net of the paper
                return {title: drawn_net(record, part) for title, part in parts.items()}
    return {}


def make(results: Results, others: Results | None, runs: Path, reports: Path) -> tuple[dict[str, bytes], set[str], str]:
    """Make every file of the report in memory.

    Returns:
        The files by their path below the reports, summary.md first; paths that it has nothing for, and where an
        earlier report may have left a file; what summary.md begins with, and README.md has.
    """
    plans = [(x, claims.judge(x.nets, x.params.report)) for x in (results, others) if x]
    judged = plans[0][1]
    linked, docs, plan = where(runs, reports)
    answers = bullets(answer.sentences(plans, f"dvc repro {plan}".strip())) or answer.NO_NETS
    table = errors.headline(results.nets, results.data, others.nets if others else {})
    head, behind = [Section("", (answers,)), table], sections(results, judged, others, linked, docs, plan)
    blocks = [block for section in chain(head, *behind.values()) for block in section.blocks]
    pictures = {block.name: block for block in blocks if isinstance(block, Picture)}
    figures = {name: drawn for name, picture in pictures.items() if (drawn := draw(picture))}

    behind, tidy = behind if results.nets else {}, _tidy(results, judged)
    below = behind.pop(SUMMARY, [])
    texts = {name: render(shown, figures, tell_absent=True) for name, shown in behind.items()}
    texts = {name: f"# {TITLES[name]}\n\n[Summary]({SUMMARY})\n\n{text}" for name, text in texts.items() if text}
    named = [name for name in tidy if name != "mean-curves.csv"]
    links = [*(f"[{TITLES[page]}]({page})" for page in texts), *(f"[{file}]({file})" for file in named)]
    first = render(head, figures)
    rest = [render([*below, Section("", (" · ".join(links),))], figures)] if below else []
    titled = {"": [*head, *below]} | {TITLES[name]: shown for name, shown in behind.items()}
    elements = {name: drawn["html"].decode() for name, drawn in figures.items()}
    html = page(answer.TITLE, titled, elements, _drawings(results), [SUMMARY, *named], linked)

    texts = {SUMMARY: "\n".join((f"# {answer.TITLE}\n", first, *rest)), **texts, **tidy, "index.html": html}
    files = {name: text.encode() for name, text in texts.items()}
    paths = {f"figures/{name}.{kind}": figures.get(name, {}).get(kind) for name in pictures for kind in ("svg", "png")}
    files |= {path: content for path, content in paths.items() if content}
    return files, {*paths, *TITLES, BENCHMARK} - files.keys(), first


def put(files: dict[str, bytes], absent: Iterable[str], folder: Path) -> None:
    """Put files into a folder, all or none, the first one last, and remove those that are absent now.

    All are complete before the first takes its name: a full disk leaves everything as it was.
    """
    with ExitStack() as stack:
        for name, content in files.items():
            stack.enter_context(complete_or_absent(folder / name)).write_bytes(content)
    for name in absent:
        (folder / name).unlink(missing_ok=True)


def write(results: Results, others: Results | None, runs: Path, reports: Path, readme: Path | None = None) -> Path:
    """Write the whole report; summary.md takes its place last, and then the headline in another file."""
    files, absent, head = make(results, others, runs, reports)
    text = with_headline(readme, head, reports) if readme else None
    put(files, absent, reports)
    if readme and text is not None:
        write_text(readme, text)
    return reports / SUMMARY


def with_headline(path: Path, made: str, reports: Path) -> str:
    """The text of another file, such as README.md, with a report's headline between its markers.

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
