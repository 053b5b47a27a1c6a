"""index.html: the sections of all pages in one file that loads nothing, with figures that answer a pointer.

A figure is the one of the other pages, written as SVG with its text as text. What `style.label` has marked in it gets a
tooltip a mark, and its entry in the legend becomes a switch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import SubElement

import matplotlib as mpl
from jinja2 import Environment, PackageLoader
from matplotlib.figure import Figure

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
    """The whole page: sections by the title of their page, SVG elements by name, drawings of nets by their titles.

    `files` have the same in full precision; cells link to their files in `runs`, a folder as seen from the page.
    """
    shown = {heading: content for heading, sections in pages.items() if (content := filled(sections, figures))}
    loader = PackageLoader("resnet.report", ".")
    jinja = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    jinja.filters |= {"paragraphs": paragraphs_as_html, "inline": as_html, "caption": lambda x: as_html(Markdown(x))}
    template = jinja.get_template("page.html.jinja")
    text = template.render(title=title, pages=shown, figures=figures, drawings=drawings, files=files, runs=runs)
    return f"{text}\n"


UNUSED = (
    r"<metadata>.*?</metadata>|<defs> <style.*?</defs>"
    r"""| xmlns(:\w+)?="[^"]*"|xlink:| font-family: 'DejaVu Sans';| transform="rotate\(-0 [^"]*\""""
)
"""In a page: its own rules of style hold for text, and those of one figure would hold for all."""
EXACT = r"-?\d+\.\d{5,}"
"""A place to less than a tenth of a point, which no screen shows."""


def element(figure: Figure, name: str) -> str:
    """A figure as an SVG element; its name makes its identifiers different from those of other figures."""
    labelled: list[Any] = figure.findobj(lambda artist: hasattr(artist, "mark"))
    marks = {f"mark-{place}": artist.mark for place, artist in enumerate(labelled)}
    for gid, artist in zip(marks, labelled, strict=True):
        artist.set_gid(gid)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):  # letters stay letters
        text = " ".join(style.saved(figure, "svg", transparent=True).decode().split())
    text = re.sub(EXACT, lambda number: f"{float(number[0]):.1f}", re.sub(UNUSED, "", text[text.index("<svg") :]))
    svg, entries = ElementTree.fromstring(text), {entry for entry, _ in marks.values()}
    for group in svg.findall(".//g[@id]"):
        gid = group.attrib.pop("id")
        if gid in marks:  # a tooltip for every mark of the series, or one for all of it
            entry, texts = marks[gid]
            group.set("data-entry", entry)
            points = group.findall(".//use") or group.findall("path")
            for point, tooltip in zip(points if len(points) == len(texts) else [group], texts, strict=False):
                SubElement(point, "title").text = tooltip
        elif gid.startswith("legend_"):
            for written in (x for x in group.iter("text") if x.text in entries):
                written.attrib |= {"data-switch": str(written.text), "role": "button"}
    return ElementTree.tostring(svg, encoding="unicode")
