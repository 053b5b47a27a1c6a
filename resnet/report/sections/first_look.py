"""What a run on other data than CIFAR-10 shows, such as the quickstart's: that the line works, and no more."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from resnet.report import style as drawing
from resnet.report import words
from resnet.report.analysis.curves import averaged, curves_of
from resnet.report.analysis.nets import most_frequent_length, over_seeds
from resnet.report.markdown import bold, bullets, escaped
from resnet.report.style import Picture, Section
from resnet.report.tables import Tables, select

LEARNED = 0.8
"""A net has begun to learn if its error is below this share of what guessing makes."""


def chance(tables: Tables) -> float:
    """The test error of guessing in %, of equally frequent classes."""
    return 100 * (1 - 1 / len(tables.data[0].classes))


def _trained(tables: Tables) -> list[str]:
    return [name for name in tables.nets.index if over_seeds(tables, name, "test_error")]


def figure(tables: Tables) -> Figure | None:
    """Training error against iterations, test error at the end, and what guessing makes.

    Training error is that of the mini-batches, which costs nothing and therefore has many points. A colour a depth,
    plain nets dashed.
    """
    lines = {name: averaged(curves_of(tables, name), "training_error") for name in _trained(tables)}
    lines = {name: line for name, line in lines.items() if len(line) > 1}
    if tables.official or not lines:
        return None
    figure = drawing.new_figure(6.4, 4.0)
    axes, colours, handles = figure.subplots(), drawing.depth_colours(tables.nets["depth"]), []
    for name, line in lines.items():
        net, test = tables.net(name), over_seeds(tables, name, "test_error")
        look: dict[str, Any] = {"color": colours[net.depth], "ls": drawing.DASHED if net.net == "plain" else "-"}
        handles += axes.plot(line.index, line["mean"], gid=f"training-{name}", lw=1.6, label=name, **look)
        if test:
            dot: dict[str, Any] = {"marker": "o", "ms": 6, "markerfacecolor": "white", "clip_on": False}
            axes.plot([line.index[-1]], [test.mean], gid=f"test-{name}", **(look | {"ls": ""} | dot))
    grey: dict[str, Any] = {"color": "#444444"}
    handles.append(drawing.entry("test error at the end", ls="", marker="o", markerfacecolor="white", **grey))
    guessing: dict[str, Any] = {"lw": 0.9, "ls": (0, (1, 2)), "label": "guessing"} | grey
    handles.append(axes.axhline(chance(tables), gid="chance", **guessing))
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.set_xlabel("iterations")
    axes.set_ylabel("error, %")
    drawing.entitle(figure, f"Learning on {tables.data[0].name}: training error, and test error at the end", 6.0)
    drawing.legend_below(figure, handles, 6.2, most=4)
    return figure


def _verdict(tables: Tables, trained: list[str]) -> str:
    guessing = chance(tables)
    errors = {name: values.mean for name in trained if (values := over_seeds(tables, name, "test_error"))}
    best = min(errors, key=errors.__getitem__)
    learned = [name for name, error in errors.items() if error < LEARNED * guessing]
    beside = f"{escaped(best)} ends at a test error of {words.percent(errors[best])} %, guessing at {guessing:.0f} %"
    if not learned:
        return f"{bold('It runs, and no net has learned much yet.')} {beside}."
    count = f"{words.count(len(learned))} of {words.numbered(len(trained), 'net')}"
    return f"{bold('It works.')} {count} clearly do better than guessing: {beside}."


def section(tables: Tables) -> Section:
    """Absent for CIFAR-10 itself, and before anything is trained."""
    trained = _trained(tables)
    if tables.official or not trained:
        return Section("", "")
    data, runs = tables.data[0], len(select(tables.runs, status="done"))
    depths = sorted({tables.net(name).depth for name in trained})
    span = f"{depths[0]} to {depths[-1]} layers" if len(depths) > 1 else f"{depths[0]} layers"
    usual = most_frequent_length(tables, trained) or 0
    short = [name for name in trained if tables.net(name).iterations < usual]
    ran = (
        f"What just ran: {words.numbered(len(trained), 'net')} of {span}, {words.numbered(runs, 'training run')} on "
        f"{escaped(data.name)} ({words.count(data.train_images)} training images, {len(data.classes)} classes), "
        f"{words.count(usual)} iterations each"
    )
    if short:
        few = words.listed(f"{escaped(name)} ({words.count(tables.net(name).iterations)})" for name in short)
        ran += f", fewer of {few}, which shows that they run and no more"
    limits = (
        "These are not the paper's images: nothing here can be set beside its errors",
        "A net that does better here than another need not on CIFAR-10: so few iterations reward what starts fast, "
        "which is the shallow net",
        "Speed and memory are this machine's own; with larger batches they are others",
    )
    text = (
        f"{_verdict(tables, trained)}\n\n{ran}.\n\nWhat the errors do not mean:\n\n{bullets(f'{x}.' for x in limits)}\n"
        "The paper's experiment is the same commands with other parameters: the `params.yaml` at the root.\n"
    )
    caption = (
        f"Training error against iterations on {escaped(data.name)}, test error at the end, and the error of guessing."
    )
    picture = Picture("first-look", caption, "", partial(figure, tables))
    return Section("A first look", text, (picture,))
