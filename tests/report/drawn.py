"""What a drawn figure holds."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D


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
    figure.canvas.draw()
    for axes in figure.axes:
        box = axes.get_position()
        assert box.width > 0.25
        assert box.height > 0.3
