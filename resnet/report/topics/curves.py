"""Learning curves: Figure 6, what training errors say of depth, and ours with others' published curves.

`published-curves.csv` has the errors after each of 200 epochs of six runs by two users of akamaster's trainer, as the
logs in their repositories print them. `source` is the repository with its commit; it states no licence of the logs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from resnet.report import ladders, protocol, style, words
from resnet.report.results import Net, Nets, Run
from resnet.report.samples import Sample, sample, welch
from resnet.report.section import Picture, Section
from resnet.report.style import KIND_NAMES, depth_colour
from resnet.report.table import Cell, Table, table
from resnet.results import DataRecord, HistoryRow

BEFORE = 100
"""Iterations before the learning rate falls, over which training error is a mean."""


def frame(nets: Nets) -> DataFrame:
    """A row a point of every learning curve, for `curves.csv`; what is not finite is missing."""
    points = [(x.name, x.kind, x.depth, run.seed, *row) for x in nets.values() for run in x.runs for row in run.curve]
    columns = ["name", "net", "depth", "seed", *HistoryRow._fields]
    return DataFrame(points, columns=columns).replace([np.inf, -np.inf], np.nan)


def by_run(net: Net, quantity: str) -> DataFrame:
    """A row an iteration at which every run that is done has a finite value, a column a run."""
    curves = {run.seed: {row.iteration: getattr(row, quantity) for row in run.curve} for run in net.done if run.curve}
    return DataFrame(curves, dtype=float).dropna()


def mean_errors(net: Net) -> DataFrame:
    """Training and test error by iteration, means over the runs that are done.

    Training errors are means of 1, 2, 4, ... rows too, 100 at most: of more points the dashes are not seen.
    """
    training, test = (by_run(net, quantity).mean(axis=1) for quantity in ("training_error", "test_error"))
    rows = 2 ** math.ceil(math.log2(max(1.0, len(training) / 100)))
    coarse = training.rolling(rows).mean().iloc[rows - 1 :: rows]
    return DataFrame({"training_error": coarse, "test_error": test}).rename_axis("iteration")


def means(nets: Nets) -> DataFrame:
    """A row a net and iteration, for `mean-curves.csv`: errors in %, and the number of seeds."""
    curves = {(net.name, by_run(net, "test_error").shape[1]): mean_errors(net).round(2) for net in nets.values()}
    return pd.concat(curves, names=["name", "seeds"]).reset_index()


def training_error(run: Run, first: int, last: int) -> float | None:
    """The mean in % over the iterations after `first` up to `last`; None if the curve ends before."""
    if not run.curve or run.curve[-1].iteration < last:
        return None
    ends = np.array([0, *(row.iteration for row in run.curve)])
    sums = np.cumsum([0.0, *np.diff(ends) * [row.training_error for row in run.curve]])
    return float(np.diff(np.interp([first, last], ends, sums))[0] / (last - first))


def falls(net: Net) -> list[int]:
    """The iterations after which the learning rate falls."""
    return [round(fraction * net.iterations) for fraction in net.settings.train.milestones]


def before_fall(net: Net, run: Run) -> float | None:
    """The mean training error in % of the last iterations before the rate first falls; None if it never does."""
    last = min(falls(net), default=None)
    return None if last is None else training_error(run, max(0, last - BEFORE), last)


# Figure 6.

GREY = "#444444"
DASHED: dict[str, Any] = {"lw": 0.9, "ls": style.DASHED}
FALL: dict[str, Any] = {"color": GREY, "lw": 0.9, "ls": ":"}
"""The line at which the learning rate falls."""


def panels(nets: Nets) -> dict[str, list[Net]]:
    """The nets of each panel; as in the paper, those beyond 110 layers are in one of their own with that of 110."""
    shown, deepest = [nets[x] for x in ladders.of_usual_length(nets)], ladders.DEEPEST
    plain, residual = (
        [net for net in shown if net.kind == kind and by_run(net, "test_error").size] for kind in KIND_NAMES
    )
    beyond = max((net.depth for net in residual), default=0) > deepest
    titled = {
        KIND_NAMES["plain"]: plain,
        KIND_NAMES["resnet"]: [net for net in residual if net.depth <= deepest],
        f"residual nets, {deepest} layers and more": [net for net in residual if beyond and net.depth >= deepest],
    }
    return {title: members for title, members in titled.items() if members}


def _draw_panel(axes: Any, nets: Sequence[Net]) -> None:
    """Test error bold and each run's thin, training error dashed; nets are named in the order in which they end."""
    tests = {net: by_run(net, "test_error") for net in nets}
    ends = {net: float(runs.iloc[-1].mean()) for net, runs in tests.items()}
    for net in sorted(nets, key=lambda net: -ends[net]):
        runs, colour, marker = tests[net], depth_colour(net.depth), "." if len(tests[net]) == 1 else ""
        mean, label = runs.mean(axis=1), f"{net.depth} layers, n = {runs.shape[1]}"
        axes.plot(mean_errors(net)["training_error"].dropna(), color=colour, gid=f"training-{net.name}", **DASHED)
        axes.plot(runs, color=colour, lw=0.4, alpha=0.45)
        axes.plot(mean, color=colour, lw=1.9, marker=marker, gid=f"test-{net.name}", label=label)
    for fall in {fall for net in nets for fall in falls(net)}:
        axes.axvline(fall, gid="fall", **FALL)
    axes.set(xlim=(0, nets[0].iterations), ylim=(0, min(100, max(20, 1.5 * max(ends.values())))))
    _iterations(axes)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, handlelength=1)


