"""The claims of section 4.2, each sentence generated together with the test that backs it.

What is claimed is fixed before anything is run: it depends on the nets of the plan alone. A verdict is "shown" or
"contradicted" only where a two-sided test says so after Holm's correction over all claims tested, "not shown" where
the runs do not decide, and "not tested" with the reason where nothing could be.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pandas import DataFrame

from resnet.report.analysis.comparisons import ALL_ALIKE, Quantity, Unmet, change, obstacle
from resnet.report.analysis.nets import main_net, main_nets
from resnet.report.analysis.responses import mean_response
from resnet.report.analysis.statistics import Difference, holm, welch
from resnet.report.tables import Tables

VERDICTS = ("shown", "contradicted", "not shown", "not tested")
COLUMNS = ("claim", "verdict", "difference", "low", "high", "unit", "p", "p_holm", "test", "why_not_tested")
"""Of claims.csv. `claim`: a sentence without its full stop; `low` and `high`: the interval of the difference that it
says is above or below 0; `p`: two-sided, and of several tests that must all hold that of the weakest; `p_holm`: after
the correction; `test`: with its n."""

DEEPEST = 110
"""The deepest net that the paper's claims of falling error are about: ResNet-1202 it calls worse."""


def _tested(tables: Tables, sentence: str, difference: Difference, sign: int, **cells: Any) -> dict[str, Any]:
    """A claim that the difference has this sign."""
    low, high = difference.interval(tables.params.report.confidence)
    numbers = {"difference": difference.value, "low": low, "high": high, "unit": "points", "p": difference.p}
    return {"claim": sentence, **numbers, "test": difference.test, "agrees": difference.value * sign > 0, **cells}


def _untested(sentence: str, unmet: Unmet | None) -> dict[str, Any]:
    reason, missing = unmet or ALL_ALIKE
    return {"claim": sentence, "why_not_tested": reason, "missing": missing}


def _order(tables: Tables, names: list[str]) -> dict[str, Any]:
    """Every depth has a lower error than the one before it: shown only if each single step is."""
    sentence = f"The order of the depths holds: test error falls at every step {' to '.join(names)}"
    changes = [change(tables, first, second, "test_error") for first, second in pairwise(names)]
    steps = [(step.welch, f"{step.first} to {step.second}") for step in changes if step.welch]
    unmet = [step.unmet for step in changes if step.unmet]
    if unmet:
        missing = dict.fromkeys(name for reason in unmet for name in reason.missing)
        return _untested(sentence, Unmet(unmet[0].reason, tuple(missing)))
    # All steps must hold: the weakest one's p is that of the whole (an intersection-union test). One step
    # that goes the other way contradicts it, and may be the smallest of several (Bonferroni).
    opposed = [step for step in steps if step[0].value >= 0]
    weakest, at = min(opposed, key=lambda step: step[0].p) if opposed else max(steps, key=lambda step: step[0].p)
    p = min(1.0, len(steps) * weakest.p) if opposed else weakest.p
    test = f"{weakest.test}, of the step {at}, {'the clearest against it' if opposed else 'the weakest'}"
    return _tested(tables, sentence, weakest, -1, p=p, test=test, agrees=not opposed)


def _response(tables: Tables, sentence: str, higher: str, lower: str) -> dict[str, Any]:
    """The lower net responds less, in the mean over layers, than the higher."""
    samples = {name: mean_response(tables, name) for name in (lower, higher)}
    missing = tuple(name for name in (higher, lower) if not samples[name])
    unmet = obstacle(tables, higher, lower, (samples[higher], samples[lower]))
    if missing and not any(tables.net(name).mixed for name in (higher, lower)):
        return _untested(sentence, Unmet(f"runs missing: no responses of {' and '.join(missing)}", missing))
    difference = None if unmet else welch(*(sample for sample in samples.values() if sample))
    if difference is None:
        return _untested(sentence, unmet)
    return _tested(tables, sentence, difference, -1, unit="", test=f"{difference.test} of the mean over layers")


def _deep(tables: Tables, names: list[str]) -> list[str]:
    """The deeper nets that claims are about: 56 and 110 layers, or the deepest that there is up to 110."""
    deeper = [name for name in names[1:] if tables.net(name).depth <= DEEPEST]
    return [name for name in deeper if tables.net(name).depth in (56, DEEPEST)] or deeper[-1:]


def _stated(tables: Tables) -> Iterator[dict[str, Any]]:
    """Every claim that the plan's nets allow, tested or not, without corrections."""
    plain, residual = main_nets(tables, "plain"), main_nets(tables, "resnet")
    deep_plain, deep_residual = _deep(tables, plain), _deep(tables, residual)
    upto, beyond = ([x for x in residual if (tables.net(x).depth <= DEEPEST) == side] for side in (True, False))
    twins = {name: twin for name in plain if (twin := main_net(tables, "resnet", tables.net(name).depth))}

    def changes(sentence: str, first: str, second: str, quantity: Quantity, sign: int) -> dict[str, Any]:
        step = change(tables, first, second, quantity)
        return _tested(tables, sentence, step.welch, sign) if step.welch else _untested(sentence, step.unmet)

    for name in deep_residual:
        yield changes(f"Test error falls from {residual[0]} to {name}", residual[0], name, "test_error", -1)
    if len(upto) > 2:
        yield _order(tables, upto)
    if beyond and upto:
        sentence = f"Test error rises again from {upto[-1]} to {beyond[0]}"
        yield changes(sentence, upto[-1], beyond[0], "test_error", 1)
    for name in deep_plain:
        sentence = f"Plain nets degrade: {{}} error rises from {plain[0]} to {name}"
        yield changes(sentence.format("training"), plain[0], name, "training_error", 1)
        yield changes(sentence.format("test"), plain[0], name, "test_error", 1)
    for name in deep_residual:
        sentence = f"Residual nets do not degrade: training error falls from {residual[0]} to {name}"
        yield changes(sentence, residual[0], name, "training_error", -1)
    for name in filter(twins.get, deep_plain):
        yield changes(f"{twins[name]} has a lower test error than {name}", name, twins[name], "test_error", -1)
    for name in filter(twins.get, [*plain[:1], *deep_plain]):
        sentence = f"Residual nets respond less: the layers of {twins[name]} less than those of {name}"
        yield _response(tables, sentence, name, twins[name])
    for name in deep_residual:
        sentence = f"Deeper residual nets respond less per layer: {name} less than {residual[0]}"
        yield _response(tables, sentence, residual[0], name)


def claims(tables: Tables) -> DataFrame:
    """Every claim with its verdict, p values corrected over those that were tested (Holm); and the nets `missing`."""
    judged = DataFrame(list(_stated(tables)), columns=[*COLUMNS, "agrees", "missing"], dtype=object)
    tested, level = judged["p"].notna(), 1 - tables.params.report.confidence
    judged.loc[tested, "p_holm"] = holm(list(judged.loc[tested, "p"]))
    decided = judged["agrees"].map({True: "shown", False: "contradicted"})
    judged["verdict"] = decided.where(judged["p_holm"].astype(float) < level, "not shown").where(tested, "not tested")
    return judged
