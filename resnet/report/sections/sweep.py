"""What tuning each depth at equal budget changes."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from resnet.report.analysis.sweeps import Order, orders
from resnet.report.style import words
from resnet.report.style.drawing import BOLD, COLOURS, Picture, Section, new_figure
from resnet.report.style.markdown import bullets, escaped, table
from resnet.report.tables import Tables, rows

KINDS = {"resnet": "Residual nets", "plain": "Plain nets"}


def conclusion(order: Order) -> str:
    """Say whether the order of depths survives tuning, or why that is not shown."""
    question = f"{KINDS[order.net]}: whether the order of depths survives tuning is **not shown**"
    if order.unfinished:
        names = words.listed([escaped(name) for name in order.unfinished])
        return f"{question}: {names} without a finished sweep and own values that train."
    if order.conditions_differ:
        return f"{question}: budget, search, data, version or precision differ between the nets."
    own, tuned = (" < ".join(names) for names in (order.own, order.tuned))
    verdict = f"the same as with the own values, {own}" if own == tuned else f"{tuned}; own values: {own}"
    runs = " of these single runs" if order.ties else ""
    ties = "; ".join(f"{escaped(a)} and {escaped(b)}" for a, b in order.ties)
    told = f" Within two standard errors for {words.count(order.images)} images, and so not told apart: {ties}."
    statement = escaped(f"the order{runs} is {verdict}")
    return f"{KINDS[order.net]}, by validation error after tuning: {statement}.{told if ties else ''}"


def sweep_table(trials: DataFrame) -> str:
    """A row a net: how its trials ended, its validation error before and after, the best values."""
    lines = []
    for name, of_net in trials.groupby("name", sort=False):
        states = list(of_net["state"])
        kinds = ("complete", "pruned", "diverged", "unfinished")
        counted = ", ".join(f"{states.count(kind)} {kind}" for kind in kinds if kind in states)
        own: Any = next(rows(of_net))
        best: Any = next(rows(of_net[of_net["best"].astype(bool)]), None)
        lines.append(
            {
                "net": name,
                "trials": f"{len(states)} of {words.count(own.iterations)} iterations ({counted})",
                "own values: validation error, %": words.percent(own.validation_error),
                "best trial: validation error, %": words.percent(best.validation_error) if best else words.NONE,
                "learning rate": f"{best.learning_rate:.3g}" if best else words.NONE,
                "weight decay": f"{best.weight_decay:.2g}" if best else words.NONE,
                "warm-up": ("on" if best.warmup else "off") if best else words.NONE,
                "milestones": ", ".join(f"{part:g}" for part in best.milestones) if best else words.NONE,
                "time": words.duration(of_net["seconds"].astype(float).sum()),
            }
        )
    return table(lines, left=2)


def _draw_net(panels: Any, name: str, trials: DataFrame) -> None:
    """The course of the search, and the validation error against each value."""
    tried = trials[trials["last_error"].notna() & trials["milestones"].notna()]
    schedules = sorted(set(trials["milestones"].dropna()))
    search = trials["search"].iloc[0]
    colour = COLOURS[0] if trials["net"].iloc[0] == "resnet" else COLOURS[1]
    complete = tried[tried["state"] == "complete"]
    for trial in rows(tried):
        look: dict[str, Any] = {"marker": "o", "ms": 4.5, "ls": "", "color": colour, "alpha": 0.75}
        if trial.state != "complete":
            look |= {"mfc": "white", "alpha": 0.5}
        if trial.number == 0:
            look |= {"marker": "D", "ms": 6, "color": "#000000", "alpha": 1.0}
        if trial.best:
            look |= {"marker": "*", "ms": 11, "color": COLOURS[4], "mec": "#000000", "alpha": 1.0, "zorder": 3}
        places = (trial.number, trial.learning_rate, trial.weight_decay, int(trial.warmup))
        for panel, x in zip(panels, (*places, schedules.index(trial.milestones)), strict=True):
            panel.plot([x], [trial.last_error], **look)
    if len(complete):
        panels[0].step(complete["number"], complete["last_error"].cummin(), where="post", color=colour, lw=1.2)
    panels[0].set_ylabel(f"{name}\nvalidation error, %")
    for panel, key in ((panels[1], "learning_rate"), (panels[2], "weight_decay")):
        panel.set_xscale("log")
        low, high = search[key]
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
    figure = new_figure(11.0, 0.9 + 2.1 * len(nets))
    axes = figure.subplots(len(nets), 5, squeeze=False, sharey="row", width_ratios=[1.3, 1.3, 1.3, 0.7, 1.2])
    for panels, (name, trials) in zip(axes, nets, strict=True):
        _draw_net(panels, str(name), trials)
    for panel, label in zip(axes[-1], ("trial", "learning rate", "weight decay", "warm-up", "milestones"), strict=True):
        panel.set_xlabel(label)
    data = words.listed(sorted({data.name for data in tables.trials["data"]}))
    figure.suptitle(f"Sweeps on {data}: validation error of the last iterate", **BOLD)
    looks: tuple[tuple[str, dict[str, Any]], ...] = (
        ("complete", {"marker": "o", "color": COLOURS[0], "ms": 4.5}),
        ("pruned, at its last measurement", {"marker": "o", "color": COLOURS[0], "mfc": "white", "ms": 4.5}),
        ("own values", {"marker": "D", "color": "#000000", "ms": 6}),
        ("best", {"marker": "*", "color": COLOURS[4], "mec": "#000000", "ms": 11}),
    )
    handles = [Line2D([], [], ls="", label=label, **look) for label, look in looks]
    handles.append(Line2D([], [], color=COLOURS[0], lw=1.2, label="best so far"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    return figure


def section(tables: Tables) -> Section:
    caption = (
        "Validation error of each trial in turn and against its values: complete trials filled, pruned ones open at "
        "their last measurement (earlier in the schedule, so higher), own values a diamond, the best a star."
    )
    picture = Picture("sweep", caption, "", partial(figure, tables))
    if tables.trials.empty:
        return Section("Tuned at equal budget", "", (picture,))
    notes = [
        *map(conclusion, orders(tables)),
        "One run a trial, all with one training seed; the error is the last iterate's on the validation images, "
        "and no test image took part. The best of many single runs is an optimistic figure: the error to quote is "
        "that of `best-NAME.yaml` trained over several seeds.",
    ]
    others = sorted({data.name for data in tables.trials["data"] if not data.official})
    if others:
        notes.insert(0, f"On {escaped(words.listed(others))}, not the official CIFAR-10.")
    return Section("Tuned at equal budget", f"{sweep_table(tables.trials)}\n{bullets(notes)}", (picture,))