def figure(nets: Nets, data: DataRecord | None) -> Figure | None:
    """Error against iterations, a panel a kind; ablations and nets of another length than most are left out."""
    if not (titled := panels(nets)):
        return None
    title, width = f"Learning curves on {ladders.run_on(nets, data)}", max(5.5, 4.4 * len(titled))
    drawn, every = style.panels(width, 3.7, titled, title)
    for axes, of_panel in zip(every, titled.values(), strict=True):
        _draw_panel(axes, of_panel)
    every[0].set_ylabel("error, %")
    handles = [
        style.entry("test error, mean over n runs", color=GREY, lw=1.9),
        style.entry("test error of each run", color=GREY, lw=0.4),
        style.entry("training error, mean", color=GREY, **DASHED),
        style.entry("the learning rate falls", **FALL),
    ]
    style.legend_below(drawn, handles, most=2)
    return drawn


def _iterations(axes: Any) -> None:
    axes.set_xlabel("iterations")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")


FEWEST = 8
"""Runs from which a correlation is written."""


def correlation(nets: Nets) -> str:
    """How the test error at the end goes with the training error before the rate falls; empty for few runs."""
    usual = [nets[name] for name in ladders.of_usual_length(nets)]
    before = min([BEFORE, *(fall for net in usual for fall in falls(net))])
    cells = [(net.name, before_fall(net, run), run.record.test_error) for net in usual for run in net.done]
    errors = DataFrame(cells, columns=["net", "before", "test"]).dropna().set_index("net")
    within = errors - errors.groupby("net").transform("mean")  # 0 of a net with one run, which changes no r
    over, inside = (x["before"].corr(x["test"]) for x in (errors, within))
    text = (
        f"Correlation of test error at the end with training error over {before} iterations before the rate falls: "
        f"r = {over:.2f} over {len(errors)} runs and r = {inside:.2f} within nets (each run minus its net's mean)."
    )
    return text if len(errors) >= FEWEST else ""


def learning_curves(nets: Nets, data: DataRecord | None) -> Section:
    """Figure 6, and how test errors go with training errors."""
    caption = (
        "Bold lines are test error and dashed lines training error of augmented mini-batches, both means over runs, "
        "as in the paper's Figure 6. Thin lines are the test error of each run. Each panel has a scale of its own, "
        "which may leave out the first iterations."
    )
    picture = Picture("error-vs-iteration", caption, partial(figure, nets, data))
    return Section("Learning curves", (picture, correlation(nets)))


# Ours and others' published curves.

