"""What a run on other data than CIFAR-10 shows, such as the quickstart's: that the line works, and no more."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from resnet.report.analysis.curves import averaged, curves_of
from resnet.report.analysis.nets import most_frequent_length, over_seeds
from resnet.report.style import drawing, words
from resnet.report.style.drawing import Picture, Section
from resnet.report.style.markdown import bold, bullets, escaped
from resnet.report.tables import Tables, select

LEARNED = 0.5
"""A net has learned if its error is below this share of what guessing makes."""


def chance(tables: Tables) -> float:
    """The test error of guessing in %, of equally frequent classes."""
    return 100 * (1 - 1 / len(tables.data[0].classes))


def _trained(tables: Tables) -> list[str]:
    return [name for name in tables.nets.index if over_seeds(tables, name, "test_error")]


def _lines(tables: Tables) -> dict[str, DataFrame]:
    """The test error of each net that was measured at two iterations or more."""
    lines = {name: averaged(curves_of(tables, name), "test_error") for name in _trained(tables)}
    return {name: line for name, line in lines.items() if len(line) > 1}


def figure(tables: Tables) -> Figure | None:
    """Test error against iterations, and what guessing makes: a colour a depth, plain nets dashed."""
    if tables.official or not (lines := _lines(tables)):
        return None
    figure = drawing.new_figure(6.4, 3.8)
    axes, colours, handles = figure.subplots(), drawing.depth_colours(tables.nets["depth"]), []
    for name, line in lines.items():
        net = tables.net(name)
        look: dict[str, Any] = {"color": colours[net.depth], "ls": drawing.DASHED if net.net == "plain" else "-"}
        look |= {"marker": "." if len(line) < 10 else "", "lw": 1.6, "label": name}
        handles += axes.plot(line.index, line["mean"], gid=f"test-{name}", **look)
    grey: dict[str, Any] = {"color": "#444444", "lw": 0.9, "ls": (0, (1, 2)), "label": "guessing"}
    handles.append(axes.axhline(chance(tables), gid="chance", **grey))
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.set_xlabel("iterations")
    axes.set_ylabel("test error, %")
    drawing.entitle(figure, f"Learning on {tables.data[0].name}: the lines fall if the nets learn")
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
    return (
        f"{bold('It works.')} {words.count(len(learned))} of {words.numbered(len(trained), 'net')} learned: {beside}."
    )


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
    caption = f"Test error against iterations on {data.name}, and the error of guessing."
    picture = Picture("first-look", caption, "", partial(figure, tables))
    return Section("A first look", text, (picture,))
