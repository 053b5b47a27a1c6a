"""What tuning each depth at equal budget changes."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from resnet.report import style as drawing
from resnet.report import words
from resnet.report.analysis.sweeps import Order, orders
from resnet.report.markdown import bullets, escaped, table
from resnet.report.style import COLOURS, Picture, Section
from resnet.report.tables import Tables, rows

KINDS = {"resnet": "Residual nets", "plain": "Plain nets"}

LOOKS: dict[str, dict[str, Any]] = {
    "complete": {"marker": "o", "color": COLOURS[0], "ms": 4.5},
    "pruned, at its last measurement": {"marker": "o", "color": COLOURS[0], "mfc": "white", "ms": 4.5},
    "own values": {"marker": "D", "color": "#000000", "ms": 6},
    "best": {"marker": "*", "color": COLOURS[4], "mec": "#000000", "ms": 11},
}

NOTE = (
    "One run a trial, all with one training seed; the error is the last iterate's on the validation images, "
    "and no test image took part. The best of many single runs is an optimistic figure: the error to quote is "
    "that of `best-NAME.yaml` trained over several seeds."
)

CAPTION = (
    "Validation error of each trial in turn and against its values: complete trials filled, pruned ones open at "
    "their last measurement (earlier in the schedule, so higher), own values a diamond, the best a star."
)


def conclusion(order: Order) -> str:
    """Say whether the order of depths survives tuning, or why that is not shown."""
    question = f"{KINDS[order.net]}: whether the order of depths survives tuning is **not shown**"
    if order.unfinished:
        names = words.listed(map(escaped, order.unfinished))
        return f"{question}: {names} without a finished sweep and own values that train."
    if not order.own:
        return f"{question}: budget, search, data, version or precision differ between the nets."
    own, tuned = (" < ".join(names) for names in (order.own, order.tuned))
    verdict = f"the same as with the own values, {own}" if own == tuned else f"{tuned}; own values: {own}"
    ties = "; ".join(f"{escaped(a)} and {escaped(b)}" for a, b in order.ties)
    told = f" Within two standard errors for {words.count(order.images)} images, and so not told apart: {ties}."
    statement = escaped(f"the order{' of these single runs' if ties else ''} is {verdict}")
    return f"{KINDS[order.net]}, by validation error after tuning: {statement}.{told if ties else ''}"


def _net(name: str, trials: DataFrame) -> dict[str, str]:
    """How a net's trials ended, its validation error before and after, the best values."""
    states, own = list(trials["state"]), next(rows(trials))
    kinds = (kind for kind in ("complete", "pruned", "diverged", "unfinished") if kind in states)
    counted = ", ".join(f"{states.count(kind)} {kind}" for kind in kinds)
    best: Any = next(rows(trials[trials["best"].astype(bool)]), None)
    values = (
        {
            "learning rate": f"{best.learning_rate:.3g}",
            "weight decay": f"{best.weight_decay:.2g}",
            "warm-up": "on" if best.warmup else "off",
            "milestones": ", ".join(f"{part:g}" for part in best.milestones),
        }
        if best
        else dict.fromkeys(("learning rate", "weight decay", "warm-up", "milestones"), words.NONE)
    )
    return {
        "net": name,
        "trials": f"{len(states)} of {words.count(own.iterations)} iterations ({counted})",
        "own values: validation error, %": words.percent(own.validation_error),
        "best trial: validation error, %": words.percent(best.validation_error if best else None),
        **values,
        "time": words.duration(trials["seconds"].astype(float).sum()),
    }


def _draw_net(panels: Any, name: str, trials: DataFrame) -> None:
    """The course of the search, and the validation error against each value."""
    tried = trials[trials["last_error"].notna() & trials["milestones"].notna()]
    schedules, search = sorted(set(trials["milestones"].dropna())), trials["search"].iloc[0]
    colour = COLOURS[list(KINDS).index(trials["net"].iloc[0])]
    for trial in rows(tried):
        look: dict[str, Any] = LOOKS["complete"] | {"ls": "", "color": colour, "alpha": 0.75}
        look |= {"mfc": "white", "alpha": 0.5} if trial.state != "complete" else {}
        look |= LOOKS["own values"] | {"alpha": 1.0} if trial.number == 0 else {}
        look |= LOOKS["best"] | {"alpha": 1.0, "zorder": 3} if trial.best else {}
        places = (trial.number, trial.learning_rate, trial.weight_decay, int(trial.warmup))
        for panel, x in zip(panels, (*places, schedules.index(trial.milestones)), strict=True):
            panel.plot([x], [trial.last_error], **look)
    complete = tried[tried["state"] == "complete"]
    if len(complete):
        panels[0].step(complete["number"], complete["last_error"].cummin(), where="post", color=colour, lw=1.2)
    panels[0].set_ylabel(f"{name}\nvalidation error, %")
    for panel, (low, high) in zip(panels[1:3], (search["learning_rate"], search["weight_decay"]), strict=True):
        panel.set_xscale("log")
        panel.set_xlim(low / 1.2, high * 1.2)
    panels[3].set_xticks([0, 1], ["off", "on"])
    panels[3].set_xlim(-0.5, 1.5)
    panels[4].set_xticks(range(len(schedules)), ["\n".join(f"{part:g}" for part in one) for one in schedules])
    panels[4].set_xlim(-0.5, max(1, len(schedules)) - 0.5)


def figure(tables: Tables) -> Figure | None:
    """A line of panels a net."""
    nets = list(tables.trials.groupby("name", sort=False))
    if not nets:
        return None
    figure = drawing.new_figure(11.0, 0.9 + 2.1 * len(nets))
    axes = figure.subplots(len(nets), 5, squeeze=False, sharey="row", width_ratios=[1.3, 1.3, 1.3, 0.7, 1.2])
    for panels, (name, trials) in zip(axes, nets, strict=True):
        _draw_net(panels, str(name), trials)
    for panel, label in zip(axes[-1], ("trial", "learning rate", "weight decay", "warm-up", "milestones"), strict=True):
        panel.set_xlabel(label)
    data = words.listed(sorted({data.name for data in tables.trials["data"]}))
    figure.suptitle(f"Sweeps on {data}: validation error of the last iterate", **drawing.BOLD)
    handles = [drawing.entry(label, ls="", **look) for label, look in LOOKS.items()]
    drawing.legend_below(figure, [*handles, drawing.entry("best so far", color=COLOURS[0], lw=1.2)], most=5)
    return figure


def section(tables: Tables) -> Section:
    lines = [_net(str(name), trials) for name, trials in tables.trials.groupby("name", sort=False)]
    others = words.listed(sorted({data.name for data in tables.trials["data"] if not data.official}))
    notes = [f"On {escaped(others)}, not the official CIFAR-10."] if others else []
    text = f"{table(lines, left=2)}\n{bullets([*notes, *map(conclusion, orders(tables)), NOTE])}" if lines else ""
    return Section("Tuned at equal budget", text, (Picture("sweep", CAPTION, "", partial(figure, tables)),))
