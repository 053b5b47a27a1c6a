"""SVG, written by a few shapes: no style sheet, no script, no identifier, nothing loaded from elsewhere.

A page can therefore hold several drawings. Lines and letters are `currentColor`, the page's own; the few colours are
told apart on white and on black.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

INK = "currentColor"
SHORTCUT = "#e0622a"
STAGES = ("#3b7fd4", "#1c9c9c", "#6a9f2a")
"""A colour a stage."""
OTHER = "#8a8f98"
"""What belongs to no stage."""
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
ALONE = """
:root { color: #1f2328; background: #ffffff }
@media (prefers-color-scheme: dark) { :root { color: #e6edf3; background: #0d1117 } }
"""
"""The colours of a file that is no part of a page."""


class Drawing:
    """Shapes on a canvas; coordinates in pixels from its top left corner.

    Args:
        title: what it is: the tooltip, and the name that a screen reader says. Its description are the texts of the
            drawing, in their order.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._shapes: list[ElementTree.Element] = []

    def _add(self, tag: str, **attributes: Any) -> ElementTree.Element:
        written = {name.replace("_", "-"): str(value) for name, value in attributes.items()}
        element = ElementTree.Element(tag, written)
        self._shapes.append(element)
        return element

    def text(self, x: float, y: float, text: str, size: int = 12, faint: bool = False, **look: Any) -> None:
        """A line of text that begins at a point on its baseline; `text_anchor="middle"` centres it there."""
        opacity = {"fill_opacity": 0.75} if faint else {}
        self._add("text", x=x, y=y, font_size=size, **opacity, **look).text = text

    def rect(self, x: float, y: float, width: float, height: float, colour: str, **look: Any) -> None:
        """A rectangle from its top left corner, in a light tint of its colour."""
        look = {"rx": 5, "fill": colour, "fill_opacity": 0.16, "stroke": colour, "stroke_width": 1.5} | look
        self._add("rect", x=x, y=y, width=width, height=height, **look)

    def circle(self, x: float, y: float, radius: float, colour: str) -> None:
        self._add("circle", cx=x, cy=y, r=radius, fill="none", stroke=colour, stroke_width=1.8)

    def path(self, commands: str, colour: str = INK, **look: Any) -> None:
        """A line: `M` and `V` and the like with their coordinates."""
        look = {"fill": "none", "stroke": colour, "stroke_width": 1.5} | look
        self._add("path", d=commands, **look)

    def svg(self, width: int, height: int, alone: bool = False) -> str:
        """The drawing as text.

        Args:
            width: of the canvas.
            height: likewise.
            alone: if it becomes a file of its own, with its own colours for a light and a dark screen.
        """
        size = {"width": str(width), "height": str(height), "viewBox": f"0 0 {width} {height}"}
        look = {"role": "img", "font-family": FONT, "fill": INK}
        root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg"} | size | look)
        ElementTree.SubElement(root, "title").text = self._title
        texts = [shape.text for shape in self._shapes if shape.text]
        ElementTree.SubElement(root, "desc").text = "; ".join(texts)
        if alone:
            ElementTree.SubElement(root, "style").text = ALONE
        root.extend(self._shapes)
        ElementTree.indent(root)
        return f"{ElementTree.tostring(root, encoding='unicode')}\n"
