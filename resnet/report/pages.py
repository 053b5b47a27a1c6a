"""Which sections stand on which page, in order, and how the pages and the files beside them are written.

Everything is made in memory first: an error anywhere leaves an earlier report as it was.
"""

import json
import os
import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
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
from resnet.report.html import page as html_page
from resnet.report.sections import (
    answer,
    comparisons,
    cost,
    curves,
    degraded,
    depth,
    first_look,
    headline,
    iterates,
    latency,
    opening,
    provenance,
    published,
    reading,
    responses,
    results,
    roofline,
    seeds,
    starts,
    sweep,
    table6,
    throughput,
    usual_loop,
    verdicts,
)
from resnet.report.sections import claims as claims_section
from resnet.report.style.drawing import Section, rendered, style
from resnet.report.style.markdown import picture
from resnet.report.tables import Tables

Sections = tuple[Callable[[Tables], Section], ...]

SUMMARY, STATISTICS, SPEED, PROVENANCE = "summary.md", "statistics.md", "speed.md", "provenance.md"

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


def pages(judged: DataFrame, runs: str | None) -> dict[str, Sections]:
    """The sections of every page that the summary links to.

    Args:
        judged: the claims with their verdicts.
        runs: the runs' folder as seen from the page; None where its files are named and not linked.
    """
    return {
        STATISTICS: (
            opening.section,
            results.errors_section,
            partial(claims_section.section, judged=judged),
            table6.section,
            seeds.section,
            comparisons.degradation_section,
            comparisons.images_section,
            comparisons.ablations_section,
            responses.section,
            published.verdicts_section,
            published.elsewhere_section,
            published.weights_section,
            iterates.section,
            sweep.section,
            reading.errors_section,
        ),
        SPEED: (
            results.speed_section,
            cost.section,
            throughput.section,
            roofline.section,
            partial(latency.section, runs=runs),
            partial(usual_loop.section, runs=runs),
            reading.speed_section,
        ),
        PROVENANCE: (results.files_section, partial(provenance.section, runs=runs)),
    }


def headline_sections(tables: Tables, answers: Sequence[str]) -> list[Section]:
    """The answer, the main figure (of other data: learning) and the table: what also stands in README.md."""
    return [answer.section(answers), first_look.section(tables), depth.section(tables), headline.section(tables)]


class Rendered(NamedTuple):
    """A page in memory."""

    text: str
    files: dict[str, bytes]
    """Its figures, by their path below the reports."""
    absent: tuple[str, ...]
    """The paths of figures that it has nothing to draw for."""


def render(sections: Iterable[Section], *, tell_absent: bool = False) -> Rendered:
    """A page in Markdown with its figures; sections and figures without content are left out.

    Args:
        sections: in order.
        tell_absent: whether a last line says which figures are not drawn, and why.
    """
    parts, reasons, files, absent = list[str](), list[str](), dict[str, bytes](), list[str]()
    for title, text, pictures in sections:
        shown = []
        for name, caption, missing, draw in pictures:
            with style():
                figure = draw()
                drawn = rendered(figure, f"figures/{name}") if figure else {}
            files |= drawn
            shown += [picture(name, caption)] if drawn else []
            absent += [] if drawn else [f"figures/{name}.svg", f"figures/{name}.png"]
            reasons += [missing] if missing and not drawn else []
        content = "\n\n".join(part.strip("\n") for part in (text, *shown) if part)
        if content:
            parts.append(f"## {title}\n\n{content}" if title else content)
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


def _tidy(tables: Tables, judged: DataFrame) -> dict[str, str]:
    """The files in full precision, by name; without a measured speed there is no benchmark.csv."""
    made = {
        "table.csv": overview.overview(tables),
        "errors.csv": overview.errors_table(tables),
        "curves.csv": overview.curves_table(tables),
        "claims.csv": judged[[*COLUMNS]],
        "benchmark.csv": overview.benchmark(tables),
    }
    kept = {name: table for name, table in made.items() if name != "benchmark.csv" or len(table)}
    texts = {name: table.to_csv(index=False, lineterminator="\n") for name, table in kept.items()}
    return texts | {"metrics.json": f"{json.dumps(overview.metrics(tables), indent=2, allow_nan=False)}\n"}


def make(tables: Tables, runs: Path, reports: Path) -> Report:
    """Make every file of the report in memory."""
    judged, beside = claims(tables), _beside(runs, reports)
    answers = answer.sentences(tables, judged, _command(reports))
    tidy = _tidy(tables, judged)
    texts, figures, absent = dict(tidy), dict[str, bytes](), set[str]()
    for name, sections in pages(judged, beside).items():
        made = render((section(tables) for section in sections), tell_absent=True)
        figures, absent = figures | made.files, absent | {*made.absent}
        if made.text and len(tables.nets):
            texts[name] = f"# {TITLES[name]}\n\n[Summary]({SUMMARY})\n\n{made.text}"
    head = render(headline_sections(tables, answers))
    learning = [curves.section(tables), degraded.section(tables), starts.section(tables)]
    rest = render([verdicts.section(tables, judged, STATISTICS), *learning, _links(texts)] if len(tables.nets) else ())
    absent |= {*head.absent, *rest.absent, *TITLES, *TIDY}
    written = [SUMMARY, *tidy]
    page = html_page.page(tables, judged, beside, answers, opening.cautions(tables), drawings(tables), written)
    # The page of `dvc plots` takes vega.js instead of loading it from outside.
    texts |= {"index.html": page, "vega.js": html_page.library()}
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


def write(tables: Tables, runs: Path, reports: Path, readme: Path | None = None) -> Path:
    """Write the whole report; summary.md takes its place last, and then the headline in another file."""
    report = make(tables, runs, reports)
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
