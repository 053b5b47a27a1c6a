"""Flow charts from top to bottom: the way through in boxes on the left, the shortcuts around it on the right."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from resnet.diagrams.net import Block, Net, Shape
from resnet.diagrams.svg import INK, OTHER, SHORTCUT, STAGES, Drawing
from resnet.results import Layer

WIDTH, MARGIN = 420, 14
MIDDLE, BOX, HEIGHT = 127, 228, 38
"""x of the way through; width and height of its boxes."""
AROUND, SIDE = 332, 156
"""x of the shortcuts; width of their boxes."""
EDGE, GAP = 30, 16
"""Length of an arrow with a volume, and of one within a block."""
PLUS = 9
"""Radius of an addition."""
DOTTED = "2 4"
SHORTCUTS = {
    "A": "option A: identity, zeros for new channels",
    "B": "option B: a projection if the shape changes",
    "C": "option C: every shortcut is a projection",
    "none": "no shortcuts",
}


def written(shape: Shape) -> str:
    """Write `16×32×32`."""
    return "×".join(map(str, shape))


def costs(layers: Iterable[Layer]) -> str:
    """Write `464 parameters, 0.4 million multiply-adds an image`."""
    layers = tuple(layers)
    parameters, adds = (sum(getattr(layer, field) for layer in layers) for field in ("parameters", "multiply_adds"))
    return f"{parameters:,} parameters, {adds / 1e6:,.1f} million multiply-adds an image"


class Chart:
    """A flow chart that grows downwards.

    Args:
        title: what it shows.
        facts: lines below it.
    """

    def __init__(self, title: str, *facts: str) -> None:
        self._drawing = Drawing(title)
        self._drawing.text(MARGIN, 28, title, 18, font_weight=700)
        self._y = 28
        for fact in facts:
            self._y += 19
            self._drawing.text(MARGIN, self._y, fact, faint=True)
        self._y += 14

    def svg(self, alone: bool) -> str:
        return self._drawing.svg(WIDTH, self._y + MARGIN, alone)

    def _arrow(self, length: int) -> None:
        """An arrow of the way through."""
        self._y += length
        self._drawing.path(f"M {MIDDLE} {self._y - length} V {self._y - 5}")
        self._drawing.path(f"M {MIDDLE} {self._y} l -4 -7 h 8 Z", fill=INK, stroke="none")

    def edge(self, volume: str, name: str = "", colour: str = INK) -> None:
        """An arrow with the volume that passes there, and the name of what begins."""
        below = self._y + EDGE // 2 + 4
        if name:
            self._drawing.text(MARGIN, below, name, 13, font_weight=700, fill=colour)
        self._drawing.text(MIDDLE + 12, below, volume)
        self._arrow(EDGE)

    def box(self, colour: str, *lines: str) -> None:
        """A box of the way through."""
        self._box(MIDDLE, self._y, BOX, HEIGHT, colour, lines)
        self._y += HEIGHT

    def _box(self, middle: int, top: int, width: int, height: int, colour: str, lines: Iterable[str]) -> None:
        """Lines of text in a box, from its top; the first is strong."""
        self._drawing.rect(middle - width // 2, top, width, height, colour)
        for k, line in enumerate(lines):
            weight = {} if k else {"font_weight": 600}
            y = top + 16 + 15 * k
            self._drawing.text(middle, y, line, 11 if k else 12, faint=k > 0, text_anchor="middle", **weight)

    def convolution(self, conv: Layer, norm: Layer, colour: str, relu: bool) -> None:
        """A convolution with its batch norm, and ReLU if it follows at once."""
        after = "batch norm, ReLU" if relu else "batch norm"
        size = f"{conv.kernel.replace('x', '×')} conv, {conv.output[0]} filters, stride {conv.stride}"
        self.box(colour, size, f"{after} · {conv.parameters + norm.parameters:,} parameters")

    def block(self, net: Net, block: Block, colour: str, count: int = 1) -> None:
        """A block in a frame, and how many there are of it."""
        top, (conv1, norm1, conv2, norm2) = self._y, block.through
        if count > 1:
            self._drawing.text(WIDTH - MARGIN, top - 7, f"× {count}", 14, font_weight=700, text_anchor="end")
        self._arrow(GAP + 6)
        self.convolution(conv1, norm1, colour, relu=True)
        self._arrow(GAP)
        self.convolution(conv2, norm2, colour, relu=not block.residual)
        if block.residual:
            self._shortcut(net, block, top + 8)
        self._y += 14
        self._drawing.path(f"M {MIDDLE} {self._y - 14} V {self._y}")
        frame: dict[str, Any] = {"fill": "none", "stroke_opacity": 0.6, "stroke_width": 1, "rx": 9}
        self._drawing.rect(6, top, WIDTH - 12, self._y - top, colour, **frame)

    def _shortcut(self, net: Net, block: Block, top: int) -> None:
        """The way around a block from its input, the addition, and both in a formula."""
        self._arrow(GAP)
        y = self._y + PLUS
        look = {"stroke_dasharray": DOTTED} if block.shortcut == "zeros" else {}
        middle, half = (top + y) // 2, 0 if block.shortcut == "identity" else 38
        over = f"M {MIDDLE} {top} H {AROUND - 8} q 8 0 8 8"
        back = f"V {y - 8} q 0 8 -8 8 H {MIDDLE + PLUS + 6}"
        self._drawing.path(f"{over} V {middle - half} M {AROUND} {middle + half} {back}", SHORTCUT, **look)
        self._drawing.path(f"M {MIDDLE + PLUS + 1} {y} l 7 -4 v 8 Z", fill=SHORTCUT, stroke="none")
        if block.shortcut == "identity":
            self._drawing.text(AROUND + 8, middle + 4, "identity")
        else:
            lines = self._projection(block) if block.shortcut == "projection" else self._zeros(net, block, middle + 20)
            self._box(AROUND, middle - half, SIDE, 2 * half, SHORTCUT, lines)
            self._drawing.text(AROUND + 8, y - 2, "s(x)", font_style="italic")
        self._drawing.circle(MIDDLE, y, PLUS, SHORTCUT)
        self._drawing.path(f"M {MIDDLE - 5} {y} h 10 M {MIDDLE} {y - 5} v 10", SHORTCUT)
        formula = f"y = ReLU(F(x) + {'x' if block.shortcut == 'identity' else 's(x)'})"
        self._drawing.text(MIDDLE + 16, y + 16, formula, font_style="italic")
        self._y = y + PLUS

    @staticmethod
    def _projection(block: Block) -> tuple[str, ...]:
        """The lines of options B and C."""
        conv = block.around[0]
        parameters = sum(layer.parameters for layer in block.around)
        size = f"{conv.output[0]} filters, stride {conv.stride}"
        return "1×1 convolution", size, "batch norm", f"{parameters:,} parameters"

    def _zeros(self, net: Net, block: Block, top: int) -> tuple[str, ...]:
        """Draw the channels of option A in a row, and give its lines."""
        (before, after), old, new = net.zeros(block), block.input[0], block.output[0]
        left, unit = AROUND - SIDE // 2 + 12, (SIDE - 24) / new
        for first, many, opacity in ((0, before, 0), (before, old, 0.7), (before + old, after, 0)):
            if many:
                look = {"rx": 0, "stroke_width": 1, "fill_opacity": opacity}
                self._drawing.rect(left + first * unit, top, many * unit, 10, SHORTCUT, **look)
        channels = [f"{before} zeros", f"{old} of x", f"{after} zeros"]
        size = f"{written(block.input[1:])} to {written(block.output[1:])}"
        return "every second pixel", size, ", ".join(channels if before else channels[1:])


def _stem(chart: Chart, net: Net) -> None:
    chart.edge(written(net.input), "Image")
    chart.convolution(*net.stem, OTHER, relu=True)


def _stage(chart: Chart, net: Net, number: int) -> None:
    """A stage's blocks; those that follow each other and are built alike are drawn once."""
    for k, (block, alike) in enumerate(groupby(net.stages[number])):
        name = "" if k else f"Stage {number + 1}"
        chart.edge(written(block.input), name, STAGES[number])
        chart.block(net, block, STAGES[number], len(list(alike)))


