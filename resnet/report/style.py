"""What the figures share: colours, style, titles and legends that fit, and how they are saved."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import cbook
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.style import context
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

COLOURS = ("#222222", "#8a8a8a", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Of series that are neither depths nor kinds: distinct with any colour vision, and on paper."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

DASHED = (0, (4, 2))

LINES = ("-", (0, (5, 1.5, 1, 1.5)))

KIND_NAMES = {"plain": "plain nets", "resnet": "residual nets"}

STYLE: Any = {
    "svg.hashsalt": "resnet-depth",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "path.simplify_threshold": 0.5,  # a curve loses the points that nobody can see
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.dpi": 160,
}

DEPTHS = (20, 32, 44, 56, 110, 1202)
"""The paper's."""


def style() -> AbstractContextManager[None]:
    """Draw in the report's style, whatever the user's matplotlibrc says."""
    return context(["default", STYLE])


def depth_colour(depth: int) -> str:
    """The colour of a depth in all figures: from orange to dark blue over the paper's depths, by equal steps."""
    place = np.interp(np.log(depth), np.log(DEPTHS), np.linspace(0.62, 0.0, len(DEPTHS)))
    return mpl.colors.to_hex(mpl.colormaps["plasma"](place))


def panels(width: float, height: float, titles: Iterable[str], title: str, **options: Any) -> tuple[Figure, list[Any]]:
    """A figure with its title, and axes with theirs in a row; `options` are Matplotlib's of `subplots`."""
    figure, titles = Figure(figsize=(width, height), layout="constrained"), [*titles]
    axes = [*figure.subplots(1, len(titles), squeeze=False, **options).flat]
    for panel, of_panel in zip(axes, titles, strict=True):
        panel.set_title(of_panel)
    figure.suptitle(title, size=11, weight="bold", wrap=True)
    return figure, axes


def log_ticks(axis: Any, places: Sequence[float], write: Any) -> None:
    """Ticks of a logarithmic axis at these places, or without any at 1, 2 and 5 times powers of ten."""
    axis.set_major_locator(FixedLocator(places) if places else LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(write)
    axis.set_minor_locator(NullLocator())


def legend_below(figure: Figure, handles: Sequence[Any], most: int = 3) -> None:
    """A legend below the axes, of as many columns as fit: a wider one squeezes the axes."""
    # A character of the legend's 9 points is about 0.065 inches wide, the sign and gaps before it 0.6.
    widest = 0.6 + 0.065 * max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, min(most, int(figure.get_figwidth() / widest)))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def entry(label: str, **look: Any) -> Line2D:
    """A legend's entry that stands for no line of the axes."""
    return Line2D([], [], label=label, **look)


def saved(figure: Figure, kind: str, **options: Any) -> bytes:
    """A figure as SVG or PNG, without a date; `options` are Matplotlib's."""
    content, metadata = BytesIO(), {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    figure.savefig(content, format=kind, metadata=metadata[kind], **options)
    return content.getvalue()


def label(artists: Any, entry: str, texts: Iterable[str] = ()) -> None:
    """Let a series of a figure answer in the HTML page: a click on its entry in the legend hides or shows it.

    Args:
        artists: what `plot`, `errorbar` or `scatter` gives.
        entry: the text of the legend's entry, for all artists that answer together.
        texts: what a pointer shows: a text a marker, or one for the whole series.
    """
    for artist in cbook.flatten([artists]):
        if artist is not None:
            artist.mark = (entry, tuple(texts))
