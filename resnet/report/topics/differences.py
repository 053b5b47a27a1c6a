"""Differences of errors between nets, two at a time: over runs, paired by seed, and paired by image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from resnet.params import ReportParams
from resnet.report import ladders, words
from resnet.report.markdown import escaped
from resnet.report.results import Net
from resnet.report.samples import Interval, paired, welch
from resnet.report.section import Section
from resnet.report.table import Cell, table

Nets = Mapping[str, Net]
Pair = tuple[str, str]
Quantity = Literal["test_error", "training_error"]

CHUNK = 250
"""Resampled test sets drawn at once: 10 MB of counts for 10,000 images."""


def _of_both_kinds(nets: Nets) -> Iterator[Pair]:
    """Residual and plain nets of a depth."""
    residual, plain = ({nets[x].depth: x for x in ladders.main_nets(nets, kind)} for kind in ("resnet", "plain"))
    yield from ((residual[depth], plain[depth]) for depth in residual if depth in plain)


# Over runs, and paired by seed.


def _line(first: Net, second: Net, quantity: Quantity, confidence: float) -> dict[str, Cell | str] | None:
    """The second net minus the first; None if either has one run, or no run differs."""
    theirs, ours = first.over_seeds(quantity), second.over_seeds(quantity)
    difference = welch(ours, theirs) if ours and theirs else None
    if ours is None or theirs is None or difference is None:
        return None
    same_seeds = [run.seed for run in first.done] == [run.seed for run in second.done]
    by_seed = paired(ours.values, theirs.values) if same_seeds else None
    level = f"{100 * confidence:g} % interval"
    return {
        quantity.replace("_", " "): f"{second.name} minus {first.name}",
        "points": Cell(f"{difference.value:+.2f}", difference.value),
        f"{level}, Welch": words.interval(difference.interval(confidence)),
        "p": Cell(words.p_value(difference.p), difference.p),
        f"{level}, paired by seed": words.interval(by_seed.interval(confidence)) if by_seed else words.NONE,
        "runs": f"{ours.n} and {theirs.n}",
    }


def _section(title: str, nets: Nets, pairs: Sequence[Pair], quantity: Quantity, confidence: float) -> Section:
    comparable = [pair for pair in pairs if not ladders.incomparable(*map(nets.__getitem__, pair))]
    lines = [_line(nets[first], nets[second], quantity, confidence) for first, second in comparable]
    shown = [line for line in lines if line]
    few = [name for name in dict.fromkeys(name for pair in comparable for name in pair) if len(nets[name].done) < 2]
    missing = f"Nets with fewer than two runs are left out: {words.listed(map(escaped, few))}." if few else ""
    explained = "p is not corrected for the number of lines; *Claims* explains the pairing by seed."
    return Section(title, (table(shown), explained, missing) if shown else ())


def degradation(nets: Nets, confidence: float) -> Section:
    """Training error of each depth minus that of the shallowest, plain and residual."""
    depths = [ladders.main_nets(nets, kind) for kind in ("plain", "resnet")]
    pairs = [(names[0], name) for names in depths for name in names[1:]]
    return _section("Degradation: training error against depth", nets, pairs, "training_error", confidence)


def plain_and_residual(nets: Nets, confidence: float) -> Section:
    """Test error of each plain net minus that of the residual net of its depth."""
    pairs = [*_of_both_kinds(nets)]
    return _section("Plain nets against residual nets of their depth", nets, pairs, "test_error", confidence)


# Paired by image.


class Comparison(NamedTuple):
    """Second minus first: a difference of mean test errors in points, with its percentile interval over test sets."""

    first: str
    second: str
    value: float
    interval: Interval
    p: float
    """Two-sided."""
    images: int


def resampled_errors(wrong: NDArray[np.bool_], samples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Errors in % of runs over test sets drawn anew, with replacement, from the same images.

    Every run is measured on the same drawn set: what is compared is paired by image.

    Args:
        wrong: (images, runs), whether a run misclassified an image.
        samples: sets to draw.
        generator: the source of the draws.

    Returns:
        (samples, runs).
    """
    images = len(wrong)
    misses = wrong.astype(np.float32)  # sums of up to 2^24 images are exact
    parts = []
    for start in range(0, samples, CHUNK):
        sets = min(CHUNK, samples - start)
        drawn = generator.integers(0, images, (sets, images), dtype=np.int32)
        places = drawn + images * np.arange(sets, dtype=np.int32)[:, None]
        counts = np.bincount(places.ravel(), minlength=sets * images).reshape(sets, images)
        parts.append(counts.astype(np.float32) @ misses)
    return 100 * np.concatenate(parts).astype(np.float64) / images


def two_sided(differences: NDArray[np.float64]) -> float:
    """The p of resampled differences: twice the share on the rarer side of 0."""
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))


def by_image(nets: Nets, report: ReportParams) -> list[Comparison]:
    """Depths of a kind, and kinds of a depth, over the runs that have predictions."""
    depths = [ladders.main_nets(nets, kind) for kind in ("resnet", "plain")]
    pairs = [pair for names in depths for pair in (*pairwise(names), *((names[0], name) for name in names[2:]))]
    pairs += _of_both_kinds(nets)
    runs = [(name, run.predictions) for names in depths for name in names for run in nets[name].done]
    known = [(name, predictions) for name, predictions in runs if predictions is not None]
    if not known:
        return []
    wrong = np.stack([predictions[:, 0] != predictions[:, 1] for _, predictions in known], axis=1)
    resampled = resampled_errors(wrong, report.bootstrap_samples, np.random.default_rng(report.bootstrap_seed))
    measured, ends = 100 * wrong.mean(axis=0), [(1 - report.confidence) / 2, (1 + report.confidence) / 2]
    columns = {name: [k for k, (other, _) in enumerate(known) if other == name] for names in depths for name in names}
    compared = []
    for first, second in pairs:
        theirs, ours = columns[first], columns[second]
        if theirs and ours and not ladders.incomparable(nets[first], nets[second]):
            differences = resampled[:, ours].mean(axis=1) - resampled[:, theirs].mean(axis=1)
            value = float(measured[ours].mean() - measured[theirs].mean())
            low, high = map(float, np.quantile(differences, ends))
            compared.append(Comparison(first, second, value, Interval(low, high), two_sided(differences), len(wrong)))
    return compared


def images(nets: Nets, report: ReportParams) -> Section:
    """Test errors on resampled test sets."""
    compared, samples = by_image(nets, report), words.count(report.bootstrap_samples)
    lines: list[dict[str, Cell | str]] = [
        {
            "test error": f"{x.second} minus {x.first}",
            "points": Cell(f"{x.value:+.2f}", x.value),
            f"{100 * report.confidence:g} % interval, images": words.interval(x.interval),
            "p": Cell(words.p_value(x.p), x.p),
            "runs": f"{len(nets[x.second].done)} and {len(nets[x.first].done)}",
        }
        for x in compared
    ]
    explained = (
        f"{samples} test sets of {words.count(compared[0].images if compared else 0)} images, drawn with replacement "
        f"from the test set (seed {report.bootstrap_seed}), the same sets for every net. The interval is the test "
        "set's sampling alone: how these very nets would compare on other images of the kind, and not what other runs "
        "would give. Other draws move its ends in the second decimal. p is two-sided, is not corrected for the number "
        f"of rows, and cannot be below {2 / (report.bootstrap_samples + 1):.1g}."
    )
    return Section("Test error between depths, paired by image", (table(lines), explained) if lines else ())
