"""Whether a deeper net that is worse overfits: a sentence below the learning curves."""

from resnet.report import words
from resnet.report.analysis.degradation import Degraded, degraded
from resnet.report.markdown import escaped
from resnet.report.style import Section
from resnet.report.tables import Tables


def _points(net: Degraded, when: str) -> str:
    """Write `plain-56 minus plain-20: +44.65 points at the end, +42.66 before`."""
    text = f"{escaped(net.deeper)} minus {escaped(net.shallower)}: {net.training.value:+.2f} points at the end"
    return text if net.at_highest_rate is None else f"{text}, {net.at_highest_rate:+.2f} {when}"


def section(tables: Tables) -> Section:
    """What training errors say of the deepest net of a kind that is worse than its shallowest."""
    found = degraded(tables)
    when = f"in the last {words.count(tables.params.train.warmup_window)} iterations at the highest learning rate"
    told = "; ".join(_points(net, "before" if place else when) for place, net in enumerate(found))
    text = "The deeper net that is worse does not overfit: its training error is higher as well."
    return Section("", f"{text} {told}.\n" if found else "")
