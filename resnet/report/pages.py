"""Which sections are on which page, in order, and how the pages and the files with them are written.

Everything is made in memory first: an error anywhere leaves an earlier report as it was.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path

from resnet.diagrams import Part
from resnet.diagrams import draw as drawn_net
from resnet.errors import UserError
from resnet.files import complete_or_absent
from resnet.report import answer, ladders
from resnet.report.html_page import element, page
from resnet.report.markdown import bullets, link
from resnet.report.results import Results, iteration_seconds
from resnet.report.section import Picture, Section, render
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

FORMATS = ("svg", "png")

MARKERS = ("<!-- results of {} -->", "<!-- end of results of {} -->")
"""A report's headline is between them in another file, such as README.md; each names the folder of the report."""


def where(runs: Path, reports: Path) -> tuple[str | None, str | None, str]:
    """What pages link to: the runs and the docs as seen from them, and the plan's `dvc.yaml` as seen from the root.

    The root is the repository's, or the reports' parent. Folders outside it are None, and named without a link: a
    machine's paths stay out. The plan is empty in the root.
    """
    pages = Path(os.path.realpath(reports))
    root = next((folder for folder in pages.parents if (folder / ".dvc").is_dir()), pages.parent)
    linked, docs = (
        Path(os.path.relpath(folder, pages)).as_posix() if folder.is_dir() and folder.is_relative_to(root) else None
        for folder in (Path(os.path.realpath(runs)), root / "docs")
    )
    plan = (pages.parent / "dvc.yaml").relative_to(root).as_posix()
    return linked, docs, "" if plan == "dvc.yaml" else shlex.quote(plan)


def sections(
    results: Results, judged: Sequence[Judged], others: Results | None, runs: str | None, docs: str | None, plan: str
) -> dict[str, list[Section]]:
    """What each page says; summary.md says it below the headline. The last arguments are those of `where`."""
    of_nets, data, report = results.nets, results.data, results.params.report
    confidence = report.confidence
    return {
        SUMMARY: [
            claims.verdicts(judged, of_nets, confidence, STATISTICS),
            curves.learning_curves(of_nets, data),
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
            latency.by_block(results.latency, runs),
            speed.usual_loop(results.usual_loop, runs),
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
        files = {kind: saved(figure, kind) for kind in FORMATS}
        return files | {"html": element(figure, picture.name).encode()}


def _tidy(results: Results, judged: Sequence[Judged]) -> dict[str, str]:
    """The files in full precision, by name, and `mean-curves.csv`, which `dvc plots` copies into its page twice."""
    of_nets, confidence = results.nets, results.params.report.confidence
    frames = {
        "table.csv": nets.overview(of_nets, confidence),
        "errors.csv": nets.seeds(of_nets),
        "curves.csv": curves.frame(of_nets),
        "claims.csv": claims.frame(judged),
        "benchmark.csv": speed.benchmark(of_nets, results.latency),
        "mean-curves.csv": curves.means(of_nets),
    }
    texts = {name: x.to_csv(index=False, lineterminator="\n") for name, x in frames.items()}
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
    answers = bullets(answer.sentences(plans, f"dvc repro {plan}".strip()))
    table = errors.headline(results.nets, results.data, others.nets if others else {})
    head, behind = [Section("", (answers,)), table], sections(results, judged, others, linked, docs, plan)
    blocks = [block for section in chain(head, *behind.values()) for block in section.blocks]
    pictures = {block.name: block for block in blocks if isinstance(block, Picture)}
    figures = {name: drawn for name, picture in pictures.items() if (drawn := draw(picture))}

    below, tidy = behind.pop(SUMMARY), _tidy(results, judged)
    top = f"[Summary]({SUMMARY})\n\n"
    texts = {name: f"# {TITLES[name]}\n\n{top}{render(shown, figures)}" for name, shown in behind.items()}
    named = [name for name in tidy if name != "mean-curves.csv"]
    links = [*(f"[{title}]({page})" for page, title in TITLES.items()), *(f"[{file}]({file})" for file in named)]
    first, rest = render(head, figures), render([*below, Section("", (" · ".join(links),))], figures)
    titled = {"": [*head, *below]} | {TITLES[name]: shown for name, shown in behind.items()}
    elements = {name: drawn["html"].decode() for name, drawn in figures.items()}
    html = page(answer.TITLE, titled, elements, _drawings(results), [SUMMARY, *named], linked)

    texts = {SUMMARY: "\n".join((f"# {answer.TITLE}\n", first, rest)), **texts, **tidy, "index.html": html}
    files = {name: text.encode() for name, text in texts.items()}
    files |= {f"figures/{name}.{kind}": drawn[kind] for name, drawn in figures.items() for kind in FORMATS}
    return files, {f"figures/{name}.{kind}" for name in pictures for kind in FORMATS} - files.keys(), first


def put(files: dict[str, bytes], absent: Iterable[str], folder: Path) -> None:
    """Put files into a folder, all or none, the first one last, and remove those that are absent now.

    All are complete before the first takes its name: a full disk leaves everything as it was.
    """
    with ExitStack() as stack:
        for name, content in files.items():
            stack.enter_context(complete_or_absent(folder / name)).write_bytes(content)
    for name in absent:
        (folder / name).unlink(missing_ok=True)


def with_headline(path: Path, made: str, reports: Path) -> str:
    """The text of another file, such as README.md, with a report's headline between its markers.

    Raises:
        UserError: the file has not both markers.
    """
    folder = Path(os.path.relpath(reports, path.parent)).as_posix()
    start, end = (marker.format(folder) for marker in MARKERS)
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    around = re.fullmatch(f"(.*{re.escape(start)}).*({re.escape(end)}.*)", text, re.DOTALL)
    if not around:
        raise UserError(f"{path}: must have the lines {start} and {end}, for the headline between them")
    return f"{around[1]}\n\n{made.replace('(figures/', f'({folder}/figures/')}\n{around[2]}"
