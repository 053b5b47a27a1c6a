"""Which sections stand on which page, in order, and how the pages and the files beside them are written.

Everything is made in memory first: an error anywhere leaves an earlier report as it was.
"""

import json
import os
import shlex
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from pandas import DataFrame

from resnet.diagrams import Part
from resnet.diagrams import draw as drawn_net
from resnet.errors import UserError
from resnet.files import complete_or_absent, write_text
from resnet.report.analysis import overview
from resnet.report.analysis.claims import COLUMNS, claims
from resnet.report.analysis.nets import DEEPEST, main_nets
from resnet.report.markdown import details, picture
from resnet.report.page import page
from resnet.report.results import Results
from resnet.report.section import Block, Details, Picture
from resnet.report.section import Section as TopicSection
from resnet.report.sections import (
    answer,
    comparisons,
    curves,
    degraded,
    first_look,
    iterates,
    opening,
    provenance,
    published,
    responses,
    starts,
    sweep,
    table6,
    verdicts,
)
from resnet.report.sections import claims as claims_section
from resnet.report.sections import results as files
from resnet.report.style import Section, rendered, style
from resnet.report.table import Table, as_markdown
from resnet.report.tables import Tables
from resnet.report.topics import cost, errors, latency, roofline, speed

AnySection = Section | TopicSection
"""Sections that are no topics yet, and those of topics."""

SUMMARY, STATISTICS, SPEED, PROVENANCE = "summary.md", "statistics.md", "speed.md", "provenance.md"

PAGE = "Depth and error of residual and plain nets"
"""The title of index.html."""

TITLES = {
    STATISTICS: "Every net, seed and test",
    SPEED: "Speed, memory and cost",
    PROVENANCE: "Machines, versions, recipe and files",
}
"""Of the pages that the summary links to, in order."""

TIDY = ("table.csv", "errors.csv", "curves.csv", "claims.csv", "benchmark.csv", "metrics.json")
"""The files in full precision."""

MARKERS = ("<!-- results of {} -->", "<!-- end of results of {} -->")
"""Between them stands a report's headline in another file, such as README.md; each names the folder of the report."""


def pages(tables: Tables, results: Results, judged: DataFrame, runs: str | None) -> dict[str, list[AnySection]]:
    """The sections of every page that the summary links to.

    Args:
        tables: for sections that are no topics yet.
        results: what was read.
        judged: the claims with their verdicts.
        runs: the runs' folder as seen from the page; None if its files are named and not linked.
    """
    nets, data, report = results.nets, results.data, results.params.report
    return {
        STATISTICS: [
            opening.section(tables),
            errors.every_net(nets, data),
            claims_section.section(tables, judged),
            table6.section(tables),
            errors.seed_by_seed(nets, report.confidence),
            comparisons.degradation_section(tables),
            comparisons.images_section(tables),
            comparisons.ablations_section(tables),
            responses.section(tables),
            published.verdicts_section(tables),
            published.elsewhere_section(tables),
            published.weights_section(tables),
            iterates.section(tables),
            sweep.section(tables),
            errors.reading(nets),
        ],
        SPEED: [
            speed.every_net(nets),
            cost.what_depth_buys(nets, data, report.confidence),
            speed.throughput(nets),
            roofline.roofline(nets),
            latency.by_block(nets, results.latency, runs),
            speed.usual_loop(results.usual_loop, runs),
            speed.reading(nets),
        ],
        PROVENANCE: [files.files_section(tables), provenance.section(tables, runs)],
    }


def headline_sections(tables: Tables, results: Results, answers: Sequence[str]) -> list[AnySection]:
    """The answer, the main figure (of other data: learning) and the table: what README.md holds too."""
    headline = errors.headline(results.nets, results.data, results.params.report.confidence)
    return [answer.section(answers), first_look.section(tables), headline]


