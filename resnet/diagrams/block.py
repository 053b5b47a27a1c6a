"""A block layer by layer: the way through, and the shortcut over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from resnet.diagrams import words
from resnet.diagrams.anatomy import Anatomy, Block, written
from resnet.diagrams.svg import DOTTED, OTHER, SHORTCUT, STAGES, Drawing
from resnet.errors import UserError

LEFT = 44.0
GAP = 32.0
PLUS = 12
PIXEL = 3.0
HEIGHT = 46
PROJECTION = 138.0
TOP = 124.0
"""y of a shortcut's line."""
FLAT, HIGH, TALL = 150.0, 240.0, 360.0
"""y of the way through without a shortcut, with one, and with the pictures of option A."""


class Step(NamedTuple):
    """A box of the way through; the addition has no lines."""

    lines: tuple[str, ...]
    width: float
    strong: bool = False

    @property
    def addition(self) -> bool:
        return not self.lines


RELU, BN, ADDITION = Step(("ReLU",), 58), Step(("BN",), 46), Step((), 2 * PLUS)


def steps(anatomy: Anatomy, block: Block) -> Iterator[Step]:
    """The way through a block in the order in which it runs."""
    net, last = anatomy.record.net, block.layers[-1]
    for layer in block.layers:
        if layer.kind == "conv":
            strong = (layer.stride or 1) > 1
            lines = (
                f"{layer.kernel.replace('x', '×')} convolution",
                f"{layer.output[0]} filters, stride {layer.stride}",
            )
            yield Step(lines, 138, strong)
        else:
            yield BN
            if layer is not last or net == "plain":
                yield RELU
    if block.shortcut != "none":
        yield ADDITION
    if net == "resnet":
        yield RELU


class Way(NamedTuple):
    """Where the way through was drawn."""

    taken: float
    """x at which the shortcut leaves it."""
    addition: float
    """x of the addition; that of the output where there is none."""
    first: float
    last: float
    """x of the boxes' ends before the addition: F(x)."""
    end: float


def _way(drawing: Drawing, anatomy: Anatomy, block: Block, y: float, colours: tuple[str, str]) -> Way:
    """The way through a block from its input to its output."""
    channel = min(1.4, 64 / block.output[0])
    x = drawing.volume(LEFT, y + 8, block.input, colours[0], (channel, PIXEL))
    drawing.text(((LEFT + x) / 2, y + 86), "x", 14, font_style="italic", font_weight=600)
    drawing.text(((LEFT + x) / 2, y + 104), written(block.input), 12.5, True)
    x += 8
    passed = list(steps(anatomy, block))
    taken, first, last, addition = x + 12, x + GAP + 8, 0.0, 0.0
    for k, step in enumerate(passed):
        gap = GAP + 8 if k == 0 else GAP
        taken = x + 14 if k == 0 else taken
        drawing.arrow((x, y), (x + gap, y))
        x += gap
        if step.addition:
            last, addition = x - gap, x + PLUS
            drawing.plus((addition, y), PLUS)
        else:
            norm = step in (RELU, BN)
            look = {"fill_opacity": 0.4} if step.strong else {}
            drawing.box((x + step.width / 2, y), step.width, HEIGHT, OTHER if norm else colours[1], *step.lines, **look)
        x += step.width
    drawing.arrow((x, y), (x + GAP, y))
    left = x + GAP + 8
    end = drawing.volume(left, y + 8, block.output, colours[1], (channel, PIXEL))
    drawing.text(((left + end) / 2, y + 86), "y", 14, font_style="italic", font_weight=600)
    drawing.text(((left + end) / 2, y + 104), written(block.output), 12.5, True)
    return Way(taken, addition or left, first, last or x, end)


def _sum(drawing: Drawing, anatomy: Anatomy, block: Block, way: Way, y: float) -> None:
    """The bracket under what is learned, and the block in a formula."""
    if block.shortcut == "none":
        return
    top, middle = y + 42, (way.first + way.last) / 2
    drawing.path("M", way.first, top, "q", 0, 9, 9, 9, "L", way.last - 9, top + 9, "q", 9, 0, 9, -9, width=1.2)
    drawing.text((middle, top + 28), "F(x)", 14, font_style="italic", font_weight=600)
    inner = "x" if block.shortcut == "identity" else "s(x)"
    total = f"F(x) + {inner}"
    formula = f"y = ReLU({total})" if anatomy.record.net == "resnet" else f"y = {total}"
    drawing.text((middle, top + 58), formula, 15, font_style="italic")


def _heading(drawing: Drawing, title: str, facts: str) -> None:
    drawing.text((LEFT - 4, 40), title, 20, text_anchor="start", font_weight=700)
    drawing.text((LEFT - 4, 62), facts, 12.5, True, text_anchor="start")


def _facts(block: Block) -> str:
    through, around = (sum(layer.parameters for layer in part) for part in (block.layers, block.around))
    return f"{through:,} parameters" + (f", and {around:,} in the shortcut" if around else "")


def _over(
    drawing: Drawing, way: Way, y: float, top: float, *between: tuple[float, float], dotted: bool = False
) -> None:
    """The shortcut's line: up, over and down to the addition; broken between these x."""
    radius, width = 26.0, 3.0 if dotted else 2.4
    dashes = DOTTED if dotted else None
    corners = (way.taken + radius, *(x for gap in between for x in gap), way.addition - radius)
    up = ("M", way.taken, y, "L", way.taken, top + radius, "Q", way.taken, top, corners[0], top)
    down = ("Q", way.addition, top, way.addition, top + radius, "L", way.addition, y - PLUS - 7)
    over = [x for k in range(0, len(corners), 2) for x in ("M", corners[k], top, "L", corners[k + 1], top)]
    drawing.path(*up, *over[3:], *down, colour=SHORTCUT, width=width, stroke_dasharray=dashes)
    drawing.head((way.addition, y - PLUS - 1), "down", SHORTCUT, 9)


