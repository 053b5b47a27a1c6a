"""Differences of errors between nets, two at a time: depths, kinds and ablations, over runs and paired by image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resnet.params import ReportParams
from resnet.report import ladders, words
from resnet.report.markdown import bullets, code, escaped
from resnet.report.results import Net, Nets
from resnet.report.samples import compare, sample
from resnet.report.section import Line, Section
from resnet.report.table import Cell, table


def main_pairs(nets: Nets) -> list[tuple[Net, Net]]:
    """Of each kind the deeper nets and the shallowest; then the plain and the residual net of each depth.

    A difference is the first minus the second.
    """
    plain, residual = ([nets[x] for x in ladders.main_nets(nets, kind)] for kind in ("plain", "resnet"))
    pairs = [(net, of_kind[0]) for of_kind in (plain, residual) for net in of_kind[1:]]
    pairs += [(net, twin) for net in plain for twin in residual if net.depth == twin.depth]
    return [pair for pair in pairs if not ladders.incomparable(*pair)]


def ablations(nets: Nets, others: Nets) -> list[tuple[Net, Net]]:
    """Every net that is not the main one of its kind and depth, and the main one.

    The main one may be of another plan, `others`, if this plan lacks it.
    """
    known = {**others, **nets}
    pairs = [(net, ladders.main_net(known, net.kind, net.depth)) for net in nets.values()]
    return [(net, known[base]) for net, base in pairs if base and known[base] is not net]


def _changed(net: Net, base: Net) -> str:
    """What an ablation's own settings change."""
    # Before both have run, a precision that is found at the start is no difference yet.
    changes = [
        f"{code(key)} {escaped(words.setting(ours))} (not {escaped(words.setting(others))})"
        for key, (ours, others) in ladders.differing_settings(net, base).items()
        if "auto" not in (ours, others)
    ]
    return f"{escaped(net.name)} against {escaped(base.name)}: {words.listed(changes)}."


def _over_images(net: Net) -> NDArray[np.float64] | None:
    """Of each test image the share of the runs that misclassify it, in %; None without predictions."""
    wrong = [x[:, 0] != x[:, 1] for run in net.done if (x := run.predictions) is not None]
    return 100 * np.mean(wrong, axis=0) if wrong else None


def _over_runs(net: Net, base: Net, quantity: str, confidence: float) -> Line:
    """By Welch's test and paired by seed; without a spread the difference alone."""
    name, values = quantity.replace("_", " "), {x.name: x.by_seed(quantity) for x in (net, base)}
    ours, theirs = net.over_seeds(quantity), base.over_seeds(quantity)
    tested = compare({net.name: 1, base.name: -1}, values, confidence)
    points = ours.mean - theirs.mean if ours and theirs else None
    text = words.NONE if points is None else f"{points:+.2f}"
    if tested:
        text += f" ({words.interval((tested.low, tested.high))})"
    return {
        f"{name} ({100 * confidence:g} % interval)": Cell(text, points),
        f"p, {name}": Cell(words.p_value(tested and tested.p), tested and tested.p),
        f"{name}, by seed": words.interval(tested and (tested.paired_low, tested.paired_high)),
    }


def every_difference(nets: Nets, report: ReportParams, others: Nets) -> Section:
    """Training and test errors of one net minus another's, without pairs of which one has no run or other data."""
    changed, lines = ablations(nets, others), list[Line]()
    pairs = [(net, base) for net, base in [*main_pairs(nets), *changed] if net.done and base.done]
    pairs = [(a, b) for a, b in pairs if a.done[0].record.identity.data == b.done[0].record.identity.data]
    for net, base in pairs:
        line: Line = {"difference": f"{net.name} minus {base.name}", "runs": f"{len(net.done)} and {len(base.done)}"}
        for quantity in ("training_error", "test_error"):
            line |= _over_runs(net, base, quantity, report.confidence)
        ours, theirs = _over_images(net), _over_images(base)
        images = sample(ours - theirs) if ours is not None and theirs is not None else None
        line["test error, by image"] = words.interval(images and images.interval(report.confidence))
        lines.append(line)
    explained = (
        "In points. Intervals and p are of Welch's test, over runs; p is not corrected for the number of rows: these "
        "differences say where to look, and *Claims* has what was fixed before the runs. By seed: the interval of the "
        "differences of the same seeds, which have the same batches and augmentation. By image: that of the same test "
        "images, which says how these very nets would compare on other images, and not what other runs would give."
    )
    what = bullets(_changed(net, base) for net, base in changed)
    return Section("Differences between nets", (table(lines), explained if lines else "", what))
