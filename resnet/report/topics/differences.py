"""Differences of errors between nets, two at a time: depths, kinds, ablations, and paired by image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from resnet.params import ReportParams
from resnet.report import ladders, words
from resnet.report.ladders import Nets
from resnet.report.markdown import Markdown, code, escaped
from resnet.report.results import Net
from resnet.report.section import Line, Section
from resnet.report.table import Cell, table


def _of_both_kinds(nets: Nets) -> Iterator[tuple[str, str]]:
    """Residual and plain nets of a depth."""
    residual, plain = ({nets[x].depth: x for x in ladders.main_nets(nets, kind)} for kind in ("resnet", "plain"))
    yield from ((residual[depth], plain[depth]) for depth in residual if depth in plain)


# Over runs, and paired by seed.


def _section(title: str, nets: Nets, pairs: Iterable[tuple[str, str]], quantity: str, confidence: float) -> Section:
    """The second net of each pair minus the first; without pairs in which a net has one run, or no run differs."""
    comparable = [(nets[a], nets[b]) for a, b in pairs if not ladders.incomparable(nets[a], nets[b])]
    level, lines = f"{100 * confidence:g} % interval", list[Line]()
    for first, second in comparable:
        found, by_seed = ladders.compared(second, first, quantity)
        if found:
            line: Line = {
                quantity.replace("_", " "): f"{second.name} minus {first.name}",
                "points": Cell(f"{found.value:+.2f}", found.value),
                f"{level}, Welch": words.interval(found.interval(confidence)),
                "p": Cell(words.p_value(found.p()), found.p()),
                f"{level}, paired by seed": words.interval(by_seed and by_seed.interval(confidence)),
                "runs": f"{len(second.done)} and {len(first.done)}",
            }
            lines.append(line)
    few = dict.fromkeys(escaped(net.name) for pair in comparable for net in pair if len(net.done) < 2)
    missing = f"Nets with fewer than two runs are left out: {words.listed(few)}." if few else ""
    explained = "p is not corrected for the number of lines; *Claims* explains the pairing by seed."
    return Section(title, (table(lines), explained, missing) if lines else ())


def degradation(nets: Nets, confidence: float) -> Section:
    """Training error of each depth minus that of the shallowest, plain and residual."""
    depths = [ladders.main_nets(nets, kind) for kind in ("plain", "resnet")]
    pairs = [(names[0], name) for names in depths for name in names[1:]]
    return _section("Degradation: training error against depth", nets, pairs, "training_error", confidence)


def plain_and_residual(nets: Nets, confidence: float) -> Section:
    """Test error of each plain net minus that of the residual net of its depth."""
    title = "Plain nets against residual nets of their depth"
    return _section(title, nets, _of_both_kinds(nets), "test_error", confidence)


# Ablations: nets that differ in a setting from the net that represents their kind and depth.


def _ablation(net: Net, base: Net, report: ReportParams) -> Line:
    found, by_seed = ladders.compared(net, base, "test_error")
    # Before both have run, a precision that is found at the start is no difference yet.
    changes = [
        f"{code(key)} {escaped(words.setting(ours))} (not {escaped(words.setting(others))})"
        for key, (ours, others) in ladders.differing_settings(net, base).items()
        if "auto" not in (ours, others)
    ]
    level = f"{100 * report.confidence:g} % interval"
    return {
        "net": net.name,
        "what is changed": Markdown(words.listed(changes)),
        "against": base.name,
        "test error, %": words.sample(net.over_seeds("test_error"), "not run"),
        "of that, %": words.sample(base.over_seeds("test_error"), "not run"),
        f"points ({level}, Welch)": Cell(words.difference(found, report.confidence), found and found.value),
        f"paired by seed ({level})": Cell(words.difference(by_seed, report.confidence), by_seed and by_seed.value),
        "p of difference": words.p_value(found and found.p()),
        f"p of {report.margin:g} points or more": words.p_value(found and found.equivalence_p(report.margin)),
    }


def ablations(nets: Nets, report: ReportParams, others: Nets) -> Section:
    """Every net that is not the main one of its kind and depth, and what its own settings change.

    The main one may be of another plan, `others`, if this plan lacks it.
    """
    known, lines = {**others, **nets}, list[Line]()
    for net in nets.values():
        base = ladders.main_net(known, net.kind, net.depth)
        if base and known[base] is not net:
            lines.append(_ablation(net, known[base], report))
    explained = (
        "The first p is of Welch's test, two-sided, that the two differ; the second of two one-sided tests that they "
        f"differ by less than {report.margin:g} points. Neither is corrected for the number of lines. Paired by seed: "
        "a seed has the same batches and augmentation in both nets, and the same first weights if the layers before "
        "are the same."
    )
    started = any(line["test error, %"] != "not run" for line in lines)
    return Section("Ablations", (table(lines, left=3), explained if started else ""))


# Paired by image.


def resampled_errors(wrong: NDArray[np.bool_], samples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Errors in % (samples, runs) over test sets drawn anew, with replacement, from the same images.

    `wrong` (images, runs): whether a run misclassified an image. Every run is measured on the same drawn sets: what is
    compared is paired by image.
    """
    images, misses = len(wrong), wrong.astype(np.float64)
    drawn = (generator.integers(0, images, images, dtype=np.int32) for _ in range(samples))
    return 100 * np.array([np.bincount(places, minlength=images) @ misses for places in drawn]) / images