def _projection(drawing: Drawing, block: Block, way: Way, y: float, top: float) -> None:
    """Options B and C: a 1x1 convolution and BN on the shortcut's line."""
    conv, middle = block.around[0], (way.taken + way.addition) / 2
    _over(drawing, way, y, top, (middle - 109, middle + 29), (middle + 61, middle + 107))
    lines = ("1×1 convolution", f"{conv.output[0]} filters, stride {conv.stride}")
    for centre, width, text in ((middle - 40, PROJECTION, lines), (middle + 84, BN.width, ("BN",))):
        drawing.box((centre, top), width, HEIGHT, SHORTCUT, *text, fill_opacity=0.22)
    drawing.text((way.addition + 10, (top + y) / 2 + 4), "s(x)", 14, text_anchor="start", font_style="italic")


def _zeros(drawing: Drawing, anatomy: Anatomy, block: Block, way: Way, y: float, top: float) -> None:
    """What option A does on the shortcut's line: every second pixel, and channels of zeros."""
    width = way.addition - way.taken
    one, two = way.taken + 0.30 * width, way.taken + 0.72 * width
    cell, cells = 9.0, 8
    half = cells * cell / 2
    _over(drawing, way, y, top, (one - half - 60, one + 84), (two - 122, two + 122), dotted=True)
    drawing.text((way.addition + 10, (top + y) / 2 + 4), "s(x)", 14, text_anchor="start", font_style="italic")
    drawing.cells((one - half - 52, top - half), cells, cells, cell, SHORTCUT, kept=2)
    drawing.arrow((one - 4, top), (one + 26, top), SHORTCUT)
    drawing.cells((one + 38, top - half / 2), cells // 2, cells // 2, cell, SHORTCUT)
    drawing.text((one, top + half + 22), "every second pixel", 13, font_weight=600)
    sizes = (f"{block.input[1]}×{block.input[2]}", f"{block.output[1]}×{block.output[2]}")
    drawing.text((one, top + half + 40), f"{sizes[0]} becomes {sizes[1]}", 12.5, True)

    old, channels, before = block.input[0], block.output[0], anatomy.zeros_before(block)
    slab = 224.0 / channels
    left, up, down = two - 112.0, top - 26, top + 26
    for k in range(channels):
        x, kept = left + k * slab, before <= k < before + old
        corners = ((x, up), (x + slab, up), (x + slab, down), (x, down))
        look: dict[str, object] = {"stroke": SHORTCUT, "stroke_width": 0.7} | ({} if kept else {"stroke_opacity": 0.7})
        drawing.polygon(corners, SHORTCUT, 0.7 if kept else 0.0, **look)
    groups = ((0, before, "zeros"), (before, old, "of x"), (before + old, channels - before - old, "zeros"))
    for start, many, name in groups:
        if many:
            middle = left + (start + many / 2) * slab
            drawing.text((middle, up - 9), f"{many} {name}", 12, font_weight=None if name == "zeros" else 600)
    drawing.text((two, top + half + 22), "zero channels", 13, font_weight=600)
    drawing.text((two, top + half + 40), f"{old} channels become {channels}", 12.5, True)


def draw(anatomy: Anatomy) -> tuple[Drawing, float, float]:
    """A block that keeps its shape, of the first stage: the drawing, its width and its height."""
    blocks = anatomy.stages[0]
    block = blocks[min(1, len(blocks) - 1)]
    name = {"identity": "Identity block", "none": "Plain block"}.get(block.shortcut, "Block with a projection")
    drawing = Drawing(f"{anatomy.title}: {name[0].lower()}{name[1:]}", words.block(anatomy, block))
    _heading(drawing, name, _facts(block))
    y = FLAT if block.shortcut == "none" else HIGH
    way = _way(drawing, anatomy, block, y, (STAGES[0], STAGES[0]))
    if block.shortcut == "projection":
        _projection(drawing, block, way, y, TOP)
    elif block.shortcut != "none":
        _over(drawing, way, y, TOP)
        middle = (way.taken + way.addition) / 2
        drawing.text((middle, TOP - 10), "identity: x as it is, no parameters", 13, font_weight=600)
    _sum(drawing, anatomy, block, way, y)
    return drawing, way.end + 40, y + 130


def draw_downsampling(anatomy: Anatomy) -> tuple[Drawing, float, float]:
    """The first block that halves height and width: the drawing, its width and its height.

    Raises:
        UserError: the net has none.
    """
    if not anatomy.downsampling:
        raise UserError(f"{anatomy.record.name}: no block halves its input")
    block = anatomy.downsampling[0]
    drawing = Drawing(f"{anatomy.title}: down-sampling block", words.block(anatomy, block))
    option = "" if block.shortcut == "none" else f" · option {anatomy.record.shortcut}"
    _heading(drawing, "Down-sampling block", f"{_facts(block)}{option}")
    y = {"none": FLAT, "zeros": TALL}.get(block.shortcut, HIGH)
    way = _way(drawing, anatomy, block, y, (STAGES[0], STAGES[1]))
    if block.shortcut == "zeros":
        _zeros(drawing, anatomy, block, way, y, TOP + 12)
    elif block.shortcut == "projection":
        _projection(drawing, block, way, y, TOP)
    _sum(drawing, anatomy, block, way, y)
    return drawing, way.end + 40, y + 130
