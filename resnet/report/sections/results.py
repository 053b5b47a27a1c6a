"""THE table: a row a net, with what a reader must know about its figures and files."""

from collections.abc import Callable, Iterator
from typing import Any

from resnet.report.analysis import nets, protocol
from resnet.report.analysis.published import PublishedError, published
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import bold, bullets, code, escaped, table
from resnet.report.tables import Tables, different, rows, select

STOPPED = ("interrupted", "diverged")


def _stops(tables: Tables, name: str) -> list[str]:
    """Where the seeds of a net stopped that have begun and are not done."""
    several, stops = len(tables.seeds(name)) > 1, []
    for status in STOPPED:
        for (at, planned), runs in tables.seeds(name, status).groupby(["iteration", "iterations"], sort=False):
            which = f" ({words.seeds(list(runs['seed']))})" if several else ""
            stops.append(f"{status} at {words.count(at)} of {words.count(planned)}{which}")
    return stops


def _error(tables: Tables, name: str, quantity: str) -> str:
    values = nets.over_seeds(tables, name, quantity)
    if values:
        return words.spread(values.mean, values.std, values.n)
    if quantity == "training_error":
        return words.NONE
    mixed = tables.net(name).mixed
    return bold("mixed settings, not averaged") if mixed else "; ".join(_stops(tables, name)) or "not run"


def _published(figure: PublishedError | None) -> str:
    if figure is None:
        return words.NONE
    cell = words.spread(figure.error, figure.std, figure.n)
    return cell if figure.best is None else f"{cell}, best {figure.best:.2f}"


def _seeds(tables: Tables, name: str) -> str:
    statuses = list(tables.seeds(name)["status"])
    stopped = ", ".join(f"{statuses.count(status)} {status}" for status in STOPPED if status in statuses)
    return f"{statuses.count('done')} of {len(statuses)}{f' ({stopped})' if stopped else ''}"


def main_table(tables: Tables) -> str:
    """One row a net, in the plan's order; the paper's errors stand beside ours on its data only."""
    shared, lines = protocol.shared_deviations(tables), []
    for net in rows(tables.nets):
        # One mark is enough to send the reader to the lines above the table, which say all.
        marks = [deviation.mark for deviation in protocol.deviations(tables, net.name) if deviation not in shared]
        speed = {timing.kind: timing for timing in rows(select(tables.speed, name=net.name))}
        memory, counted = tables.started(net.name)["peak_memory_bytes"].max(), net.parameters == net.parameters
        paper = published().paper(net.net, net.depth, net.shortcut)
        seconds = nets.over_seeds(tables, net.name, "seconds")

        def images_per_second(kind: str, speed: dict[str, Any] = speed) -> str:
            timing = speed.get(kind)
            return (
                words.images_per_second(timing.images_per_second, timing.images_per_second_std)
                if timing
                else "not measured"
            )

        lines.append(
            {
                "net": f"{net.name} ({marks[0]})" if marks else net.name,
                "parameters": f"{words.rounded_parameters(net.parameters)} ({words.count(net.parameters)})"
                if counted
                else "not counted",
                "paper's parameters": published().parameters_of(net.depth, net.shortcut) or words.NONE,
                "multiply-adds": words.multiply_adds(net.multiply_adds) if counted else "not counted",
                "seeds done": _seeds(tables, net.name),
                "test error, %": _error(tables, net.name, "test_error"),
                **({"paper's test error, %": _published(paper)} if tables.official else {}),
                "training error, %": _error(tables, net.name, "training_error"),
                "training images/s": images_per_second("training"),
                "inference images/s": images_per_second("inference"),
                "peak memory": words.size(speed["training"].peak_memory_bytes)
                if speed
                else f"{words.size(memory)} (whole run)"
                if memory == memory
                else "not measured",
                "training time a seed": words.durations(seconds.mean, seconds.std, seconds.n)
                if seconds
                else words.NONE,
            }
        )
    return table(lines)


# What a reader must know


def _status_lines(tables: Tables) -> Iterator[str]:
    """Where the seeds stopped that are not done, of nets that have others that are."""
    for name in tables.nets.index:
        missing, planned = list(tables.seeds(name, "not run")["seed"]), len(tables.seeds(name))
        stops = _stops(tables, name) if len(tables.seeds(name, "done")) else []
        stops += [f"{words.seeds(missing)} not run"] if 0 < len(missing) < planned else []
        if stops:
            yield f"{escaped(name)}: {'; '.join(stops)}."


