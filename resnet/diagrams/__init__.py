"""Flow charts of the nets as SVG, made of a layer table, the record that `resnet describe` writes; without PyTorch.

`draw(record, part)` gives the text of a drawing that a page can hold; `alone=True` that of a file.
"""

from __future__ import annotations

from enum import StrEnum

from resnet.diagrams import chart
from resnet.diagrams.net import read
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


_STAGES = (Part.stage1, Part.stage2, Part.stage3)


def draw(record: DescriptionRecord, part: Part = Part.net, alone: bool = False) -> str:
    """Draw a net or a part of it.

    Args:
        record: its layer table.
        part: what of it.
        alone: if the drawing becomes a file, with colours of its own for a light and a dark screen. A page's drawing
            takes the page's colour of text.

    Returns:
        An `<svg>` element of 420 pixels' width, with a title and a description, without identifiers, style sheets
        (but for a file's colours) or anything that is loaded.

    Raises:
        UserError: the table is of no net that can be drawn.
    """
    net = read(record)
    if part is Part.net:
        drawn = chart.of_net(net)
    elif part is Part.stem:
        drawn = chart.of_stem(net)
    elif part in _STAGES:
        drawn = chart.of_stage(net, _STAGES.index(part))
    else:
        drawn = chart.of_block(net, net.downsampling() if part is Part.downsample else net.keeping())
    return drawn.svg(alone)