class Rendered(NamedTuple):
    """A page in memory."""

    text: str
    files: dict[str, bytes]
    """Its figures, by their path below the reports."""
    absent: tuple[str, ...]
    """The paths of figures that it has nothing to draw for."""


def _as_topic(section: AnySection) -> TopicSection:
    return TopicSection(section.title, _blocks(section), getattr(section, "runs", None))


def _blocks(section: AnySection) -> tuple[Block, ...]:
    if isinstance(section, TopicSection):
        return section.blocks
    return (section.text, *(Picture(*x) for x in section.pictures))


def _written(block: Block, runs: str | None) -> str:
    """A block in Markdown; a figure is written by `render`."""
    if isinstance(block, Table):
        return as_markdown(block, runs)
    if isinstance(block, Details):
        content = "\n\n".join(_written(part, runs) for part in block.blocks)
        return details(block.summary, f"{content}\n") if content.strip() else ""
    return str(block)


def render(sections: Iterable[AnySection], *, tell_absent: bool = False) -> Rendered:
    """A page in Markdown with its figures; sections and figures without content are left out.

    Args:
        sections: in order.
        tell_absent: whether a last line says which figures are not drawn, and why.
    """
    parts, reasons, files, absent = list[str](), list[str](), dict[str, bytes](), list[str]()
    for section in sections:
        written = list[str]()
        for block in _blocks(section):
            if not isinstance(block, Picture):
                written.append(_written(block, getattr(section, "runs", None)))
                continue
            with style():
                figure = block.draw()
                drawn = rendered(figure, f"figures/{block.name}") if figure else {}
            files |= drawn
            written += [picture(block.name, block.caption)] if drawn else []
            absent += [] if drawn else [f"figures/{block.name}.svg", f"figures/{block.name}.png"]
            reasons += [block.absent] if block.absent and not drawn else []
        content = "\n\n".join(part.strip("\n") for part in written if part.strip())
        if content:
            parts.append(f"## {section.title}\n\n{content}" if section.title else content)
    if len(parts) > 1 and reasons and tell_absent:
        parts.append(f"Not drawn: {'; '.join(reasons)}.")
    return Rendered("\n\n".join(parts) + "\n" if parts else "", files, tuple(absent))


def _beside(runs: Path, reports: Path) -> str | None:
    """The path from the reports to the runs if they lie side by side: a machine's paths stay out."""
    relative = Path(os.path.relpath(os.path.realpath(runs), os.path.realpath(reports))).as_posix()
    return relative if relative.split("/").count("..") <= 1 and " " not in relative else None


def _command(reports: Path) -> str:
    """What runs the plan whose reports these are, in the root of its repository."""
    plan = Path(os.path.realpath(reports)).parent
    root = next((folder for folder in (plan, *plan.parents) if (folder / ".dvc").is_dir()), plan)
    return "dvc repro" if plan == root else f"dvc repro {shlex.quote((plan.relative_to(root) / 'dvc.yaml').as_posix())}"


def _links(made: Collection[str]) -> Section:
    """Where the rest stands."""
    lines = [f"[{TITLES[page]}]({page})" for page in TITLES if page in made]
    return Section("", f"{' · '.join([*lines, *(f'[{file}]({file})' for file in TIDY if file in made)])}\n")


def drawings(tables: Tables) -> dict[str, str]:
    """The deepest residual net that is not beyond 110 layers, and its block that halves height and width, as SVG."""
    names = [x for x in main_nets(tables, "resnet") if x in tables.descriptions and tables.net(x).depth <= DEEPEST]
    if not names:
        return {}
    parts = {f"{names[-1]}, layer by layer": Part.net, "Where height and width are halved": Part.downsample}
    try:
        return {title: drawn_net(tables.descriptions[names[-1]], part) for title, part in parts.items()}
    except UserError:  # a table that counts, and is of no net of the paper
        return {}


