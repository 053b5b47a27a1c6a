"""SVG, written by a few shapes: no style sheet, no script, no identifier, nothing loaded from elsewhere.

A drawing may therefore stand inside a page beside any other. Lines and letters are `currentColor`, the page's
own; the few colours are told apart on white and on black.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

Point = tuple[float, float]

INK = "currentColor"
SHORTCUT = "#e0622a"
STAGES = ("#3b7fd4", "#1c9c9c", "#6a9f2a")
"""A colour a stage."""
OTHER = "#8a8f98"
"""What belongs to no stage."""
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
DOTTED = "1 5"
NO_XML = {"\ufffe", "\uffff", *map(chr, range(0xD800, 0xE000))}
"""Characters above the controls that no XML file may hold; half a pair among them."""
ALONE = """
:root { color: #1f2328; background: #ffffff }
@media (prefers-color-scheme: dark) { :root { color: #e6edf3; background: #0d1117 } }
"""
"""The colours of a file that is no part of a page."""


def _number(value: float) -> str:
    """Two decimals at most, and no `-0`."""
    return f"{round(value, 2) + 0.0:g}"


def _readable(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return "".join(sign if sign in "\t\n" or (sign >= " " and sign not in NO_XML) else "\ufffd" for sign in text)


def _path(commands: Iterable[str | float]) -> str:
    return " ".join(part if isinstance(part, str) else _number(part) for part in commands)


class Drawing:
    """Shapes on a canvas; coordinates in pixels from its top left corner.

    Args:
        title: what it is: the tooltip, and the name that a screen reader says.
        description: the same in sentences, for whoever cannot see it.
    """

    def __init__(self, title: str, description: str) -> None:
        self._root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
        self._title = self._add("title", {}, title)
        self._description = self._add("desc", {}, description)

    def _add(self, tag: str, attributes: dict[str, Any], text: str | None = None) -> ElementTree.Element:
        written = {
            name.replace("_", "-"): _number(value) if isinstance(value, int | float) else _readable(str(value))
            for name, value in attributes.items()
            if value is not None
        }
        element = ElementTree.SubElement(self._root, tag, written)
        element.text = None if text is None else _readable(text)
        return element

    def text(self, at: Point, text: str, size: float = 12, faint: bool = False, **look: Any) -> None:
        """A line of text, centred at a point on its baseline; `text_anchor="start"` begins there."""
        look = {"text_anchor": "middle", "fill_opacity": 0.72 if faint else None} | look
        self._add("text", {"x": at[0], "y": at[1], "font_size": size, **look}, text)

    def box(
        self, centre: Point, width: float, height: float, colour: str, *lines: str, size: float = 12, **look: Any
    ) -> None:
        """A rounded box with lines of text in its middle, the first one strong."""
        x, y = centre
        look = {"rx": 5, "fill": colour, "fill_opacity": 0.16, "stroke": colour, "stroke_width": 1.5} | look
        self._add("rect", {"x": x - width / 2, "y": y - height / 2, "width": width, "height": height, **look})
        step = size * 1.25
        for k, line in enumerate(lines):
            below = y + (k - (len(lines) - 1) / 2) * step + size * 0.35
            self.text((x, below), line, size, faint=k > 0, font_weight=600 if k == 0 else None)

    def polygon(self, points: Iterable[Point], colour: str, opacity: float, **look: Any) -> None:
        commands = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        look = {"stroke": colour, "stroke_width": 1.2, "stroke_linejoin": "round"} | look
        self._add("polygon", {"points": commands, "fill": colour, "fill_opacity": opacity, **look})

    def path(self, *commands: str | float, colour: str = INK, width: float = 1.5, **look: Any) -> None:
        """A line: `M` and `C` and the like with their coordinates."""
        look = {"fill": "none", "stroke": colour, "stroke_width": width, "stroke_linecap": "round"} | look
        self._add("path", {"d": _path(commands), **look})

    def head(self, tip: Point, direction: str = "right", colour: str = INK, size: float = 7) -> None:
        """The head of an arrow that ends at a point."""
        (x, y), half = tip, size * 0.5
        ends = {
            "right": ((x - size, y - half), (x - size, y + half)),
            "down": ((x - half, y - size), (x + half, y - size)),
            "up": ((x - half, y + size), (x + half, y + size)),
        }
        self.polygon((tip, *ends[direction]), colour, 1.0, stroke="none")

    def arrow(self, start: Point, end: Point, colour: str = INK, **look: Any) -> None:
        """A straight arrow to the right or downwards."""
        down = abs(end[1] - start[1]) > abs(end[0] - start[0])
        stop = (end[0], end[1] - 5) if down else (end[0] - 5, end[1])
        self.path("M", *start, "L", *stop, colour=colour, **look)
        self.head(end, "down" if down else "right", colour)

    def plus(self, centre: Point, radius: float = 8, colour: str = SHORTCUT) -> None:
        """The addition of a shortcut."""
        (x, y), arm = centre, radius * 0.55
        self._add("circle", {"cx": x, "cy": y, "r": radius, "fill": "none", "stroke": colour, "stroke_width": 1.8})
        self.path("M", x - arm, y, "L", x + arm, y, "M", x, y - arm, "L", x, y + arm, colour=colour, width=1.8)

    def cells(
        self, at: Point, columns: int, rows: int, size: float, colour: str, kept: int = 1, opacity: float = 0.7
    ) -> None:
        """A grid of cells from its top left corner; every `kept`-th column of every `kept`-th row is filled."""
        for row in range(rows):
            for column in range(columns):
                full = row % kept == 0 and column % kept == 0
                x, y = at[0] + column * size, at[1] + row * size
                look = {"stroke": colour, "stroke_width": 0.8, "fill": colour, "fill_opacity": opacity if full else 0}
                look |= {} if full else {"stroke_opacity": 0.6}
                self._add("rect", {"x": x, "y": y, "width": size, "height": size, **look})

    def volume(
        self, left: float, middle: float, shape: tuple[int, ...], colour: str, scale: tuple[float, float]
    ) -> float:
        """A volume as a block: channels along the flow, height upwards, width into the page.

        Args:
            left: x of its front's left edge.
            middle: y of its front's middle.
            shape: channels, height and width.
            colour: of its faces.
            scale: pixels a channel, and pixels a pixel.

        Returns:
            x of its right edge.
        """
        channels, height, width = shape
        across, up, back = max(3.0, channels * scale[0]), height * scale[1], width * scale[1] * 0.38
        top, bottom, right = middle - up / 2, middle + up / 2, left + across
        front = ((left, top), (right, top), (right, bottom), (left, bottom))
        lid = ((left, top), (left + back, top - back), (right + back, top - back), (right, top))
        side = ((right, top), (right + back, top - back), (right + back, bottom - back), (right, bottom))
        for face, opacity in ((front, 0.30), (lid, 0.12), (side, 0.20)):
            self.polygon(face, colour, opacity)
        return right + back

    def svg(self, width: float, height: float, alone: bool = False) -> str:
        """The drawing as text.

        Args:
            width: of the canvas; a page may show it in any size.
            height: likewise.
            alone: whether it becomes a file of its own, with its own colours for a light and a dark screen;
                otherwise it stands inside a page and takes the page's.
        """
        size = {"viewBox": f"0 0 {_number(width)} {_number(height)}", "font-family": FONT, "fill": INK}
        size |= {"width": _number(width), "height": _number(height)} if alone else {"width": "100%"}
        root = ElementTree.Element(self._root.tag, self._root.attrib | size)
        root.extend(self._root)
        if alone:
            style = ElementTree.Element("style")
            style.text = ALONE
            root.insert(2, style)
        ElementTree.indent(root)
        return f"{ElementTree.tostring(root, encoding='unicode')}\n"