def _remarks(tables: Tables, name: str) -> Iterator[str]:
    """What is odd about the files of a net."""
    net, runs, mark = tables.net(name), tables.started(name), escaped(name)
    if net.mixed:
        differing = [
            f"{key} ({', '.join(f'{words.setting(value)} for {words.seeds(seeds)}' for value, seeds in values)})"
            if values
            else key
            for key, values in nets.mixed_settings(tables, name).items()
        ]
        yield (
            f"**{mark}: its seeds were made with different settings and are not averaged.** "
            f"They differ in {escaped(words.listed(differing))}."
        )
    stale = nets.stale_settings(tables, name)
    if stale:
        pairs = [f"{key} {words.setting(ran)} (now {words.setting(now)})" for key, (ran, now) in stale.items()]
        yield f"{mark}: made with other settings than the parameters now ask for: {escaped(', '.join(pairs))}."
    curves = select(tables.curves, name=name)
    without = list(runs[~runs["seed"].isin(curves["seed"])]["seed"])
    if without:
        yield f"{mark}: no learning curve beside the result of {words.seeds(without)}."
    unread = list(select(runs, predictions="in another form")["seed"])
    if unread:
        yield (
            f"{mark}: the test predictions of {words.seeds(unread)} are in another version's form, without labels, "
            "and are left out."
        )
    responses = different(select(tables.responses, name=name)["data"])
    done = tables.seeds(name, "done")["data"]
    if any(data.fingerprint != shown.fingerprint for data in done for shown in responses):
        yield f"{mark}: its layer responses were measured on other data than it was trained on."
    for quantity in ("parameters", "multiply_adds"):
        counts = nets.counts(tables, name, quantity)
        if len(counts) > 1:
            given = ", ".join(map(words.count, counts))
            yield f"{mark}: its result files disagree about {quantity.replace('_', '-')}: {given}."


def remarks(tables: Tables) -> Iterator[str]:
    for name in tables.nets.index:
        yield from _remarks(tables, name)
    if tables.unplanned_nets:
        unplanned = words.listed([code(name) for name in tables.unplanned_nets])
        yield f"Left out, because the parameters do not name them: {unplanned}."
    for name, folders in tables.unplanned_seeds.items():
        if folders:
            listed = words.listed([code(folder) for folder in folders])
            yield f"{escaped(name)}: {listed} left out, because the parameters do not ask for that seed."


def _conditions(tables: Tables) -> Iterator[str]:
    """On which machines, and how, speed and memory were measured and the nets were trained."""

    def grouped(what: str, names: list[str], describe: Callable[[str], str]) -> Iterator[str]:
        alike: dict[str, list[str]] = {}
        for name in names:
            alike.setdefault(describe(name), []).append(escaped(name))
        for condition, members in alike.items():
            whole = 1 < len(members) == len(tables.nets)
            yield f"{what} of {'all nets' if whole else words.listed(members)}: {escaped(condition)}."

    def measured(name: str) -> str:
        timings = list(rows(select(tables.speed, name=name)))

        def both(values: list[int], noun: str = "") -> str:
            numbers = [words.count(number) for number in dict.fromkeys(values)]
            return " and ".join(numbers) + (f" {noun}{'' if set(values) == {1} else 's'}" if noun else "")

        return (
            f"batch {both([timing.batch_size for timing in timings])}, {timings[0].precision}, "
            f"{both([len(timing.step_seconds) for timing in timings], 'repeat')} of "
            f"{both([timing.steps for timing in timings], 'step')}, on {timings[0].device_name}"
        )

    yield from grouped("Images/s and memory", list(tables.speed["name"].unique()), measured)
    trained = [name for name in tables.nets.index if nets.over_seeds(tables, name, "seconds")]
    yield from grouped("Training time", trained, lambda name: f"on {words.listed(nets.training_devices(tables, name))}")


def _about_the_paper(tables: Tables) -> Iterator[str]:
    """What the paper's column leaves open."""
    if not tables.official:
        return
    figures = [figure for n in rows(tables.nets) if (figure := published().paper(n.net, n.depth, n.shortcut))]
    if any(figure.n is None for figure in figures):
        yield "The paper's errors without an n are single figures: it gives no spread or number of runs."
    yield from (f"The paper on {figure.net}-{figure.depth}: {figure.note}" for figure in figures if figure.note)
    if (tables.nets["net"] == "plain").any():
        yield "The paper prints no test error for plain nets: they are in its Figure 6 only."


def section(tables: Tables) -> Section:
    notes = [*_status_lines(tables), *remarks(tables), *_conditions(tables), *_about_the_paper(tables)]
    precise = (
        "The same in full precision: [table.csv](table.csv), [metrics.json](metrics.json), "
        "[errors.csv](errors.csv), [curves.csv](curves.csv)."
    )
    return Section("Results", f"{main_table(tables)}\n{bullets(notes)}\n{precise}" if len(tables.nets) else "")
