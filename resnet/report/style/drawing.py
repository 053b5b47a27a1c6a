"""What the figures share: colours, style, titles and legends that fit, and how they are saved."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet.files import complete_or_absent

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette without its yellow: told apart with any colour vision, and on paper."""

DASHED = (0, (4, 2))

KIND_NAMES = {"plain": "plain nets", "resnet": "residual nets"}

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

STYLE: Any = {
    "svg.hashsalt": "resnet-depth",
    "svg.fonttype": "path",
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

BOLD: Any = {"size": 11, "weight": "bold"}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the report's style, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def depth_colours(depths: Iterable[int]) -> dict[int, str]:
    """One colour a depth, the same in every figure of a plan."""
    depths = sorted(set(depths))
    if len(depths) <= len(COLOURS):
        return dict(zip(depths, COLOURS, strict=False))
    scale = mpl.colormaps["viridis"]
    return {depth: mpl.colors.to_hex(scale(0.92 * place / (len(depths) - 1))) for place, depth in enumerate(depths)}


def series_look(place: int) -> tuple[str, str]:
    """Colour and marker of the series at a place of a figure."""
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def wrapped(title: str, width: float) -> str:
    """Break a title into lines that fit into a width in inches."""
    return textwrap.fill(title, int(width / 0.1))


def legend_columns(labels: Iterable[str], width: float, most: int = 3) -> int:
    """Columns of a legend that fit into a width in inches: a wider one would squeeze the axes."""
    # A character of the legend's 9 points is about 0.075 inches wide, the sign and gaps before it 0.6.
    widest = max((0.6 + 0.075 * len(label) for label in labels), default=1.0)
    return max(1, min(most, int(width / widest)))


def legend_below(figure: Figure, handles: Sequence[Line2D], width: float, most: int = 3) -> None:
    columns = legend_columns([str(handle.get_label()) for handle in handles], width, most)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def save_figure(figure: Figure, path: Path) -> None:
    """Write as SVG or PNG by the ending, without a date: the same figure gives the same bytes."""
    metadata: dict[str, Any] = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}[path.suffix]
    with complete_or_absent(path) as partial:
        figure.savefig(partial, format=path.suffix[1:], metadata=metadata)


def save_or_remove(figure: Figure | None, folder: Path, name: str) -> None:
    """Write a figure as SVG and PNG, or remove an earlier one where there is none."""
    for suffix in (".svg", ".png"):
        path = folder / f"{name}{suffix}"
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            save_figure(figure, path)


class Picture(NamedTuple):
    """A figure of a section, drawn when its page is written."""

    name: str
    """File name below `figures/`, without its ending."""
    caption: str
    absent: str
    """What is not drawn and why, where there is nothing to draw."""
    draw: Callable[[], Figure | None]


class Section(NamedTuple):
    """A heading of a page; absent where it has neither text nor a figure that is drawn."""

    title: str
    text: str
    """Markdown."""
    pictures: tuple[Picture, ...] = ()