class Report(NamedTuple):
    """A report in memory."""

    files: dict[str, bytes]
    """By their path below the reports, summary.md first."""
    absent: set[str]
    """Paths that it has nothing for, where an earlier one may have left a file."""
    headline: str
    """What summary.md begins with, and README.md holds."""


def _tidy(tables: Tables, results: Results, judged: DataFrame) -> dict[str, str]:
    """The files in full precision, by name; without a measured speed there is no benchmark.csv."""
    made = {
        "table.csv": overview.overview(tables),
        "errors.csv": overview.errors_table(tables),
        "curves.csv": overview.curves_table(tables),
        "claims.csv": judged[[*COLUMNS]],
        "benchmark.csv": cost.benchmark(results.nets, results.latency),
    }
    kept = {name: table for name, table in made.items() if name != "benchmark.csv" or len(table)}
    texts = {name: table.to_csv(index=False, lineterminator="\n") for name, table in kept.items()}
    return texts | {"metrics.json": f"{json.dumps(overview.metrics(tables), indent=2, allow_nan=False)}\n"}


def make(tables: Tables, results: Results, runs: Path, reports: Path) -> Report:
    """Make every file of the report in memory."""
    judged, beside = claims(tables), _beside(runs, reports)
    answers = answer.sentences(tables, judged, _command(reports))
    tidy = _tidy(tables, results, judged)
    texts, figures, absent = dict(tidy), dict[str, bytes](), set[str]()
    behind = pages(tables, results, judged, beside)
    for name, sections in behind.items():
        made = render(sections, tell_absent=True)
        figures, absent = figures | made.files, absent | {*made.absent}
        if made.text and len(tables.nets):
            texts[name] = f"# {TITLES[name]}\n\n[Summary]({SUMMARY})\n\n{made.text}"
    first = headline_sections(tables, results, answers)
    head = render(first)
    learning = [curves.section(tables), degraded.section(tables), starts.section(tables)]
    rest = render([verdicts.section(tables, judged, STATISTICS), *learning, _links(texts)] if len(tables.nets) else ())
    absent |= {*head.absent, *rest.absent, *TITLES, *TIDY}
    written = [SUMMARY, *tidy]
    of_page = {"": [*first, *learning]} | {TITLES[name]: sections for name, sections in behind.items()}
    topics = {name: [_as_topic(section) for section in sections] for name, sections in of_page.items()}
    texts |= {"index.html": page(PAGE, topics, drawings(tables), written, beside)}
    texts = {SUMMARY: "\n".join(filter(None, (head.text, rest.text)))} | texts
    files = {name: text.encode() for name, text in texts.items()} | figures | head.files | rest.files
    return Report(files, absent - files.keys(), head.text)


def place(files: dict[str, bytes], absent: Iterable[str], folder: Path) -> None:
    """Put files into a folder, all or none, the first one last, and remove those that are absent now.

    All lie complete beside their places before the first takes its name: a full disk leaves everything as it was.
    """
    with ExitStack() as stack:
        for name, content in files.items():
            with (stack.enter_context(complete_or_absent(folder / name))).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    for name in absent:
        (folder / name).unlink(missing_ok=True)


def write(tables: Tables, results: Results, runs: Path, reports: Path, readme: Path | None = None) -> Path:
    """Write the whole report; summary.md takes its place last, and then the headline in another file."""
    report = make(tables, results, runs, reports)
    text = with_headline(readme, report.headline, reports) if readme else None
    place(report.files, report.absent, reports)
    if readme and text is not None:
        write_text(readme, text)
    return reports / SUMMARY


def with_headline(path: Path, made: str, reports: Path) -> str:
    """The text of another file, such as README.md, with a report's headline between its markers.

    Args:
        path: the file.
        made: the headline of the report; its title is left out.
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
    block = made.removeprefix(f"{answer.TITLE}\n\n").replace("(figures/", f"({folder}/figures/")
    return f"{before}{start}\n\n{block}\n{end}{after}"
