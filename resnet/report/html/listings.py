"""The tables of index.html: results, claims and runs, every number with the file that it comes from."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pandas import DataFrame

from resnet.report import words
from resnet.report.analysis.nets import error_interval, over_seeds
from resnet.report.html.markup import NOTHING, Cell, Markup, element, link, table
from resnet.report.published import papers_error
from resnet.report.tables import Tables, rows, select

Line = dict[str, Cell]


def _address(file: str | None, runs: str | None) -> str | None:
    """Where a result file lies as seen from the page; None where there is no folder to link to."""
    return quote(f"{runs}/{file}") if runs and file else None


def _mark(name: str) -> str:
    """The `id` of a net's first run in the table of runs."""
    return f"runs-{name}"


def _to_runs(name: str) -> str:
    return f"#{quote(_mark(name))}"


def _sampled(tables: Tables, name: str, quantity: str) -> Cell:
    """A mean over seeds, which leads to the runs that it comes from."""
    sample = over_seeds(tables, name, quantity)
    if sample is None:
        return NOTHING
    return Cell(words.spread(sample.mean, sample.std, None), _to_runs(name), sample.mean)


def _seeds(tables: Tables, name: str, runs: str | None) -> Cell:
    """The finished seeds, each with its file, beside the number planned."""
    done, planned = tables.seeds(name, "done"), len(tables.seeds(name))
    links = [link(str(run.seed), _address(run.file, runs)) for run in rows(done)]
    return Cell(Markup(f"{len(done)} of {planned}" + (f": {' '.join(links)}" if links else "")), None, len(done))


def _net(tables: Tables, net: Any, runs: str | None) -> Line:
    name, level = net.name, tables.params.report.confidence
    sample = over_seeds(tables, name, "test_error")
    ends = error_interval(tables, sample) if sample else None
    paper = papers_error(net.net, net.depth, net.shortcut) if tables.official else None
    counted = next((file for kind in ("describe", "train", "throughput") for file in net.files if kind in file), None)
    speeds = {timed.kind: timed for timed in rows(select(tables.speed, name=name))}
    interval = Cell(words.interval_of_mean(ends), _to_runs(name), ends.low) if ends else NOTHING
    time = over_seeds(tables, name, "seconds")

    def count(value: float, text: str) -> Cell:
        return NOTHING if words.missing(value) else Cell(text, _address(counted, runs), value)

    def speed(kind: str) -> Cell:
        timed = speeds.get(kind)
        if timed is None:
            return NOTHING
        text = words.images_per_second(timed.images_per_second, timed.images_per_second_std)
        return Cell(text, _address(f"throughput/{name}.json", runs), timed.images_per_second)

    return {
        "net": Cell(name),
        "seeds": _seeds(tables, name, runs),
        "test error, %": Cell("mixed settings") if net.mixed else _sampled(tables, name, "test_error"),
        f"{100 * level:g} % interval": interval,
        "paper, %": Cell(f"{paper.error:.2f}", None, paper.error) if paper else NOTHING,
        "training error, %": _sampled(tables, name, "training_error"),
        "parameters": count(net.parameters, words.count(net.parameters)),
        "multiply-adds": count(net.multiply_adds, words.multiply_adds(net.multiply_adds)),
        "training images/s": speed("training"),
        "inference images/s": speed("inference"),
        "time a seed": Cell(words.duration(time.mean), _to_runs(name), time.mean) if time else NOTHING,
    }


def _without_empty(lines: list[Line], kept: int) -> list[Line]:
    """Leave out columns without a value, but for the first ones."""
    used = [x for place, x in enumerate(lines[0]) if place < kept or any(line[x] != NOTHING for line in lines)]
    return [{column: line[column] for column in used} for line in lines]


def results(tables: Tables, runs: str | None) -> Markup:
    """A row a net that has a result of any kind; what has none is counted below."""
    nets = [net for net in rows(tables.nets) if net.files]
    if not nets:
        return Markup()
    lines = _without_empty([_net(tables, net, runs) for net in nets], 3)
    left_out = [net.name for net in rows(tables.nets) if not net.files]
    note = "Mean ± standard deviation over seeds; a number leads to the files that it comes from."
    note += f" Nothing yet of {words.listed(left_out)}." if left_out else ""
    heading = element("h2", "Results") + element("p", note, class_="note")
    return Markup(heading + table("results", "Results", lines, ("net", "seeds")))


def claims(judged: DataFrame) -> Markup:
    """The claims that were tested, and a list that opens of those that were not."""
    tested, untested = [], []
    for claim in rows(judged):
        if words.missing(claim.difference):
            untested.append(element("li", f"{claim.claim} ({claim.why_not_tested})"))
            continue
        (difference, interval), unit = words.claimed(claim), f" {claim.unit}" if claim.unit else ""
        tested.append(
            {
                "claim": Cell(claim.claim),
                "verdict": Cell(f"{claim.verdict}{' (interim)' if claim.interim else ''}"),
                "difference": Cell(f"{difference}{unit}", "claims.csv", claim.difference),
                "interval": Cell(interval, "claims.csv", claim.low),
                "p (Holm)": Cell(words.p_value(claim.p_holm), "claims.csv", claim.p_holm),
                "test": Cell(claim.test),
            }
        )
    if not tested and not untested:
        return Markup()
    title = "Claims of section 4.2"
    shown = element("h2", title) + table("claims", title, tested, ("claim", "verdict", "test"))
    count = words.numbered(len(untested), "claim")
    opened = element("details", element("summary", f"{count} not tested"), element("ul", *untested))
    return Markup(shown + (opened if untested else ""))


def trained(tables: Tables, runs: str | None) -> Markup:
    """A row a run that has begun."""
    lines, marks, seen = [], [], set()
    for run in rows(tables.runs[~tables.runs["status"].isin(["not run", "left out"])]):
        address = _address(run.file, runs)

        def error(value: float | None, address: str | None = address) -> Cell:
            return NOTHING if words.missing(value) else Cell(words.percent(value), address, value)

        lines.append(
            {
                "net": Cell(run.name),
                "seed": Cell(str(run.seed), address, int(run.seed)),
                "status": Cell(run.status),
                "iterations": Cell(words.count(run.iteration), address, int(run.iteration)),
                "test error, %": error(run.test_error),
                "training error, %": error(run.training_error),
                "validation error, %": error(run.validation_error),
                "images/s": Cell(words.images_per_second(run.images_per_second), address, run.images_per_second),
                "time": Cell(words.duration(run.seconds), address, run.seconds),
                "precision": Cell(run.precision),
            }
        )
        # The first run of a net bears the net's mark, which the means of the results lead to.
        marks.append(f"{_mark(run.name)}-{run.seed}" if run.name in seen else _mark(run.name))
        seen.add(run.name)
    if not lines:
        return Markup()
    return Markup(element("h2", "Runs") + table("runs", "Runs", lines, ("net", "status", "precision"), marks))
