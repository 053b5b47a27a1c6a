"""The whole net on one page: a row a stage, its volumes on the edges, its shortcuts as arcs."""

from __future__ import annotations

from typing import Any

from resnet.diagrams import words
from resnet.diagrams.anatomy import Anatomy, Block, written
from resnet.diagrams.svg import DOTTED, INK, OTHER, SHORTCUT, STAGES, Drawing
from resnet.results import Layer

MARGIN = 28
FLOW = 190
"""x at which the rows begin, right of their names."""
EDGE = 78
"""Length of an edge with a volume on it."""
CONVOLUTION, GAP = 70, 16
PLUS = 9
"""Radius of an addition."""
ROW = 132
ARC = 62
"""Height of an arc's control points above the way through; the arc itself reaches three quarters of it."""
SOLID: dict[str, Any] = {"width": 2.0}
DOTS: dict[str, Any] = {"width": 2.6, "stroke_dasharray": DOTTED}
MOST = 4
"""Blocks of a stage that are all drawn; of more, the first two and the last."""


def shown(blocks: tuple[Block, ...]) -> list[Block | int]:
    """The blocks of a stage that are drawn, and in the place of those between them their number."""
    return [*blocks] if len(blocks) < MOST else [*blocks[:2], len(blocks) - 3, blocks[-1]]


def edge(drawing: Drawing, x: float, y: float, label: str, length: float = EDGE) -> float:
    """An arrow with its volume below, where no arc passes; gives x of its end."""
    drawing.arrow((x, y), (x + length, y))
    drawing.text((x + length / 2 - 3, y + 16), label, 10.5)
    return x + length


def arc(drawing: Drawing, block: Block, start: float, end: float, y: float, height: float = ARC) -> None:
    """A block's shortcut from its input to its addition: solid, dotted where zeros are added, with a box to project."""
    stop, top = y - PLUS - 6, y - 0.75 * height
    if block.shortcut == "projection":
        conv, left, right = block.around[0], (start + end) / 2 - 34, (start + end) / 2 + 34
        two = ("M", start, y, "Q", start, top, left, top, "M", right, top, "Q", end, top, end, stop)
        drawing.path(*two, colour=SHORTCUT, width=2.0)
        drawing.box(((start + end) / 2, top), 68, 20, SHORTCUT, fill_opacity=0.22)
        label = f"1×1, {conv.output[0]}{_halving(conv)}"
        drawing.text(((start + end) / 2, top + 3.5), label, 10)
    else:
        look: dict[str, Any] = DOTS if block.shortcut == "zeros" else SOLID
        drawing.path("M", start, y, "C", start, y - height, end, y - height, end, stop, colour=SHORTCUT, **look)
    drawing.head((end, y - PLUS - 1), "down", SHORTCUT)


def _halving(conv: Layer) -> str:
    return f", /{conv.stride}" if (conv.stride or 1) > 1 else ""


def convolution_box(drawing: Drawing, block: Block, k: int, x: float, y: float, colour: str) -> float:
    """One of a block's convolutions from its left edge; gives x of its right edge."""
    conv = block.convolutions[k]
    lines = (f"{conv.kernel.replace('x', '×')} conv", f"{conv.output[0]}{_halving(conv)}")
    opacity = 0.38 if (conv.stride or 1) > 1 else 0.16
    drawing.box((x + CONVOLUTION / 2, y), CONVOLUTION, 38, colour, *lines, size=11, fill_opacity=opacity)
    return x + CONVOLUTION


def block_shapes(drawing: Drawing, block: Block, x: float, y: float, colour: str) -> float:
    """A block from the end of the edge before it; gives x of its end."""
    start = x - 16
    x = convolution_box(drawing, block, 0, x, y, colour)
    drawing.arrow((x, y), (x + GAP, y))
    x = convolution_box(drawing, block, 1, x + GAP, y, colour)
    if block.shortcut == "none":
        return x
    drawing.path("M", x, y, "L", x + GAP - 4, y)
    plus = x + GAP - 4 + PLUS
    drawing.plus((plus, y), PLUS)
    arc(drawing, block, start, plus, y)
    return plus + PLUS


def _stage(drawing: Drawing, anatomy: Anatomy, number: int, y: float) -> float:
    """A stage's row; gives x of its end."""
    blocks, colour = anatomy.stages[number], STAGES[number]
    drawing.text((MARGIN, y - 18), f"Stage {number + 1}", 15, text_anchor="start", font_weight=700, fill=colour)
    drawing.text((MARGIN, y), f"{len(blocks):,} block{'' if len(blocks) == 1 else 's'}", 12, text_anchor="start")
    drawing.text((MARGIN, y + 17), written(blocks[-1].output), 12, True, text_anchor="start")
    widest = max(stage[-1].output[0] for stage in anatomy.stages)
    drawing.volume(MARGIN + 84, y + 6, blocks[-1].output, colour, (46 / widest, 1.9))
    x = float(FLOW)
    for block in shown(blocks):
        if isinstance(block, int):
            x = edge(drawing, x, y, written(blocks[1].output))
            for k in range(3):
                drawing.box((x + 38 + 14 * k, y), 4, 4, INK, fill_opacity=0.9, stroke="none", rx=2)
            drawing.text((x + 52, y + 24), f"{block:,} more", 11, True)
            x += 104
        else:
            x = edge(drawing, x, y, written(block.input))
            x = block_shapes(drawing, block, x, y, colour)
    return x


