"""Draw the figures of docs/nets.md, from the nets themselves: `python docs/draw_figures.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from resnet.diagrams import Part, draw
from resnet.files import write_text
from resnet.nets.layers import describe
from resnet.params import load


class Figure(NamedTuple):
    net: str
    depth: int
    part: Part
    assignments: tuple[str, ...] = ()


FIGURES = {
    "resnet-56": Figure("resnet", 56, Part.net),
    "plain-56": Figure("plain", 56, Part.net),
    "resnet-20-option-b": Figure("resnet", 20, Part.net, ("model.shortcut=B",)),
    "conv1": Figure("resnet", 56, Part.stem),
    "stage-2": Figure("resnet", 56, Part.stage2),
    "identity-block": Figure("resnet", 56, Part.block),
    "plain-block": Figure("plain", 56, Part.block),
    "down-sampling-block": Figure("resnet", 56, Part.downsample),
    "down-sampling-block-end": Figure("resnet", 56, Part.downsample, ("model.zero_padding=end",)),
    "down-sampling-block-option-b": Figure("resnet", 56, Part.downsample, ("model.shortcut=B",)),
}


def main(folder: Path) -> None:
    """Write every figure into a folder."""
    for name, figure in FIGURES.items():
        settings = load(None, figure.assignments).settings_for(figure.net, figure.depth)
        write_text(folder / f"{name}.svg", draw(describe(settings), figure.part, alone=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "figures")
