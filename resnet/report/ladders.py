"""Which nets of a plan can be compared, and which of them a figure shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from resnet.params.bearing import CURVE_ALONE, OF_SHORTCUTS, WITHOUT_EFFECT, bearing_on_errors
from resnet.report.published import published
from resnet.report.results import Net, Nets
from resnet.results import DataRecord

DEEPEST = 110
"""Deeper nets are apart, as ResNet-1202 in the paper's Figure 6."""


def main_net(nets: Nets, kind: str, depth: int) -> str | None:
    """The net that represents a kind and depth: of several, the first with the fewest settings of its own."""

    def own(net: Net) -> int:
        keys = net.own_settings - WITHOUT_EFFECT - CURVE_ALONE
        return sum(not key.startswith("warmup") for key in keys)

    return next((x.name for x in sorted(nets.values(), key=own) if (x.kind, x.depth) == (kind, depth)), None)


def main_nets(nets: Nets, kind: str) -> list[str]:
    """One net a depth, by depth."""
    depths = sorted({net.depth for net in nets.values() if net.kind == kind})
    return [name for depth in depths if (name := main_net(nets, kind, depth))]


def without_ablations(nets: Nets) -> list[str]:
    """The nets of the main figures, in the plan's order."""
    main = {name for kind in ("plain", "resnet") for name in main_nets(nets, kind)}
    return [name for name in nets if name in main]


def usual_length(nets: Iterable[Net]) -> int | None:
    """The planned iterations of most of these nets, the longest of equals; None without any."""
    counted = Counter(net.iterations for net in nets)
    return max(counted, key=lambda iterations: (counted[iterations], iterations), default=None)


def of_usual_length(nets: Nets) -> list[str]:
    """The main nets with results that figures of errors show: errors after 20 and after 64,000 iterations differ."""
    usual = usual_length(net for net in nets.values() if net.runs)
    return [name for name in without_ablations(nets) if nets[name].runs and nets[name].iterations == usual]


def run_on(nets: Nets, data: DataRecord | None) -> str:
    """Name the data, and the schedule if it is not the paper's: a figure may be seen alone."""
    length, papers = usual_length(net for net in nets.values() if net.runs), published().protocol.iterations
    shortened = [] if length in (None, papers) else [f"{length:,} of the paper's {papers:,} iterations"]
    return ", ".join([*([data.name] if data else []), *shortened])


def differing_settings(first: Net, second: Net) -> dict[str, tuple[Any, Any]]:
    """The settings that bear on errors in which two nets differ, with the value of each; the precision is what ran."""
    ran = [{"train.precision": net.runs[0].record.precision} if net.runs else {} for net in (first, second)]
    ours, theirs = (bearing_on_errors(net.kind, net.flat | its) for net, its in zip((first, second), ran, strict=True))
    pairs = {key: (ours.get(key), theirs.get(key)) for key in sorted(ours.keys() | theirs.keys())}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def incomparable(first: Net, second: Net) -> list[str]:
    """What keeps two nets from being compared: settings but the warm-up; shortcuts only between nets of one kind."""
    ignored = OF_SHORTCUTS if first.kind != second.kind else ()
    differing = differing_settings(first, second)
    return [key for key in differing if not key.startswith("train.warmup") and key not in ignored]