FILE = Path(__file__).parents[1] / "published-curves.csv"
PAIR = (20, 56)
"""Layers of the residual nets that are compared."""
WHOSE = ("ours", "others'")
EPOCH = 391
"""Iterations of an epoch of theirs: 50,000 images by 128."""
SHOWN = tuple(EPOCH * epoch for epoch in (2, 4, 8, 16, 32))
"""The ends of the epochs of theirs that the table has."""
COMPARED = 8 * EPOCH
"""The end of the one in which ours and theirs are compared."""
NEAR = 3200
"""The iteration near which the table gives test errors."""
Both = Mapping[tuple[int, str], DataFrame]
"""By depth and whose runs they are: an error in %, a row an iteration, a column a run."""


def both(nets: Sequence[Net]) -> tuple[Both, Both]:
    """Training error over epochs of others and test error: our runs until the rate falls, and others' until theirs."""
    rows = pd.read_csv(FILE).query("learning_rate == learning_rate.max()")
    training, test = ({(depth, whose): DataFrame() for depth in PAIR for whose in WHOSE} for _ in range(2))
    for net in nets:
        ends = range(EPOCH, falls(net)[0] + 1, EPOCH)
        errors = {run.seed: {end: training_error(run, end - EPOCH, end) for end in ends} for run in net.done}
        training[net.depth, "ours"] = DataFrame(errors, dtype=float).dropna()
        test[net.depth, "ours"] = by_run(net, "test_error")
    for depth in PAIR:
        theirs = rows[rows["net"] == f"resnet-{depth}"]
        training[depth, "others'"] = theirs.pivot_table("training_error", "iterations", "source")
        test[depth, "others'"] = theirs.pivot_table("test_error", "iterations", "source")
    return training, test


def like_others(nets: Nets, data: DataRecord | None) -> list[Net]:
    """Our nets of these depths with a curve, whose runs differ from the paper's in length and split at most."""
    named = [name for depth in PAIR if (name := ladders.main_net(nets, "resnet", depth))]
    drawn = [nets[name] for name in named if by_run(nets[name], "test_error").size and protocol.official(data)]
    return [net for net in drawn if {x.key for x in protocol.deviations(net, data)} <= {"iterations", "split"}]


def _over_runs(curves: DataFrame, iteration: int) -> Sample | None:
    return sample(curves.T[iteration]) if iteration in curves.index else None


def lag(training: Both, whose: str) -> DataFrame:
    """Training error of each run of the deeper net minus the mean over runs of the shallower one, in points."""
    shallow, deep = (training[depth, whose] for depth in PAIR)
    return deep.sub(shallow.mean(axis=1), axis=0).dropna()


def overtaken(training: Both, whose: str) -> list[int]:
    """The iterations from which `lag` is below 0 for good, if its end is: of the mean of ours, of each of others'."""
    behind = lag(training, whose)
    ahead = (behind.mean(axis=1).to_frame() if whose == "ours" else behind)[::-1].cummax() < 0
    return [int(ahead.index[ahead[run]].min()) for run in ahead if ahead[run].any()]


def published_table(training: Both, test: Both) -> Table:
    """Training error over the same iterations, and test error near the iteration of `NEAR`."""

    def cell(curves: DataFrame, iteration: int, at: str = "") -> Cell:
        values = _over_runs(curves, iteration)
        return Cell(f"{words.spread(values.mean, values.std, None)}{at}", values.mean) if values else Cell(words.NONE)

    lines = []
    for (depth, whose), errors in ((key, errors) for key, errors in training.items() if errors.size):
        line = {"net": Cell(f"resnet-{depth}, {whose}"), "runs": Cell(str(errors.shape[1]), errors.shape[1])}
        line |= {f"{end - EPOCH + 1:,} to {end:,}": cell(errors, end) for end in SHOWN}
        at = min(test[depth, whose].index, key=lambda iteration: abs(iteration - NEAR))
        lines.append(line | {f"test error near {NEAR:,}": cell(test[depth, whose], at, f" (at {at:,})")})
    return table(lines)


