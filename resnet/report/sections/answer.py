"""The answer: what is reproduced, what depth does and what is left, a sentence each."""

from collections.abc import Sequence
from typing import Any

from pandas import DataFrame

from resnet.report import words
from resnet.report.analysis import protocol
from resnet.report.analysis.headline import beside_the_paper, comparable
from resnet.report.analysis.nets import DEEPEST, aside, error_interval, over_seeds, without_ablations
from resnet.report.analysis.remaining import remaining
from resnet.report.analysis.stated import stated
from resnet.report.markdown import bullets, code, escaped
from resnet.report.published import published
from resnet.report.style import Section
from resnet.report.tables import Tables, rows, select

TITLE = "# Does depth help? He et al., CVPR 2016, section 4.2"


MOST = 3
"""Claims that the answer tells: those of the primary family."""


def _error(tables: Tables, name: str) -> str:
    """A net's mean test error with its interval and its n: `resnet-20 8.32 % (95 % interval 7.05 to 9.59, 2 seeds)`."""
    values, level = over_seeds(tables, name, "test_error"), tables.params.report.confidence
    if values is None:
        return f"{escaped(name)}: mixed settings"
    ends = error_interval(tables, values)
    where = f"{100 * level:g} % interval {words.interval_of_mean(ends)}, " if ends else ""
    return f"{escaped(name)} **{values.mean:.2f} %** ({where}{words.numbered(values.n, 'seed')})"


def _ends(tables: Tables, names: list[str]) -> list[str]:
    """Of these nets the shallowest and the deepest main ones that the primary claims are about, where there are such.

    They are residual, have up to 110 layers and several planned seeds.
    """
    main = [name for name in without_ablations(tables) if name not in aside(tables)]
    names = [name for name in main if name in names] or names
    names = [name for name in names if tables.net(name).net != "plain"] or names
    names = [name for name in names if tables.net(name).depth <= DEEPEST] or names
    names = [name for name in names if len(tables.seeds(name)) > 1] or names
    by_depth = sorted(names, key=lambda name: tables.net(name).depth)
    return list(dict.fromkeys([by_depth[0], by_depth[-1]]))


def _reproduced(tables: Tables) -> str:
    """Which nets have the paper's error, and the figures of the shallowest and the deepest."""
    compared, alike = beside_the_paper(tables), f"within {tables.params.report.margin:g} points"
    pairs = []
    for name in _ends(tables, [*compared]):
        figure = compared[name].figure
        pairs.append(f"{_error(tables, name)}, the paper's {words.spread(figure.error, figure.std, None)} %")
    named = {
        word: words.listed(_shortened([name for name, x in compared.items() if x.word == word]))
        for word in ("equivalent", "different", "undecided")
    }
    if not named["equivalent"] and not named["different"]:
        whether = f"more seeds must tell whether {'that is' if len(compared) == 1 else 'they are'} the same {alike}"
        return f"**Reproduced? Undecided**: test error of {'; of '.join(pairs)}; {whether}."
    equivalent = f"{alike} of the paper's test error: {named['equivalent'] or 'none'}"
    others = [f"; {word}: {named[word]}" for word in ("different", "undecided") if named[word]]
    count = sum(x.word == "equivalent" for x in compared.values())
    title = f"**Reproduced: {count} of {words.numbered(len(compared), 'net')}**"
    return f"{title}, {equivalent}{''.join(others)} ({'; '.join(pairs)})."


def reproduction(tables: Tables) -> str:
    """Ours beside the paper's, or why nothing can stand beside it."""
    done = [name for name in tables.nets.index if len(tables.seeds(name, "done"))]
    if not done:
        started = not tables.runs["status"].isin(["not run", "left out"]).all()
        return "**No run is done yet.**" if started else "**Nothing has been trained yet.**"
    ours = words.listed(_error(tables, name) for name in _ends(tables, done))
    if not tables.official:
        data = words.listed(escaped(data.name) for data in tables.data if not data.official)
        iterations, papers = tables.net(_ends(tables, done)[0]).iterations, published().protocol.iterations
        after = f", after {words.count(iterations)} of the paper's {words.count(papers)} iterations"
        return (
            f"**Errors are NOT comparable with the paper's**: the data are {data}, not the official CIFAR-10; "
            f"test error here{after if iterations != papers else ''}: {ours}."
        )
    alike = comparable(tables)
    if not alike:
        deviations = protocol.deviations(tables, _ends(tables, done)[0])
        why = deviations[0].sentence if deviations else "the seeds of a net have different settings"
        why = why[0].lower() + why[1:]
        return f"**Not the paper's experiment**: {why}; test error here: {ours}."
    if not beside_the_paper(tables):
        return f"**The paper prints no figure of these nets**: test error {ours}."
    return _reproduced(tables)


