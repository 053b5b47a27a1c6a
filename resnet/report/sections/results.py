"""Every net with its errors, its size and its speed, and what a reader must know about its figures and files."""

from collections.abc import Iterator
from typing import Any

from resnet.report import words
from resnet.report.analysis import agreement, nets
from resnet.report.markdown import bullets, code, escaped, table
from resnet.report.style import Section
from resnet.report.tables import Tables, different, rows, select


def _training_times(tables: Tables, name: str) -> str:
    """Wall-clock time of a seed, machine by machine; a seed that went on on another has none."""
    times = nets.over_seeds_by_machine(tables, name, "seconds")
    written = {where: words.durations(*seconds.summary) for where, seconds in times.items()}
    alone = len(written) == 1
    return "; ".join(time if alone else f"{time} on {where}" for where, time in written.items()) or words.NONE


def _speed(tables: Tables, net: Any) -> dict[str, str]:
    speed = {timing.kind: timing for timing in rows(select(tables.speed, name=net.name))}
    memory, counted = tables.started(net.name)["peak_memory_bytes"].max(), not words.missing(net.parameters)
    of_runs = "not measured" if words.missing(memory) else f"{words.size(memory)} (whole run)"
    speeds = {kind: words.images_per_second(x.images_per_second, x.images_per_second_std) for kind, x in speed.items()}
    millions = words.rounded_parameters(net.parameters) if counted else ""
    return {
        "net": net.name,
        "parameters": f"{millions} ({words.count(net.parameters)})" if counted else "not counted",
        "multiply-adds": words.multiply_adds(net.multiply_adds) if counted else "not counted",
        "training images/s": speeds.get("training", "not measured"),
        "inference images/s": speeds.get("inference", "not measured"),
        "peak memory": f"{words.size(speed['training'].peak_memory_bytes)} (a training step)" if speed else of_runs,
        "training time a seed": _training_times(tables, net.name),
    }


def _remarks(tables: Tables, name: str) -> Iterator[str]:
    """What is odd about the files of a net."""
    runs, mark = tables.started(name), escaped(name)
    if tables.net(name).mixed:
        differing = []
        for key, values in agreement.mixed_settings(tables, name).items():
            pairs = ", ".join(f"{words.setting(value)} for {words.seeds(seeds)}" for value, seeds in values)
            differing.append(escaped(f"{key} ({pairs})" if pairs else key))
        alone = f"**{mark}: its seeds were made with different settings and are not averaged.**"
        yield f"{alone} They differ in {words.listed(differing)}."
    stale = agreement.stale_settings(tables, name).items()
    if stale:
        pairs = ", ".join(f"{key} {words.setting(ran)} (now {words.setting(now)})" for key, (ran, now) in stale)
        yield f"{mark}: made with other settings than the parameters now ask for: {escaped(pairs)}."
    if versions := agreement.stale_versions(tables, name):
        made = words.listed(map(str, versions))
        yield f"{mark}: made by version {made} of what an iteration computes, which is now {tables.version}."
    without = list(runs[~runs["seed"].isin(select(tables.curves, name=name)["seed"])]["seed"])
    if without:
        yield f"{mark}: no learning curve beside the result of {words.seeds(without)}."
    unread = list(select(runs, predictions="in another form")["seed"])
    if unread:
        form = "are in another version's form, without labels, and are left out"
        yield f"{mark}: the test predictions of {words.seeds(unread)} {form}."
    shown, trained = different(select(tables.responses, name=name)["data"]), tables.seeds(name, "done")["data"]
    if any(data.fingerprint != other.fingerprint for data in trained for other in shown):
        yield f"{mark}: its layer responses were measured on other data than it was trained on."
    for quantity in ("parameters", "multiply_adds"):
        counts = agreement.counts(tables, name, quantity)
        if len(counts) > 1:
            given = ", ".join(map(words.count, counts))
            yield f"{mark}: its result files disagree about {quantity.replace('_', '-')}: {given}."


def remarks(tables: Tables) -> Iterator[str]:
    for name in tables.nets.index:
        yield from _remarks(tables, name)
    for name, left_out in tables.unplanned.items():
        listed = words.listed(map(code, left_out))
        if left_out and name:
            yield f"{escaped(name)}: {listed} left out, because the parameters do not ask for that seed."
        elif left_out:
            yield f"Left out, because the parameters do not name them: {listed}."


def _measured(timings: list[Any]) -> str:
    """Under which conditions images/s and memory of a net were measured."""

    def both(values: list[int], noun: str = "") -> str:
        numbers = " and ".join(words.count(number) for number in dict.fromkeys(values))
        return f"{numbers} {noun}{'' if set(values) == {1} else 's'}" if noun else numbers

    repeats = both([len(timing.step_seconds) for timing in timings], "repeat")
    steps, batch = both([timing.steps for timing in timings], "step"), both([timing.batch_size for timing in timings])
    return f"batch {batch}, {timings[0].precision}, {repeats} of {steps}, on {timings[0].timed_on}"


def _conditions(tables: Tables) -> Iterator[str]:
    """On which machines, and how, speed and memory were measured and the nets were trained."""
    timings = {escaped(str(name)): list(rows(timed)) for name, timed in tables.speed.groupby("name", sort=False)}
    trained = [name for name in tables.nets.index if nets.over_seeds(tables, name, "test_error")]
    conditions = {
        "Images/s and memory": {name: _measured(timed) for name, timed in timings.items()},
        "Training time": {escaped(x): f"on {words.listed(nets.training_devices(tables, x))}" for x in trained},
    }
    for what, values in conditions.items():
        for condition, who in words.grouped(values, len(tables.nets)).items():
            yield f"{what} of {who}: {escaped(condition)}."


def speed_section(tables: Tables) -> Section:
    """One row a net, in the plan's order."""
    lines = [_speed(tables, net) for net in rows(tables.nets)]
    return Section("Size and speed", f"{table(lines)}\n{bullets(_conditions(tables))}" if lines else "")


def files_section(tables: Tables) -> Section:
    return Section("Notes on the files", bullets(remarks(tables)))