def pace(training: Both, fall: int, confidence: float) -> str:
    """Ours against others' training error over the same iterations, and when the deeper net has the lower for good."""
    parts, text = list[str](), ""
    for depth in PAIR:
        ours, theirs = (_over_runs(training[depth, whose], COMPARED) for whose in WHOSE)
        if ours and theirs and (test := welch(ours, theirs)):
            parts.append(f"{words.difference(test, confidence)} points in resnet-{depth} ({test.test})")
    if parts:
        text = f"Over iterations {COMPARED - EPOCH + 1:,} to {COMPARED:,} our training error minus others' is "
        text += f"{words.listed(parts)}; in brackets the {100 * confidence:g} % interval. "
    reached = words.listed(map(words.count, sorted(overtaken(training, "others'"))))
    text += f"Others' resnet-{PAIR[1]} has the higher training error at first. At the first rate it is below their "
    text += f"resnet-{PAIR[0]} (mean) for good from iterations {reached} on."
    if lag(training, "ours").size:
        ahead = overtaken(training, "ours")
        never = f"is not so when our rate falls, at iteration {fall:,}"
        text += f" Ours {f'is so from iteration {ahead[0]:,} on' if ahead else never}."
    return text


def _draw_runs(axes: Any, curves: DataFrame, depth: int, whose: str) -> Any:
    """Ours: each run thin and their mean bold; others' runs dashed. Gives the legend's entry."""
    colour = depth_colour(depth)
    look: dict[str, Any] = {"lw": 2.0} if whose == "ours" else {"lw": 1.1, "ls": style.DASHED}
    axes.plot(curves, color=colour, **({"lw": 0.5, "alpha": 0.6} if whose == "ours" else look))
    if whose == "ours":
        axes.plot(curves.mean(axis=1), color=colour, gid=f"mean-{depth}", **look)
    return style.entry(f"{depth} layers, {whose}, n = {curves.shape[1]}", color=colour, **look)


def published_figure(training: Both, fall: int) -> Figure:
    """Training error of both nets (left), and that of the deeper minus that of the shallower (right)."""
    titles = ("training error", f"training error, {PAIR[1]} minus {PAIR[0]} layers")
    title = "Ours and others' runs of the same residual nets at a learning rate of 0.1"
    drawn, (left, right) = style.panels(9.6, 3.9, titles, title)
    handles = [_draw_runs(left, errors, *key) for key, errors in training.items() if errors.size]
    for whose in WHOSE:
        _draw_runs(right, lag(training, whose), PAIR[1], whose)
        right.plot(at := overtaken(training, whose), [0] * len(at), "o", ms=4, color=depth_colour(PAIR[1]))
    right.axhline(0, color=GREY, lw=0.8)
    for axes in (left, right):
        _iterations(axes)
        axes.axvline(fall, **FALL)
    left.set(ylabel="%", xlim=(0, min(2 * fall, 100 * EPOCH)), ylim=(0, 90))
    right.set(ylabel="points", xlim=(0, None))
    style.legend_below(drawn, [*handles, style.entry("our learning rate falls", **FALL)])
    return drawn


def with_published_curves(nets: Nets, data: DataRecord | None, confidence: float) -> Section:
    """Our runs of 20 and 56 layers with others' published curves; empty without any of ours that is like them."""
    if not (like := like_others(nets, data)):
        return Section("Others' learning curves", (Picture("published-curves", "", lambda: None),))
    (training, test), fall = both(like), min(falls(net)[0] for net in like)
    caption = (
        "Solid lines are our runs until their learning rate falls (bold: the mean), dashed lines are others' runs. "
        f"Each point is the mean of {EPOCH} iterations. Right: each run of {PAIR[1]} layers minus the mean of the runs "
        f"of {PAIR[0]} layers. Below 0 the deeper net has the lower error; from a dot on it is below 0 for good."
    )
    repositories = pd.read_csv(FILE)["source"].unique()
    links = words.listed(f"[{x}](https://github.com/{x.replace('@', '/tree/')})" for x in repositories)
    note = (
        "Mean training error in % over these iterations, with the standard deviation over runs. Others' runs are logs "
        f"of {links}: akamaster's trainer with 50,000 training images, the paper's first rate and no warm-up."
    )
    picture = Picture("published-curves", caption, partial(published_figure, training, fall))
    blocks = (pace(training, fall, confidence), picture, published_table(training, test), note)
    return Section("Others' learning curves", blocks)