def _legend(drawing: Drawing, anatomy: Anatomy, x: float, y: float) -> None:
    """What the signs mean: only those that are drawn."""
    kinds = {block.shortcut for stage in anatomy.stages for block in stage}
    entries: list[tuple[str, dict[str, Any]]] = []
    if "identity" in kinds:
        entries.append(("identity shortcut: the input as it is", SOLID))
    if "zeros" in kinds:
        where = "on both sides" if anatomy.zeros_before(anatomy.downsampling[0]) else "at the end"
        entries.append((f"every second pixel, zero channels {where} (option A)", DOTS))
    if "projection" in kinds:
        entries.append((f"projection: 1×1 convolution, BN (option {anatomy.record.shortcut})", SOLID))
    for k, (label, look) in enumerate(entries):
        at = y + 19 * k
        drawing.path("M", x, at, "C", x + 4, at - 13, x + 32, at - 13, x + 36, at, colour=SHORTCUT, **look)
        drawing.text((x + 48, at), label, 11.5, text_anchor="start")
    below = y + 19 * len(entries)
    residual = "BN after each convolution; ReLU after the first and after the addition"
    order = "BN and ReLU after each convolution" if anatomy.record.net == "plain" else residual
    drawing.text((x, below), order, 11.5, True, text_anchor="start")
    if anatomy.downsampling:
        drawing.text((x, below + 18), "/2: stride 2, half the height and width", 11.5, True, text_anchor="start")


def _turn(drawing: Drawing, end: float, y: float, below: float) -> None:
    """The way from the end of a row to the start of the next."""
    radius, middle = 9, y + 45
    left, right = FLOW - 12, end + 14
    drawing.path(
        *("M", end, y, "L", right - radius, y, "Q", right, y, right, y + radius, "L", right, middle - radius),
        *("Q", right, middle, right - radius, middle, "L", left + radius, middle),
        *("Q", left, middle, left, middle + radius, "L", left, below - radius, "Q", left, below, left + radius, below),
    )


def draw(anatomy: Anatomy) -> tuple[Drawing, float, float]:
    """The drawing, its width and its height."""
    drawing = Drawing(f"{anatomy.title}, the whole net", words.net(anatomy))
    drawing.text((MARGIN, 38), anatomy.title, 20, text_anchor="start", font_weight=700)
    facts = f"{words.totals(anatomy)} · {anatomy.option}"
    drawing.text((MARGIN, 59), facts, 12.5, True, text_anchor="start")

    y, conv = 122.0, anatomy.stem[0]
    right = drawing.volume(MARGIN + 10, y + 8, anatomy.input, OTHER, (1.6, 1.9))
    drawing.text((MARGIN + 30, y + 56), "image", 11, True)
    x = edge(drawing, right + 4, y, written(anatomy.input))
    normed = ("BN, ReLU",) if len(anatomy.stem) > 1 else ()
    lines = (f"conv1: {conv.kernel.replace('x', '×')}, {conv.output[0]}", *normed)
    drawing.box((x + 56, y), 112, 40, OTHER, *lines)
    _legend(drawing, anatomy, 520, 106)

    end, farthest = x + 112, 0.0
    for number in range(len(anatomy.stages)):
        below = 122 + ROW * (number + 1) + 6.0
        _turn(drawing, end, y, below)
        y, end = below, _stage(drawing, anatomy, number, below)
        farthest = max(farthest, end)
    below = y + ROW - 22
    _turn(drawing, end, y, below)
    x, y = edge(drawing, FLOW, below, written(anatomy.stages[-1][-1].output)), below
    drawing.text((MARGIN, y + 4), "Head", 15, text_anchor="start", font_weight=700)
    if any(layer.kind == "bn" for layer in anatomy.head):
        drawing.box((x + 45, y), 90, 40, OTHER, "BN, ReLU")
        x = edge(drawing, x + 90, y, written(anatomy.stages[-1][-1].output))
    drawing.box((x + 75, y), 150, 40, OTHER, "average pooling", "over all pixels")
    x = edge(drawing, x + 150, y, written(anatomy.stages[-1][-1].output[:1]), 50)
    drawing.box((x + 65, y), 130, 40, OTHER, "fully connected", f"{anatomy.record.classes}")
    x = edge(drawing, x + 130, y, f"{anatomy.record.classes}", 50)
    drawing.box((x + 45, y), 90, 40, OTHER, "softmax")
    x = edge(drawing, x + 90, y, f"{anatomy.record.classes}", 50)
    drawing.text((x + 6, y + 4), "probabilities", 12, text_anchor="start")
    return drawing, max(farthest + 14, x + 80, 860) + MARGIN, y + 46
