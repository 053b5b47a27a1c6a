"""index.html: the sections of all pages in one file that loads nothing, with figures that answer a pointer.

A figure is the one of the other pages, written as SVG with its text as text. What `style.label` has marked in it gets a
tooltip a mark, and its entry in the legend becomes a switch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import matplotlib as mpl
from jinja2 import Environment, PackageLoader
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet.report import style
from resnet.report.markdown import Markdown, as_html, paragraphs_as_html
from resnet.report.section import Section, filled


def page(
    title: str,
    pages: Mapping[str, Sequence[Section]],
    figures: Mapping[str, str],
    drawings: Mapping[str, str],
    files: Sequence[str],
    runs: str | None = None,
) -> str:
    """The whole page.

    Args:
        title: its own.
        pages: sections by the title of their page; what is empty is left out.
        figures: what `element` makes of the pictures, by name.
        drawings: SVG elements by their titles.
        files: names of what has the same in full precision.
        runs: the runs' folder as seen from the page, if cells are to link to their files.
    """
    shown = {heading: content for heading, sections in pages.items() if (content := filled(sections, figures))}
    loader = PackageLoader("resnet.report", ".")
    jinja = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    jinja.filters |= {"paragraphs": paragraphs_as_html, "inline": as_html, "caption": lambda x: as_html(Markdown(x))}
    template = jinja.get_template("page.html.jinja")
    text = template.render(title=title, pages=shown, figures=figures, drawings=drawings, files=files, runs=runs)
    return f"{text}\n"


def element(figure: Figure, name: str) -> str:
    """A figure as an SVG element; its name makes its identifiers different from those of other figures."""
    labelled: list[Any] = figure.findobj(lambda artist: hasattr(artist, "mark"))
    marks = {f"mark-{place}": artist.mark for place, artist in enumerate(labelled)}
    for gid, artist in zip(marks, labelled, strict=True):
        artist.set_gid(gid)
    for line in figure.findobj(Line2D):
        line.get_path().simplify_threshold = 0.5  # a curve loses the points that a screen cannot show
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):  # letters stay letters
        svg = ElementTree.fromstring(style.saved(figure, "svg", transparent=True))
    _shorten(svg)
    for group in svg.findall(".//g[@id]"):
        gid = group.attrib.pop("id")
        if gid in marks:  # a tooltip for every mark of the series, or one for all of it
            entry, texts = marks[gid]
            group.set("data-entry", entry)
            points = group.findall(".//use") or group.findall("path")
            for point, text in zip(points if len(points) == len(texts) else [group], texts, strict=False):
                SubElement(point, "title").text = text
        elif gid.startswith("legend_"):
            _switches(group, {entry for entry, _ in marks.values()})
    return ElementTree.tostring(svg, encoding="unicode")


def _shorten(svg: Element) -> None:
    """Leave out what a page has no use for: numbers have a tenth of a point, and text no font."""

    def short(value: str) -> str:
        value = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{round(float(number[0]), 1):g}", value)
        value = " ".join(value.replace("font-family: 'DejaVu Sans'", "").split())
        return re.sub(r"(?<=L)([^A-Z]*) L(?= )", r"\1", value)  # in a path, an `L` after an `L` says nothing

    for unused in ("{*}metadata", "{*}defs"):  # the first definition is a rule of style, which would hold for the page
        svg.remove(svg.findall(unused)[0])
    for part in svg.iter():
        part.tag = part.tag.rpartition("}")[2]
        part.text, part.tail = ((text or "").strip() for text in (part.text, part.tail))
        attributes = [(key.rpartition("}")[2], short(value)) for key, value in part.items()]
        part.attrib.clear()
        part.attrib.update((key, value) for key, value in attributes if not value.startswith("rotate(-0 "))


def _switches(legend: Element, entries: Collection[str]) -> None:
    """Join the text of each entry with the signs before it to one switch, if something was labelled with that entry."""
    signs = list[Element]()
    for part in [*legend]:
        signs.append(part)
        entry = " ".join("".join(part.itertext()).split())
        if entry in entries:
            switch = SubElement(legend, "g", {"data-switch": entry, "role": "button", "tabindex": "0"})
            for sign in signs:
                legend.remove(sign)
                switch.append(sign)
        signs = [] if entry else signs
