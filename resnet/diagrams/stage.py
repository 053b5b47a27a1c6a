"""A stage: its blocks in a row, with the volumes between them."""

from __future__ import annotations

from resnet.diagrams import words
from resnet.diagrams.anatomy import Anatomy, Block, Shape, written
from resnet.diagrams.net import block_shapes, shown
from resnet.diagrams.svg import INK, STAGES, Drawing

MIDDLE = 178.0
PIXEL = 2.6


def _volume(drawing: Drawing, x: float, shape: Shape, colour: str, channel: float) -> float:
    right = drawing.volume(x, MIDDLE + 6, shape, colour, (channel, PIXEL))
    drawing.text(((x + right) / 2, MIDDLE + 78), written(shape), 12)
    return right


def draw(anatomy: Anatomy, number: int) -> tuple[Drawing, float, float]:
    """The drawing of a stage, counted from 0, its width and its height."""
    blocks, colour = anatomy.stages[number], STAGES[number]
    drawing = Drawing(f"{anatomy.title}: stage {number + 1}", words.stage(anatomy, number))
    drawing.text((40, 40), f"Stage {number + 1}", 20, text_anchor="start", font_weight=700)
    parameters = sum(layer.parameters for block in blocks for layer in (*block.layers, *block.around))
    made = f"{words.counted(len(blocks), 'block')} of two 3×3 convolutions"
    facts = f"{made}, {words.counted(blocks[-1].output[0], 'filter')} each · {parameters:,} parameters"
    drawing.text((40, 62), facts, 12.5, True, text_anchor="start")
    widest = max(block.output[0] for block in blocks)
    channel = min(1.0, 64 / widest)
    x = _volume(drawing, 44, blocks[0].input, STAGES[max(number - 1, 0)], channel)
    for place in shown(blocks):
        if isinstance(place, int):
            drawing.path("M", x + 6, MIDDLE, "L", x + 24, MIDDLE)
            for k in range(3):
                drawing.box((x + 38 + 13 * k, MIDDLE), 4, 4, INK, fill_opacity=0.9, stroke="none", rx=2)
            drawing.text((x + 51, MIDDLE + 24), f"{place:,} more", 11, True)
            drawing.arrow((x + 78, MIDDLE), (x + 98, MIDDLE))
            x = _volume(drawing, x + 104, blocks[-1].input, colour, channel)
            continue
        drawing.arrow((x + 6, MIDDLE), (x + 42, MIDDLE))
        start = x + 42
        x = block_shapes(drawing, place, start, MIDDLE, colour)
        drawing.text(((start + x) / 2, MIDDLE + 44), _name(place, blocks), 12, font_weight=600)
        drawing.arrow((x, MIDDLE), (x + 26, MIDDLE))
        x = _volume(drawing, x + 32, place.output, colour, channel)
    return drawing, max(x + 40, 640), MIDDLE + 108


def _name(block: Block, blocks: tuple[Block, ...]) -> str:
    number = f"block {blocks.index(block) + 1}"
    return f"{number}: down-sampling" if block.stride > 1 else number
