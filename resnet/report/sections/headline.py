"""THE table: five columns, a row a net that has run; the others are one line."""

from resnet.report.analysis import nets, protocol
from resnet.report.analysis.headline import Beside, beside_the_paper
from resnet.report.analysis.published import papers_error
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import bold, escaped, table
from resnet.report.tables import Tables

SHOWN_NOT_RUN = 24
"""Nets that the line of those not run names; of more it tells the number."""


def _row(tables: Tables, name: str, shared: list[protocol.Deviation], papers: dict[str, Beside]) -> dict[str, str]:
    """A net's cells; without the paper's where nothing is comparable."""
    level, errors = tables.params.report.confidence, nets.over_seeds(tables, name, "test_error")
    done, planned = len(tables.seeds(name, "done")), len(tables.seeds(name))
    marks = [deviation.mark for deviation in protocol.deviations(tables, name) if deviation not in shared]
    nothing = (
        bold("mixed settings, not averaged")
        if tables.net(name).mixed
        else "; ".join(words.stop(*x[:3]) for x in nets.stops(tables, name))
    )
    cells = {
        "net": f"{name} ({marks[0]})" if marks else name,
        "seeds": f"{done} of {planned}",
        "test error ± std, %": words.spread(errors.mean, errors.std, None) if errors else nothing,
    }
    if not papers:
        training = nets.over_seeds(tables, name, "training_error")
        return cells | {
            "training error ± std, %": words.spread(training.mean, training.std, None) if training else words.NONE
        }
    beside = papers.get(name)
    figure = beside.figure if beside else None
    apart, unknown = beside.difference if beside else None, "one seed, no spread" if beside else words.NONE
    interval = words.difference(apart.value, apart.interval(level)) if apart else unknown
    return cells | {
        "the paper, %": words.spread(figure.error, figure.std, None) if figure else words.NONE,
        f"difference ({100 * level:g} % interval)": interval,
    }


def _not_run(tables: Tables, names: list[str]) -> str:
    """The nets without a run on one line, with the paper's errors where its data and schedule are asked for."""
    listed = []
    for name in names[:SHOWN_NOT_RUN]:
        figure, own = papers_error(tables.net(name)), {d.key for d in protocol.deviations(tables, name)}
        theirs = f" ({words.spread(figure.error, figure.std, None)})" if figure and tables.official and not own else ""
        listed.append(f"{escaped(name)}{theirs}")
    listed += [f"{len(names) - SHOWN_NOT_RUN} more"] if len(names) > SHOWN_NOT_RUN else []
    papers = " (in brackets the paper's error, %)" if any(" (" in name for name in listed) else ""
    return f"Not run{papers}: {words.listed(listed)}.\n" if names else ""


def section(tables: Tables) -> Section:
    started, shared = nets.started(tables), protocol.shared_deviations(tables)
    papers, main = beside_the_paper(tables), nets.without_ablations(tables)
    lines = [_row(tables, name, shared, papers) for name in started if name in main]
    below = _not_run(tables, [name for name in main if name not in started])
    damaged = len(tables.damaged)
    left_out = f"{words.numbered(damaged, 'damaged result file')} left out.\n" if damaged else ""
    return Section("", "\n".join(filter(None, [table(lines), below, left_out])) if lines or damaged else "")
