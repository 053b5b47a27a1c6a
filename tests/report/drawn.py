"""What a drawn figure holds."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text


def drawn_line(figure: Figure | None, gid: str) -> Line2D:
    """The one line of a figure with this identifier."""
    assert figure is not None
    lines = [line for axes in figure.axes for line in axes.lines if line.get_gid() == gid]
    assert len(lines) == 1, f"{gid}: {len(lines)} lines"
    return lines[0]


def x_of(line: Line2D) -> list[float]:
    return [float(value) for value in np.asarray(line.get_xdata())]


def y_of(line: Line2D) -> list[float]:
    return [float(value) for value in np.asarray(line.get_ydata())]


def assert_room_for_axes(figure: Figure | None) -> None:
    assert figure is not None
    figure.draw_without_rendering()
    for axes in figure.axes:
        box = axes.get_position()
        assert box.width > 0.25
        assert box.height > 0.3


def _texts(figure: Figure) -> list[Text]:
    """Every text that is drawn."""
    found = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        found += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [text for text in found if text.get_text() and text.get_visible()]


def assert_readable(figure: Figure | None) -> None:
    """No tick shows mathematics, no text is cut, and no two texts overlap."""
    assert figure is not None
    figure.draw_without_rendering()
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in _texts(figure)]
    for place, (name, box) in enumerate(boxes):
        assert "mathdefault" not in name
        assert min(box.x0, box.y0) >= 0, name
        assert box.x1 <= figure.bbox.x1, name
        assert box.y1 <= figure.bbox.y1, name
        for other, its in boxes[:place]:
            wide = min(box.x1, its.x1) - max(box.x0, its.x0)
            high = min(box.y1, its.y1) - max(box.y0, its.y0)
            assert min(wide, high) <= 1, f"{name!r} and {other!r} overlap"
