"""What the figures share: colours, style, titles and legends that fit, and how they are saved."""

import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib import cbook
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette without its yellow: told apart with any colour vision, and on paper."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

DASHED = (0, (4, 2))

NUMBER = re.compile(r"\$\\mathdefault\{[-+0-9.^{} ]*\}\$")
"""What Matplotlib itself writes in mathematics: powers of ten at the ticks of a logarithmic axis."""

KIND_NAMES = {"plain": "plain nets", "resnet": "residual nets"}

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


DEPTHS = (20, 32, 44, 56, 110, 1202)
"""The paper's."""


def depth_colour(depth: int) -> str:
    """The colour of a depth in all figures: from orange to dark blue over the paper's depths, by equal steps."""
    place = np.interp(np.log(depth), np.log(DEPTHS), np.linspace(0.62, 0.0, len(DEPTHS)))
    return mpl.colors.to_hex(mpl.colormaps["plasma"](place))


def series_look(place: int) -> dict[str, Any]:
    """Colour, marker and line of the series at a place of a figure without depths or kinds in colour."""
    greys, lines = ("#222222", "#8a8a8a"), ("-", (0, (5, 1.5, 1, 1.5)))
    colours = (*greys, *COLOURS[2:])
    shape = {"marker": MARKERS[place % len(MARKERS)], "color": colours[place % len(colours)]}
    return shape | {"ls": lines[place % len(lines)]}


def new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def wrapped(title: str, width: float) -> str:
    """Break a title into lines that fit into a width in inches; a number in brackets stays with its noun."""
    together = re.sub(r"(\(\d+) ", "\\1\N{NO-BREAK SPACE}", title)
    return textwrap.fill(together, int(width / 0.1))


def entitle(figure: Figure, title: str, width: float | None = None) -> None:
    figure.suptitle(wrapped(title, width or figure.get_figwidth()), **BOLD)


def log_ticks(axis: Any, places: Sequence[float], write: Callable[[float], str]) -> None:
    """Ticks of an axis at these places and nowhere else."""
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    axis.set_minor_locator(NullLocator())


def legend_columns(labels: Iterable[str], width: float, most: int = 3) -> int:
    """Columns of a legend that fit into a width in inches: a wider one would squeeze the axes."""
    # A character of the legend's 9 points is about 0.075 inches wide, the sign and gaps before it 0.6.
    widest = max((0.6 + 0.075 * len(label) for label in labels), default=1.0)
    return max(1, min(most, int(width / widest)))


def legend_below(figure: Figure, handles: Sequence[Any], width: float = 0.0, most: int = 3) -> None:
    """A legend below the axes, of as many columns as fit into a width in inches."""
    columns = legend_columns([str(handle.get_label()) for handle in handles], width, most) if width else most
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def apart(places: Sequence[float], gap: float) -> list[float]:
    """Places in ascending order, at least a gap between neighbours: the too close ones spread about their mean."""
    groups: list[list[float]] = []

    def spread(group: list[float]) -> list[float]:
        start = sum(group) / len(group) - gap * (len(group) - 1) / 2
        return [start + gap * k for k in range(len(group))]

    for place in places:
        groups.append([place])
        while len(groups) > 1 and spread(groups[-1])[0] < spread(groups[-2])[-1] + gap:
            last = groups.pop()
            groups[-1] += last
    return [place for group in groups for place in spread(group)]


def entry(label: str, **look: Any) -> Line2D:
    """A legend's entry that stands for no line of the axes."""
    return Line2D([], [], label=label, **look)


def rendered(figure: Figure, name: str) -> dict[str, bytes]:
    """The files of a figure by name, as SVG and PNG."""
    return {f"{name}.{kind}": saved(figure, kind) for kind in ("svg", "png")}


def saved(figure: Figure, kind: str, **options: Any) -> bytes:
    """A figure as SVG or PNG, without a date; `options` are Matplotlib's."""
    content, metadata = BytesIO(), {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    for text in figure.findobj(Text):
        _as_written(text)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # of a name in letters that the font lacks
        figure.savefig(content, format=kind, metadata=metadata[kind], **options)
    return content.getvalue()


def _as_written(text: Text) -> None:
    """Draw a name as it is: Matplotlib takes dollars for mathematics, and stumbles over what cannot be printed."""
    written = text.get_text()
    if "$" in written and not NUMBER.fullmatch(written):
        text.set_parse_math(False)
    if not written.replace("\n", "").isprintable():
        text.set_text("".join(sign if sign.isprintable() or sign == "\n" else " " for sign in written))


class Mark(NamedTuple):
    """What the HTML page says about a series of a figure."""

    entry: str
    texts: tuple[str, ...]


def label(artists: Any, entry: str, texts: Iterable[str] = ()) -> None:
    """Let a series of a figure answer in the HTML page; the figure itself stays as it is.

    A line without markers answers as a whole, and is thin to hit: plot its points once more as invisible markers
    (`ls="", marker="o", alpha=0`), and label these.

    Args:
        artists: what `plot`, `errorbar`, `scatter`, `fill_between` or `text` gives; bars of `bar` one by one.
        entry: the text of the legend's entry; a click on it hides or shows all with this label in the figure.
        texts: what a pointer shows: a text a marker, or one for the whole series.
    """
    for artist in cbook.flatten([artists]):
        if artist is not None:
            artist.mark = Mark(entry, tuple(texts))
