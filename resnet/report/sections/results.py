"""What is odd about the files of each net."""

from collections.abc import Iterator

from resnet.report import words
from resnet.report.analysis import agreement
from resnet.report.markdown import bullets, code, escaped
from resnet.report.style import Section
from resnet.report.tables import Tables, different, select


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


def files_section(tables: Tables) -> Section:
    return Section("Notes on the files", bullets(remarks(tables)))