def _head(chart: Chart, net: Net) -> None:
    pooling, connected = net.head
    chart.edge(written(net.stages[-1][-1].output), "Head")
    chart.box(OTHER, "average pooling", "over all pixels")
    chart.edge(written(pooling.output))
    chart.box(OTHER, f"fully connected, {net.record.classes} classes", f"softmax · {connected.parameters:,} parameters")
    chart.edge(f"{net.record.classes} probabilities")


def of_net(net: Net) -> Chart:
    """The whole net."""
    shortcut = net.record.shortcut
    chart = Chart(net.title, costs(net.record.layers), SHORTCUTS.get(shortcut, shortcut))
    _stem(chart, net)
    for number in range(len(net.stages)):
        _stage(chart, net, number)
    _head(chart, net)
    return chart


def of_stem(net: Net) -> Chart:
    """The first convolution."""
    chart = Chart(f"{net.title}: first convolution", costs(net.stem))
    _stem(chart, net)
    chart.edge(written(net.stem[0].output))
    return chart


def of_stage(net: Net, number: int) -> Chart:
    """A stage, counted from 0."""
    blocks = net.stages[number]
    layers = [layer for block in blocks for layer in block.layers]
    many = f"{len(blocks)} block{'' if len(blocks) == 1 else 's'}"
    chart = Chart(f"{net.title}: stage {number + 1}", many, costs(layers))
    _stage(chart, net, number)
    chart.edge(written(blocks[-1].output))
    return chart


def of_block(net: Net, block: Block) -> Chart:
    """A block from its input x to its output y."""
    kind = {"none": "plain block", "identity": "identity block"}.get(block.shortcut, "block with a projection")
    kind = "down-sampling block" if block.stride > 1 else kind
    number = next(k for k, blocks in enumerate(net.stages) if block in blocks)
    chart = Chart(f"{net.title}: {kind}", costs(block.layers))
    chart.edge(f"x: {written(block.input)}", f"Stage {number + 1}", STAGES[number])
    chart.block(net, block, STAGES[number])
    chart.edge(f"y: {written(block.output)}")
    return chart
