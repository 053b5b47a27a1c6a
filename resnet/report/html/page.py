"""index.html: the answer, the charts, the nets and the tables, in one file that loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import vl_convert
from pandas import DataFrame

from resnet.report.html import charts, listings, values
from resnet.report.html.markup import Markup, data, element, from_markdown, link
from resnet.report.tables import Tables

HERE = Path(__file__).parent
TITLE = "Depth and error of residual and plain nets"
SOURCE = "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2"
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:"
"""What the browser holds the page to: it loads nothing. Vega compiles its expressions, and needs `eval` for it."""


@cache
def library() -> str:
    """Vega, Vega-Lite and vega-embed in one script, which sets `vegaEmbed`. It takes seconds to put together."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    if "</script" in script.lower():
        raise ValueError("the library of the charts cannot stand in a page: it has the end of a script in it")
    return script


def _legend(nets: Sequence[values.Row]) -> Markup:
    """A switch a net, in rows by kind; it holds for every chart."""
    places, groups = charts.families(nets), []
    for family, place in places.items():
        switches = [
            element(
                "button",
                element("span", class_=f"swatch {charts.SHAPES[place]}", style=f"--colour: {net['colour']}"),
                net["name"],
                type="button",
                class_="net",
                data_name=net["name"],
                aria_pressed=str(net["shown"]).lower(),
            )
            for net in nets
            if net["family"] == family
        ]
        groups.append(element("div", element("span", family, class_="family"), *switches, class_="family-row"))
    return element("div", *groups, class_="legend", role="group", aria_label="Nets shown in the charts")


def _figure(name: str, title: str, text: str) -> Markup:
    heading = element("h2", title, id=f"{name}-title")
    chart = element("div", id=name, class_="chart")
    controls = element("div", id=f"{name}-controls", class_="controls")
    return element("figure", heading, element("p", text), controls, chart, aria_labelledby=f"{name}-title")


def _charts(tables: Tables) -> tuple[Markup, dict[str, charts.Spec]]:
    """The figures that have data, and their specifications by name."""
    nets = values.legend(tables)
    level = f"{100 * tables.params.report.confidence:g} %"
    specs, parts = {}, []
    if points := values.errors(tables, nets):
        others = values.others(tables)
        seeds, shown = values.seeds(tables, points), values.at_full_length(tables, nets)
        specs["errors"] = charts.errors(points, seeds, others, nets, values.axes(points), shown)
        text = f"Large points are means over seeds with their {level} interval, small ones seeds"
        text += ", hollow ones published figures: diamonds the paper's." if others else "."
        parts.append(_figure("errors", "Test error", text))
    if runs := values.curves(tables, nets):
        specs["curves"] = charts.curves(runs, nets, values.top(tables, nets, charts.TOPS))
        parts.append(_figure("curves", "While training", "A line a seed; colours tell depths, dashes kinds of nets."))
    if layers := values.responses(tables, nets):
        specs["responses"] = charts.responses(layers, nets)
        text = "Standard deviation of each 3x3 layer after batch norm, mean over seeds: the paper's Figure 7."
        parts.append(_figure("responses", "Responses of the layers", text))
    return Markup("".join([_legend(nets), *parts]) if parts else ""), specs


def _drawings(drawings: Mapping[str, str]) -> Markup:
    """Drawings of nets by their titles; each is the text of an `svg` element that this project made."""
    if not drawings:
        return Markup()
    figures = (
        element("figure", Markup(svg), element("figcaption", title), class_="drawing")
        for title, svg in drawings.items()
    )
    return element("section", element("h2", "The nets"), *figures)


def page(
    tables: Tables,
    judged: DataFrame,
    runs: str | None,
    answers: Sequence[str],
    cautions: Sequence[str] = (),
    drawings: Mapping[str, str] | None = None,
    files: Sequence[str] = (),
) -> str:
    """The whole page.

    Args:
        tables: what was read.
        judged: the claims with their verdicts.
        runs: the runs' folder as seen from the page; None where its files cannot be linked.
        answers: sentences for the top, in Markdown.
        cautions: what keeps the errors from being the paper's, likewise.
        drawings: SVG elements by their titles.
        files: names of what lies beside the page and holds the same in full.
    """
    figures, specs = _charts(tables)
    head = [
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        element("title", TITLE),
        element("style", Markup((HERE / "page.css").read_text(encoding="utf-8"))),
    ]
    opening = [element("h1", TITLE), element("p", SOURCE, class_="source")]
    opening += [element("p", from_markdown(sentence), class_="answer") for sentence in answers]
    opening += [element("p", from_markdown(caution), class_="caution") for caution in cautions]
    parts = [element("header", *opening), figures, _drawings(drawings or {})]
    listed = (listings.results(tables, runs), listings.claims(judged), listings.trained(tables, runs))
    parts += [element("section", part) for part in listed if part]
    beside = Markup(", ".join(link(file, file) for file in files))
    command = element("code", "resnet report")
    parts.append(element("footer", "The same in full: ", beside, ". Built from result files alone by ", command, "."))
    scripts = [
        data("specifications", specs),
        Markup(f"<script>{library()}</script>") if specs else Markup(),
        Markup(f"<script>{(HERE / 'page.js').read_text(encoding='utf-8')}</script>"),
    ]
    body = element("body", element("main", *parts), *scripts)
    return f'<!DOCTYPE html>\n<html lang="en">{element("head", *head)}{body}</html>\n'
