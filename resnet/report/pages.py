"""Which sections stand on which page, in order, and how a page and the files beside it are written."""

import json
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from pandas import DataFrame

from resnet.files import write_text
from resnet.report.analysis import overview
from resnet.report.analysis.claims import COLUMNS, claims
from resnet.report.html import page as html_page
from resnet.report.sections import claims as claims_section
from resnet.report.sections import (
    comparisons,
    cost,
    curves,
    depth,
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
    sweep,
    throughput,
    usual_loop,
)
from resnet.report.style.drawing import Section, save_or_remove, style
from resnet.report.style.markdown import picture
from resnet.report.tables import Tables


def summary(tables: Tables, runs: str | None) -> list[Section]:
    """The sections of summary.md.

    Args:
        tables: what was read.
        runs: the runs' folder as seen from the page; None where its files are named and not linked.
    """
    functions: tuple[Callable[[Tables], Section], ...] = (
        opening.section,
        results.section,
        claims_section.section,
        curves.section,
        depth.section,
        seeds.section,
        comparisons.degradation_section,
        comparisons.images_section,
        comparisons.ablations_section,
        cost.section,
        responses.section,
        published.verdicts_section,
        iterates.section,
        published.weights_section,
        throughput.section,
        roofline.section,
        partial(latency.section, runs=runs),
        partial(usual_loop.section, runs=runs),
        published.elsewhere_section,
        reading.section,
        partial(provenance.section, runs=runs),
        sweep.section,
    )
    return [function(tables) for function in functions]


def render(sections: Iterable[Section], figures: Path) -> str:
    """A page in Markdown; the figures that have data are written as SVG and PNG, earlier ones without are removed."""
    parts, absent = [], []
    figures.mkdir(parents=True, exist_ok=True)  # the pipeline expects it, also before anything is drawn
    for title, text, pictures in sections:
        shown = []
        for name, caption, missing, draw in pictures:
            with style():
                figure = draw()
                save_or_remove(figure, figures, name)
            shown += [picture(name, caption)] if figure else []
            absent += [missing] if missing and not figure else []
        content = "\n\n".join(part.strip("\n") for part in (text, *shown) if part)
        if content:
            parts.append(f"## {title}\n\n{content}" if title else content)
    if len(parts) > 1 and absent:
        parts.append(f"Not drawn: {'; '.join(absent)}.")
    return "\n\n".join(parts) + "\n"


def _beside(runs: Path, reports: Path) -> str | None:
    """The path from the reports to the runs if they lie side by side: a machine's paths stay out."""
    relative = Path(os.path.relpath(runs.resolve(), reports.resolve())).as_posix()
    return relative if relative.split("/").count("..") <= 1 and " " not in relative else None


def write(tables: Tables, runs: Path, reports: Path) -> Path:
    """Write the tidy files, the figures and index.html, and summary.md last."""
    judged, beside = claims(tables), _beside(runs, reports)
    tidy: dict[str, DataFrame] = {
        "table": overview.overview(tables),
        "curves": overview.curves_table(tables),
        "errors": overview.errors_table(tables),
        "claims": judged[[*COLUMNS]],
    }
    for name, table in tidy.items():
        write_text(reports / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    metrics = json.dumps(overview.metrics(tables), indent=2, allow_nan=False)
    write_text(reports / "metrics.json", f"{metrics}\n")
    for name, text in html_page.files(tables, judged, beside).items():
        write_text(reports / name, text)
    page = render(summary(tables, beside), reports / "figures")
    write_text(reports / "summary.md", page)
    return reports / "summary.md"
