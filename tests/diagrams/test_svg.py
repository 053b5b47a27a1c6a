"""The drawings as files: well-formed, safe inside a page, and about as large as what is in them."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from resnet.diagrams import Part, draw
from resnet.errors import UserError
from tests.diagrams.drawn import SVG, described, parsed

HOSTILE = "<script>alert(1)</script>\" onload='x' & \x00\x1b\ud800]]>"


@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize("net", ["resnet", "plain"])
def test_a_drawing_stands_inside_any_page(net: str, part: Part) -> None:
    root = parsed(described(net, 20), part)
    assert root.tag == f"{SVG}svg"
    assert (root.get("role"), root.get("width"), root.get("height")) == ("img", "100%", None)
    title, description = root[0], root[1]
    assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
    assert title.text
    assert description.text
    assert len(description.text) > 80
    for element in root.iter():
        # No identifier can collide, no rule of style can leak, nothing is run or loaded.
        assert element.tag.removeprefix(SVG) in (
            "svg", "title", "desc", "text", "rect", "path", "polygon", "circle",
        )  # fmt: skip
        assert not {"id", "class", "style", "href"} & element.attrib.keys()
        assert not any("url(" in value or name.startswith("on") for name, value in element.attrib.items())


def test_a_file_has_colours_for_a_light_and_a_dark_screen() -> None:
    root = parsed(described("resnet", 20), alone=True)
    styles = list(root.iter(f"{SVG}style"))
    assert len(styles) == 1
    assert "prefers-color-scheme: dark" in (styles[0].text or "")
    _, _, width, height = (root.get("viewBox") or "").split()
    assert (root.get("width"), root.get("height")) == (width, height)


def test_letters_and_lines_take_the_pages_colour() -> None:
    root = parsed(described("resnet", 20))
    assert root.get("fill") == "currentColor"
    fills = {element.get("fill") for element in root.iter(f"{SVG}text")}
    assert len(fills) == 4  # the page's, and a stage's own
    assert None in fills


@pytest.mark.parametrize("part", list(Part))
def test_hostile_names_are_text(part: Part) -> None:
    record = described("resnet", 20).model_copy(update={"name": HOSTILE, "net": HOSTILE, "shortcut": HOSTILE})
    root = parsed(record, part)
    assert "<script" not in draw(record, part)
    assert not [element for element in root.iter() if "script" in element.tag]
    assert "<script>alert(1)</script>" in (root[0].text or "")


@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize(
    ("net", "depth", "option"), [("resnet", 20, "A"), ("resnet", 110, "C"), ("plain", 8, "A"), ("resnet", 32, "B")]
)
def test_everything_lies_on_the_canvas(net: str, depth: int, option: str, part: Part) -> None:
    root = parsed(described(net, depth, f"model.shortcut={option}"), part)
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    for element in root.iter():
        xs, ys = [], []
        if element.tag == f"{SVG}rect":
            x, y = float(element.get("x", 0)), float(element.get("y", 0))
            xs, ys = [x, x + float(element.get("width", 0))], [y, y + float(element.get("height", 0))]
        elif element.tag == f"{SVG}polygon":
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", element.get("points", ""))]
            xs, ys = numbers[::2], numbers[1::2]
        elif element.tag == f"{SVG}text":
            # A letter is about 0.6 of its size wide.
            middle, half = (
                float(element.get("x", 0)),
                0.3 * float(element.get("font-size", 0)) * len(element.text or ""),
            )
            start = element.get("text-anchor") == "start"
            xs, ys = (
                [middle, middle + 2 * half] if start else [middle - half, middle + half],
                [float(element.get("y", 0))],
            )
        assert all(0 <= x <= width for x in xs), ElementTree.tostring(element)
        assert all(0 <= y <= height for y in ys), ElementTree.tostring(element)


@pytest.mark.parametrize("option", ["A", "C"])
def test_no_text_of_the_whole_net_lies_on_another(option: str) -> None:
    lines: dict[float, list[tuple[float, float]]] = {}
    for element in parsed(described("resnet", 110, f"model.shortcut={option}")).iter(f"{SVG}text"):
        width = 0.55 * float(element.get("font-size", 0)) * len(element.text or "")
        x = float(element.get("x", 0)) - (0 if element.get("text-anchor") == "start" else width / 2)
        lines.setdefault(float(element.get("y", 0)), []).append((x, x + width))
    for spans in lines.values():
        assert all(one[1] <= other[0] for one, other in pairwise(sorted(spans)))


def test_what_is_no_net_of_ours_is_refused() -> None:
    record = described("resnet", 8)
    for layers in ((), record.layers[:1], record.layers[:-1], record.layers[:12]):
        with pytest.raises(UserError, match="resnet-8: its layer table is of no net that can be drawn"):
            draw(record.model_copy(update={"layers": layers}))