def two_sided(differences: NDArray[np.float64]) -> float:
    """The p of resampled differences: twice the share on the rarer side of 0."""
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))


def images(nets: Nets, report: ReportParams) -> Section:
    """Test errors on resampled test sets: depths of a kind, and kinds of a depth, over the runs with predictions."""
    depths = [ladders.main_nets(nets, kind) for kind in ("resnet", "plain")]
    pairs = [pair for names in depths for pair in (*pairwise(names), *((names[0], name) for name in names[2:]))]
    pairs += _of_both_kinds(nets)
    runs = [(name, run.predictions) for names in depths for name in names for run in nets[name].done]
    known = [(name, predictions) for name, predictions in runs if predictions is not None]
    if not known:
        return Section("")
    wrong = np.stack([predictions[:, 0] != predictions[:, 1] for _, predictions in known], axis=1)
    resampled = resampled_errors(wrong, report.bootstrap_samples, np.random.default_rng(report.bootstrap_seed))
    measured, ends = 100 * wrong.mean(axis=0), [(1 - report.confidence) / 2, (1 + report.confidence) / 2]
    names, lines = np.array([name for name, _ in known]), list[Line]()
    for first, second in pairs:
        theirs, ours = names == first, names == second
        if theirs.any() and ours.any() and not ladders.incomparable(nets[first], nets[second]):
            differences = resampled[:, ours].mean(axis=1) - resampled[:, theirs].mean(axis=1)
            value, p = float(measured[ours].mean() - measured[theirs].mean()), two_sided(differences)
            low, high = np.quantile(differences, ends)
            line: Line = {
                "test error": f"{second} minus {first}",
                "points": Cell(f"{value:+.2f}", value),
                f"{100 * report.confidence:g} % interval, images": words.interval((low, high)),
                "p": Cell(words.p_value(p), p),
                "runs": f"{len(nets[second].done)} and {len(nets[first].done)}",
            }
            lines.append(line)
    sets = f"{words.count(report.bootstrap_samples)} test sets of {words.count(len(wrong))} images"
    explained = (
        f"{sets}, drawn with replacement from the test set (seed {report.bootstrap_seed}), the same sets for every "
        "net. The interval is the test set's sampling alone: how these very nets would compare on other images of the "
        "kind, and not what other runs would give. Other draws move its ends in the second decimal. p is two-sided, is "
        f"not corrected for the number of rows, and cannot be below {2 / (report.bootstrap_samples + 1):.1g}."
    )
    return Section("Test error between depths, paired by image", (table(lines), explained) if lines else ())
