"""The first convolution: an image, the kernels that pass over it, and the volume that they make."""

from __future__ import annotations

from resnet.diagrams import words
from resnet.diagrams.anatomy import Anatomy, written
from resnet.diagrams.svg import OTHER, SHORTCUT, STAGES, Drawing

PIXEL = 5.0
CELL = 8.0


def _kernel(drawing: Drawing, x: float, y: float, side: int, channels: int) -> None:
    """A kernel: its front from the top left corner, and behind it a slice for each channel."""
    right, bottom, back = x + side * CELL, y + side * CELL, 4.0
    drawing.cells((x, y), side, side, CELL, SHORTCUT, opacity=0.35)
    for behind in (back * channel for channel in range(channels - 1)):
        beyond = behind + back
        lid = (
            (x + behind, y - behind),
            (x + beyond, y - beyond),
            (right + beyond, y - beyond),
            (right + behind, y - behind),
        )
        wall = (
            (right + behind, y - behind),
            lid[2],
            (right + beyond, bottom - beyond),
            (right + behind, bottom - behind),
        )
        for face, opacity in ((lid, 0.12), (wall, 0.2)):
            drawing.polygon(face, SHORTCUT, opacity, stroke_width=0.8)


def draw(anatomy: Anatomy) -> tuple[Drawing, float, float]:
    """The drawing, its width and its height."""
    conv = anatomy.stem[0]
    drawing = Drawing(f"{anatomy.title}: conv1", words.stem(anatomy))
    middle, below = 200.0, 326.0
    drawing.text((40, 40), "conv1", 20, text_anchor="start", font_weight=700)
    kernel = conv.kernel.replace("x", "×")
    drawing.text(
        (40, 62),
        f"{kernel} convolution, stride {conv.stride}, padding 1, no bias",
        12.5,
        True,
        text_anchor="start",
    )
    # The image, and the window that a kernel sees of it.
    channels, height, _ = anatomy.input
    right = drawing.volume(70, middle + 16, anatomy.input, OTHER, (6, PIXEL))
    side = int(conv.kernel.split("x")[0])
    seen = side * PIXEL
    top, back = middle - 8.0, seen * 0.38
    left, front = 70.0, 70.0 + channels * 6
    front_face = ((left, top), (front, top), (front, top + seen), (left, top + seen))
    drawing.polygon(front_face, SHORTCUT, 0.55, stroke=SHORTCUT)
    drawing.polygon(
        ((front, top), (front + back, top - back), (front + back, top - back + seen), (front, top + seen)),
        SHORTCUT,
        0.35,
        stroke=SHORTCUT,
    )
    drawing.text(((70 + right) / 2, below), "image", 13, font_weight=600)
    drawing.text(((70 + right) / 2, below + 18), written(anatomy.input), 12.5, True)

    # Every kernel: a grid for each channel of the image, one behind the other.
    count, columns = conv.output[0], 8 if conv.output[0] > 16 else 4
    rows, step = -(-count // columns), side * CELL + 18
    start, first = right + 90, middle + 8 - (-(-count // columns)) * step / 2
    drawing.arrow((right + 14, middle), (start - 18, middle))
    for k in range(count):
        x, y = start + (k % columns) * step, first + (k // columns) * step
        _kernel(drawing, x, y, side, channels)
    centre = start + (columns * step - 8) / 2
    lowest = max(below, first + rows * step + 20)
    drawing.text((centre, lowest), f"{count} kernels of {kernel}×{channels}", 13, font_weight=600)
    drawing.text((centre, lowest + 18), f"{conv.parameters:,} weights", 12.5, True)

    # What they make: a channel a kernel.
    x = start + columns * step + 70
    drawing.arrow((start + columns * step + 4, middle), (x - 16, middle))
    scale = (64 / max(count, 16), PIXEL)
    end = drawing.volume(x, middle + 16, conv.output, STAGES[0], scale)
    pixel = PIXEL * 1.4
    across = count * scale[0]
    drawing.polygon(
        ((x, top + 4), (x + across, top + 4), (x + across, top + 4 + pixel), (x, top + 4 + pixel)),
        SHORTCUT,
        0.6,
        stroke=SHORTCUT,
    )
    drawing.text(((x + end) / 2, below), "a channel for each kernel", 13, font_weight=600)
    drawing.text(((x + end) / 2, below + 18), written(conv.output), 12.5, True)
    drawing.text(
        ((70 + end) / 2, lowest + 52),
        f"{conv.parameters:,} weights × {height // (conv.stride or 1)}×{height // (conv.stride or 1)} places = "
        f"{conv.multiply_adds:,} multiply-adds",
        12.5,
        True,
    )
    return drawing, end + 50, lowest + 80
