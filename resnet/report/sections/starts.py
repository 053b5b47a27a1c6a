"""When nets begin to learn: a sentence below the learning curves, and every seed on a click."""

from collections.abc import Sequence

from resnet.report import words
from resnet.report.analysis.nets import aside, without_ablations
from resnet.report.analysis.starts import Start, deeper_are_later, starts
from resnet.report.markdown import details, escaped, table
from resnet.report.published import published
from resnet.report.style import Section
from resnet.report.tables import Tables


def _between(values: Sequence[float], unit: str) -> str:
    """Write `300`, `300 to 740`."""
    low, high = (f"{value:,.0f}" if value >= 10 else f"{value:.1g}" for value in (values[0], values[-1]))
    return f"{low if low == high else f'{low} to {high}'}{unit}"


def _shares(start: Start) -> str:
    return _between([100 * iteration / start.iterations for iteration in start.begun], " %")


def _when(start: Start, who: str, share: str = "") -> str:
    """Write `after 300 to 740 iterations of resnet-56 (5 to 12 %)`."""
    return f"after {_between(start.begun, ' iterations')} of {who} ({_shares(start)}{share})"


def _never(start: Start) -> str:
    """Write `1 of 3 seeds of plain-56`."""
    never = len(start.seeds) - len(start.begun)
    seeds = f"{never} of {words.numbered(len(start.seeds), 'seed')} of " if len(start.seeds) > 1 else ""
    return f"{seeds}{escaped(start.name)}"


def _sentence(tables: Tables, main: Sequence[Start]) -> str:
    """The first and the last of the nets, those that never begin, and what that is of the paper's schedule."""
    train, papers = tables.params.train, published().protocol.iterations
    begun = sorted((start for start in main if start.begun), key=lambda start: (start.median, start.begun))
    alike = len(begun) == len(main) > 1 and len({(start.begun[0], start.begun[-1]) for start in begun}) == 1
    ends = begun[:1] if alike else begun[:1] + begun[1:][-1:]
    others = ", the others between" if len(begun) > len(ends) > 1 else ""
    told = [
        _when(start, "every net" if alike else escaped(start.name), "" if place else " of the schedule")
        for place, start in enumerate(ends)
    ]
    never = words.listed(_never(start) for start in main if len(start.begun) < len(start.seeds))
    when = [f"{words.listed(told)}{others}" if told else "", f"never in {never}" if never else ""]
    text = (
        f"At first a net guesses. Its training error, mean of {words.count(train.warmup_window)} iterations, falls "
        f"below {train.warmup_until_error:g} % {'; '.join(filter(None, when))}."
    )
    text += " Deeper nets of a kind begin later." if deeper_are_later(tables, main) else ""
    latest = max((start.begun[-1] for start in begun), default=0)
    if latest and all(start.iterations < papers for start in main):
        share = _between([100 * latest / papers], " %")
        text += f" Of the paper's {words.count(papers)} iterations the longest of these times would be {share}."
    return text


def section(tables: Tables) -> Section:
    """The main nets in a sentence; in a table all, ablations too."""
    told, others = starts(tables), aside(tables)
    main = [start for start in told if start.name in without_ablations(tables) and start.name not in others]
    lines = [
        {
            "net": start.name,
            "begins to learn after, iterations": ", ".join(
                f"{words.count(iteration) if iteration else 'never'} (seed {seed})"
                for seed, iteration in start.seeds.items()
            ),
            "of the schedule": _shares(start) if start.begun else words.NONE,
        }
        for start in told
    ]
    opened = details("When each seed begins to learn", table(lines, left=2))
    return Section("", f"{_sentence(tables, main)}\n\n{opened}" if main else "")