def _shortened(names: list[str]) -> list[str]:
    """Names of nets without repeating their kind: `resnet-20`, `32`, `44`."""
    kinds = [name.rpartition("-")[0] for name in names]
    repeated = [k > 0 and kinds[k] == kinds[k - 1] for k in range(len(names))]
    return [escaped(name.rpartition("-")[2] if again else name) for name, again in zip(names, repeated, strict=True)]


def _few(names: list[str], most: int = 3) -> list[str]:
    """The first few of a list, and how many more there are."""
    return names if len(names) <= most + 1 else [*names[:most], f"{len(names) - most} more"]


def _statement(claim: Any) -> str:
    """A claim's gist with its verdict: `plain nets degrade (**shown**, +2.31 points)`; undecided, with the interval."""
    gist = str(claim.claim).split(":")[0]
    gist = gist if gist.split("-")[0] in ("resnet", "plain") else gist[0].lower() + gist[1:]
    difference, interval = words.claimed(claim)
    amount = interval if claim.verdict == "undecided" else difference
    return f"{escaped(gist)} (**{claim.verdict}**, {amount} {claim.unit})"


def depth(tables: Tables, judged: DataFrame) -> str:
    """The verdicts of the primary claims; `judged` are all."""
    judged = select(judged, family="primary")
    if judged.empty:
        return ""
    tested = judged[judged["verdict"] != "not tested"]
    nets = dict.fromkeys(name for claim in stated(tables) if claim.family == "primary" for name in claim.needed)
    done = {name: len(tables.seeds(name, "done")) for name in nets}
    few = [(word, [escaped(name) for name in nets if done[name] == n]) for n, word in enumerate(("none", "one"))]
    lacking = " and ".join(f"{word} of {words.listed(_few(names))}" for word, names in reversed(few) if names)
    if tested.empty:
        why = f"a claim needs two seeds of each of its nets, and so far there is {lacking}"
        return f"**Depth: nothing can be said**: {why if lacking else 'no claim could be tested'}."
    lengths = {int(tables.net(name).iterations) for name in without_ablations(tables) if len(tables.started(name))}
    where = [] if tables.official else [f"on {words.listed(escaped(data.name) for data in tables.data)}"]
    where += [f"after {words.listed(map(words.count, sorted(lengths)))} iterations"] if not comparable(tables) else []
    statements = [*map(_statement, rows(tested))]
    statements = [*statements[:MOST], *([f"{len(statements) - MOST} more below"] if len(statements) > MOST else [])]
    untested = len(judged) - len(tested)
    statements += [f"{untested} not tested{f' (too few seeds: {lacking})' if lacking else ''}"] if untested else []
    planned = sum(len(tables.seeds(name)) for name in nets)
    interim = (
        f" Interim: {sum(done.values())} of {planned} seeds of these nets are done." if any(tested["interim"]) else ""
    )
    return f"**Depth**{''.join(f' {part}' for part in where)}: {'; '.join(statements)}.{interim}"


def left(tables: Tables, command: str) -> str:
    """How much of the plan is left, how long it would take, and the command."""
    rest, planned = remaining(tables), words.count(len(tables.runs))
    if not rest.runs:
        return f"**Left: nothing**; all {planned} planned runs have been made."
    hours, limit = (rest.seconds or 0) / 3600, tables.params.limits.hours
    on = words.listed(map(escaped, rest.devices))
    takes = (
        f"about {words.long_duration(rest.seconds)} on {on} at the measured speed" if rest.seconds else "time unknown"
    )
    raised = f", with `limits.hours` raised from {limit:g}" if hours > limit else ""
    begun = f"{words.count(rest.stale)} of them begun with other settings, or another version, than the plan's"
    stale = f" ({begun})" if rest.stale else ""
    return f"**Left: {words.count(rest.runs)} of {planned} runs**{stale}, {takes}: {code(command)}{raised}."


def sentences(tables: Tables, judged: DataFrame, command: str) -> list[str]:
    """The answer, a Markdown sentence each; empty without a net.

    Args:
        tables: what was read.
        judged: the claims with their verdicts.
        command: what runs the plan.
    """
    all_three = (reproduction(tables), depth(tables, judged), left(tables, command)) if len(tables.nets) else ()
    return [*filter(None, all_three)]


def section(answers: Sequence[str]) -> Section:
    """The section of these sentences."""
    text = bullets(answers) or "The parameters name no net: there is nothing to report."
    return Section("", f"{TITLE}\n\n{text}")
