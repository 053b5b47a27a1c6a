"""The nets, drawn: SVG made of a layer table, the record that `resnet describe` writes. PyTorch is not needed.

`draw(record, part)` gives the text of a drawing that may stand inside a page; `alone=True` that of a file.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from resnet.diagrams import block, net, stage, stem
from resnet.diagrams.anatomy import Anatomy, anatomy
from resnet.diagrams.svg import Drawing
from resnet.results import DescriptionRecord


class Part(StrEnum):
    """What is drawn of a net."""

    net = "net"
    """All of it, from the image to the classes."""
    stem = "stem"
    """The first convolution."""
    stage1 = "stage1"
    stage2 = "stage2"
    stage3 = "stage3"
    block = "block"
    """A block that keeps its input's shape."""
    downsample = "downsample"
    """A block that halves height and width."""


_DRAW: dict[Part, Callable[[Anatomy], tuple[Drawing, float, float]]] = {
    Part.net: net.draw,
    Part.stem: stem.draw,
    Part.stage1: lambda net: stage.draw(net, 0),
    Part.stage2: lambda net: stage.draw(net, 1),
    Part.stage3: lambda net: stage.draw(net, 2),
    Part.block: block.draw,
    Part.downsample: block.draw_downsampling,
}


def draw(record: DescriptionRecord, part: Part = Part.net, alone: bool = False) -> str:
    """Draw a net or a part of it.

    Args:
        record: its layer table.
        part: what of it.
        alone: whether the drawing becomes a file, with colours of its own for a light and a dark screen. Otherwise
            it stands inside a page, as wide as there is room, in the page's colour of text.

    Returns:
        An `<svg>` element with a title and a description, without identifiers, style sheets (but for a file's
        colours) or anything that is loaded.

    Raises:
        UserError: the table is of no net that can be drawn.
    """
    drawing, width, height = _DRAW[part](anatomy(record))
    return drawing.svg(width, height, alone)
