"""Test errors compared on resampled test sets: the sampling of images alone, for the nets as they were trained."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from resnet.report.analysis.comparisons import depth_pairs
from resnet.report.analysis.nets import incomparable, main_nets
from resnet.report.samples import Interval
from resnet.report.tables import Tables

CHUNK = 250
"""Resampled test sets drawn at once: 10 MB of counts for 10,000 images."""


class Comparison(NamedTuple):
    """Second minus first: a difference of mean test errors in points, with its percentile interval over test sets."""

    first: str
    second: str
    value: float
    interval: Interval
    p: float
    """Two-sided."""
    seeds: tuple[int, int]
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
    """The p of resampled differences: twice the share that lies on the rarer side of 0."""
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))


def compare_images(tables: Tables) -> list[Comparison]:
    """Depths of a kind, and kinds of a depth, over the runs that have predictions of the same test set."""
    report, nets = tables.params.report, {kind: main_nets(tables, kind) for kind in ("resnet", "plain")}
    names = [name for kind in nets.values() for name in kind if not tables.net(name).mixed]
    done = {(name, seed) for name in names for seed in tables.seeds(name, "done")["seed"]}
    runs = {run: part for run, part in tables.predictions.groupby(["name", "seed"], sort=False) if run in done}
    ordered = [run for name in names for run in runs if run[0] == name]
    if not ordered:
        return []
    labels = runs[ordered[0]]["label"].to_numpy()
    alike = [run for run in ordered if np.array_equal(runs[run]["label"], labels)]
    wrong = np.stack([(runs[run]["label"] != runs[run]["predicted"]).to_numpy() for run in alike], axis=1)
    errors = resampled_errors(wrong, report.bootstrap_samples, np.random.default_rng(report.bootstrap_seed))
    measured = 100 * wrong.mean(axis=0)
    columns = {name: [place for place, run in enumerate(alike) if run[0] == name] for name in names}
    pairs = [pair for kind in nets.values() for pair in depth_pairs(kind)]
    depth = tables.nets["depth"]
    pairs += [(a, b) for a in nets["resnet"] for b in nets["plain"] if depth[a] == depth[b]]
    comparisons = []
    for pair in pairs:
        first, second = (columns.get(name, []) for name in pair)
        if first and second and not incomparable(tables, *pair):
            differences = errors[:, second].mean(axis=1) - errors[:, first].mean(axis=1)
            low, high = np.quantile(differences, [(1 - report.confidence) / 2, (1 + report.confidence) / 2])
            value = float(measured[second].mean() - measured[first].mean())
            seeds = tuple(len(tables.seeds(name, "done")) for name in pair)
            interval = Interval(float(low), float(high))
            comparisons.append(Comparison(*pair, value, interval, two_sided(differences), seeds, len(labels)))  # type: ignore[arg-type]
    return comparisons
