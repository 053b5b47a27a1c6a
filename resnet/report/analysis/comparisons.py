"""Rows compared with one another and with what others published, and where the variance comes from.

Which rows may be compared is decided here: nets trained on the same data with the same settings, apart
from their depth, the warm-up that the paper gives to some depths, and what is being compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from resnet.report.analysis.protocol import Difference as ProtocolDifference
from resnet.report.analysis.protocol import row_differences
from resnet.report.analysis.published import PublishedError, published
from resnet.report.analysis.statistics import Difference, Interval, Sample, one_sample, paired, welch, welch_from
from resnet.report.style import words as text
from resnet.report.tables import Results, Row, flattened, ran_with

DEEPEST = 110
"""The deepest net that the paper's claims of falling error are about: ResNet-1202 it calls worse."""

SOURCES_OF_RANDOMNESS = ("train.initialisation_seed", "train.order_seed")

OF_THE_NET = ("model.shortcut", "model.zero_padding")
"""Settings that mean nothing for a plain net."""


def configuration(row: Row) -> dict[str, object]:
    """The settings of a row's runs, with precision and data; where nothing has run, of the parameters.

    Neutral ones are left out, and those of another kind of net.
    """
    if not row.records:
        settings = flattened(row.settings.model_dump(mode="json"))
    else:
        record = row.records[0]
        settings = flattened(row.settings.model_dump(mode="json")) | ran_with(record)
        settings |= {"data": (record.data.name, record.data.split_fingerprint)}
    return {key: value for key, value in settings.items() if row.net != "plain" or key not in OF_THE_NET}


def incomparable(first: Row, second: Row) -> list[str]:
    """The settings other than the warm-up in which the runs of two rows differ; shortcuts only between alike nets."""
    ours, theirs = configuration(first), configuration(second)
    return sorted(
        key
        for key in ours.keys() | theirs.keys()
        if ours.get(key) != theirs.get(key)
        and not key.startswith("train.warmup")
        and not (key in OF_THE_NET and first.net != second.net)
    )


def main_row(results: Results, net: str, depth: int) -> Row | None:
    """The row that stands for a net: of several of its depth, the first without settings of its own."""
    rows = [row for row in results.rows if (row.net, row.depth) == (net, depth)]

    def own(row: Row) -> int:
        entry = results.params.models[row.name]
        overrides = {*entry.model, *entry.train} - {"seeds", "device"}
        return sum(not key.startswith("warmup") for key in overrides)

    return min(rows, key=own, default=None)


def main_rows(results: Results, net: str) -> list[Row]:
    """One row a depth, by depth."""
    depths = sorted({row.depth for row in results.rows if row.net == net})
    return [row for depth in depths if (row := main_row(results, net, depth))]


def depth_pairs(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Each depth with the next, and the shallowest with each of the others."""
    steps = list(pairwise(rows))
    return steps + [(rows[0], row) for row in rows[2:]]


# Training error: degradation


class Change(NamedTuple):
    """How a quantity of a row differs from that of another; `why_not` where that cannot be told."""

    first: Row
    second: Row
    """The change is the second's mean minus the first's."""
    welch: Difference | None
    paired: Difference | None
    """The same seed by seed, where both have the same seeds."""
    why_not: str


def _missing(row: Row) -> str:
    return f"{row.name} not run" if not row.records else f"no seed of {row.name} done"


def change(first: Row, second: Row, quantity: Literal["test_error", "training_error"]) -> Change:
    """Second minus first, in points."""
    ours: Sample | None = getattr(second, quantity)
    theirs: Sample | None = getattr(first, quantity)
    mixed = [row for row in (first, second) if row.mixed]
    missing = [row for row in (first, second) if not row.done]
    if mixed:
        return Change(first, second, None, None, f"the seeds of {mixed[0].name} have different settings")
    if missing or ours is None or theirs is None:
        return Change(first, second, None, None, f"runs missing: {'; '.join(map(_missing, missing))}")
    differing = incomparable(first, second)
    if differing:
        return Change(first, second, None, None, f"the runs differ in {text.listed(differing)}")
    single = [row.name for row, values in ((first, theirs), (second, ours)) if values.n < 2]
    if single:
        return Change(first, second, None, None, f"one seed of {text.listed(single)} shows no spread")
    same_seeds = [record.seed for record in first.done] == [record.seed for record in second.done]
    by_seed = paired(ours.values, theirs.values) if same_seeds else None
    found = welch(ours, theirs)
    return Change(first, second, found, by_seed, "" if found else "the seeds do not differ at all")


def _limits(interval: Interval, decimals: int = 2) -> str:
    return f"{interval.low:+.{decimals}f} to {interval.high:+.{decimals}f}"


def p_value(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def degradation_table(results: Results) -> str:
    """Training error of each depth minus that of the shallowest, plain and residual; empty without a pair."""
    confidence = results.params.report.confidence
    rows = []
    for net in ("plain", "resnet"):
        nets = main_rows(results, net)
        for deeper in nets[1:]:
            found = change(nets[0], deeper, "training_error")
            name = f"{text.escaped(deeper.name)} minus {text.escaped(nets[0].name)}"
            if found.welch is None:
                rows.append([name, f"not measured ({found.why_not})", *[text.NONE] * 4])
                continue
            pairs = _limits(found.paired.interval(confidence)) if found.paired else "not the same seeds"
            limits = _limits(found.welch.interval(confidence))
            rows.append(
                [
                    name,
                    f"{found.welch.value:+.2f}",
                    limits,
                    p_value(found.welch.p),
                    pairs,
                    found.welch.test.removeprefix("Welch's t, "),
                ]
            )
    percent = f"{100 * confidence:g} % interval"
    headings = ["training error", "points", f"{percent}, Welch", "p", f"{percent}, seed by seed", "seeds"]
    return text.table(headings, rows) if rows else ""


# Test error: the paired bootstrap


class Resampled(NamedTuple):
    """Test errors in % over resampled test sets."""

    columns: dict[tuple[str, int], int]
    """(Row, seed) to its column."""
    errors: NDArray[np.float64]
    """(samples, columns): each run's error on each resampled test set."""
    measured: NDArray[np.float64]
    """(columns,): on the test set itself."""
    images: int


CHUNK = 250
"""Resampled test sets drawn at once: 10 MB of counts for 10,000 images."""


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


def resample(results: Results) -> Resampled | None:
    """Draw test sets for all runs of the main rows that have predictions of the same test set; None without."""
    rows = [row for net in ("resnet", "plain") for row in main_rows(results, net) if not row.mixed]
    held = [
        ((row.name, run.seed), run.predictions)
        for row in rows
        for run in row.seeds
        if run.status == "done" and run.predictions is not None
    ]
    if not held:
        return None
    labels = held[0][1][:, 0]
    held = [(key, array) for key, array in held if np.array_equal(array[:, 0], labels)]
    wrong = np.stack([array[:, 0] != array[:, 1] for _, array in held], axis=1)
    report = results.params.report
    generator = np.random.default_rng(report.bootstrap_seed)
    errors = resampled_errors(wrong, report.bootstrap_samples, generator)
    columns = {key: column for column, (key, _) in enumerate(held)}
    return Resampled(columns, errors, 100 * wrong.mean(axis=0), len(labels))


class Bootstrap(NamedTuple):
    """A difference of mean test errors in points, with percentile intervals."""

    value: float
    images: Interval
    """Over test sets, for these very trained nets."""
    both: Interval
    """Over test sets and seeds."""
    p: float
    """Two-sided, over test sets."""
    p_both: float


def _two_sided(differences: NDArray[np.float64]) -> float:
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))


def bootstrap(resampled: Resampled, first: Row, second: Row, confidence: float, seed: int) -> Bootstrap | None:
    """Second minus first: mean over seeds of the test error; None where either has no predictions.

    The resampled seeds are drawn for each net on its own, those of a set of images with it.
    """
    columns = [
        [resampled.columns[row.name, run.seed] for run in row.seeds if (row.name, run.seed) in resampled.columns]
        for row in (first, second)
    ]
    if not all(columns):
        return None
    generator = np.random.default_rng([seed, first.depth, second.depth])

    def seeds_mean(places: list[int]) -> NDArray[np.float64]:
        errors = resampled.errors[:, places]
        drawn = generator.integers(0, len(places), errors.shape)
        mean: NDArray[np.float64] = np.take_along_axis(errors, drawn, axis=1).mean(axis=1)
        return mean

    def interval(differences: NDArray[np.float64]) -> Interval:
        low, high = np.quantile(differences, [(1 - confidence) / 2, (1 + confidence) / 2])
        return Interval(float(low), float(high))

    of_first, of_second = columns
    over_images = resampled.errors[:, of_second].mean(axis=1) - resampled.errors[:, of_first].mean(axis=1)
    over_both = seeds_mean(of_second) - seeds_mean(of_first)
    value = float(resampled.measured[of_second].mean() - resampled.measured[of_first].mean())
    return Bootstrap(value, interval(over_images), interval(over_both), _two_sided(over_images), _two_sided(over_both))


def bootstrap_table(results: Results) -> str:
    """Test error between depths, and plain against residual, by resampling images; empty without predictions."""
    resampled = resample(results)
    if resampled is None:
        return ""
    report = results.params.report
    nets = {net: main_rows(results, net) for net in ("resnet", "plain")}
    pairs = [pair for rows in nets.values() if rows for pair in depth_pairs(rows)]
    pairs += [(a, b) for a in nets["resnet"] for b in nets["plain"] if a.depth == b.depth]
    rows = []
    for first, second in pairs:
        if incomparable(first, second):
            continue
        found = bootstrap(resampled, first, second, report.confidence, report.bootstrap_seed)
        if found is None:
            continue
        several = min(len(first.done), len(second.done)) > 1
        rows.append(
            [
                f"{text.escaped(second.name)} minus {text.escaped(first.name)}",
                f"{found.value:+.2f}",
                _limits(found.images),
                p_value(found.p),
                _limits(found.both) if several else text.NONE,
                p_value(found.p_both) if several else text.NONE,
                f"{len(first.done)} and {len(second.done)}",
            ]
        )
    if not rows:
        return ""
    percent = f"{100 * report.confidence:g} % interval"
    headings = ["test error", "points", f"{percent}, images", "p", f"{percent}, images and seeds", "p", "seeds"]
    return (
        text.table(headings, rows)
        + f"\n{text.count(report.bootstrap_samples)} test sets of {text.count(resampled.images)} images, drawn with "
        f"replacement from the test set (seed {report.bootstrap_seed}), the same sets for every net. *Images* is the "
        "test set's sampling alone: how these very nets would compare on other images of the kind. It does not cover "
        "what other seeds would give; *images and seeds* draws the seeds anew too, from the few that there are. p is "
        "two-sided, not corrected for the number of rows, and cannot be below "
        f"{2 / (report.bootstrap_samples + 1):.1g}.\n"
    )


# Published values


class Verdict(NamedTuple):
    word: Literal["equivalent", "different", "inside", "undecided"]
    difference: Difference
    equivalence_p: float


def against(values: Sample, figure: PublishedError, confidence: float, margin: float) -> Verdict | None:
    """Judge a published error against ours; None where we have one seed, or seeds without spread.

    `equivalent`: within the margin by two one-sided tests. `different`: not so, and the interval of the
    difference leaves 0 out. `inside`: neither, and the published mean lies in our interval. Else `undecided`.
    """
    if values.std is None:
        return None
    if figure.std is not None and figure.n is not None and figure.n > 1:
        found = welch_from((values.mean, values.std, values.n), (figure.error, figure.std, figure.n))
    else:
        found = one_sample(values, figure.error)
    limits = values.interval(confidence)
    if found is None or limits is None:
        return None
    level, equivalence = 1 - confidence, found.equivalence_p(margin)
    if equivalence < level:
        word: Literal["equivalent", "different", "inside", "undecided"] = "equivalent"
    elif found.p < level:
        word = "different"
    else:
        word = "inside" if limits.low <= figure.error <= limits.high else "undecided"
    return Verdict(word, found, equivalence)


def _off_protocol(row: Row) -> list[ProtocolDifference]:
    # Others train on 45k or 50k images: that is said beside the figure, and is no other schedule.
    return [difference for difference in row_differences(row) if difference.key not in ("split", "shortcut")]


def _alike(row: Row) -> Iterator[PublishedError]:
    """The published figures of the same net with the same shortcut."""
    known = published()
    for figure in known.errors_of(row.net, row.depth):
        shortcut = "none" if figure.net == "plain" else figure.shortcut or known.sources[figure.source].shortcut
        if shortcut == row.shortcut:
            yield figure


def published_verdicts(results: Results) -> str:
    """Every published figure beside ours with one word and its numbers; a sentence where that does not apply."""
    trained = [row for row in results.rows if row.done]
    if not trained:
        return ""
    fitting = [row for row in trained if not row.mixed and not _off_protocol(row)]
    if not results.official or not fitting:
        why = "other data than the official CIFAR-10" if not results.official else "another schedule than the paper's"
        return f"Does not apply: these are runs on {why}; nothing published is comparable.\n"
    report, known = results.params.report, published()
    rows = []
    for row in fitting:
        values = row.test_error
        for figure in _alike(row):
            theirs = text.spread(figure.error, figure.std, figure.n)
            images = known.sources[figure.source].training_images
            if images is not None and images != row.done[0].data.train_images:
                theirs += f", {images // 1000}k images"
            verdict = against(values, figure, report.confidence, report.margin) if values else None
            cells = [text.escaped(row.name), figure.source, theirs, text.error(values) if values else text.NONE]
            if verdict is None:
                rows.append([*cells, "undecided (one seed shows no spread)", *[text.NONE] * 3])
                continue
            found = verdict.difference
            rows.append(
                [
                    *cells,
                    f"**{verdict.word}**",
                    f"{found.value:+.2f} ({_limits(found.interval(report.confidence))})",
                    f"{p_value(found.p)}, {p_value(verdict.equivalence_p)}",
                    found.test,
                ]
            )
    if not rows:
        return ""
    headings = ["net", "source", "published, %", "ours, %", "verdict", "ours minus theirs", "p of difference, of TOST"]
    percent = f"{100 * report.confidence:g} %"
    left_out = [row.name for row in trained if row not in fitting]
    said = (
        f"*equivalent*: less than {report.margin:g} points apart, by two one-sided tests; *different*: not so, and the "
        f"{percent} interval of the difference leaves 0 out; *inside*: neither, and the published mean lies in our "
        f"{percent} interval, which a wide interval makes easy; *undecided*: none of these. A published figure "
        "without a spread is taken as exact, though another seed would have given another: *different* says less "
        "there. Others' conditions are listed below.\n"
    )
    if left_out:
        said += f"\nDoes not apply to {text.listed(left_out)}: not the paper's schedule, or mixed settings.\n"
    return text.table([*headings, "test"], rows, left=2) + "\n" + said


# Where the variance comes from


def _fixed(row: Row) -> tuple[bool, bool]:
    """Whether the initialisation and the data order are the same for all seeds of a row."""
    found = configuration(row)
    first, second = (found.get(key) is not None for key in SOURCES_OF_RANDOMNESS)
    return first, second


def _families(rows: Iterable[Row]) -> list[dict[tuple[bool, bool], Row]]:
    """Rows of one net that differ in nothing but what is fixed, keyed by that."""
    families: dict[str, dict[tuple[bool, bool], Row]] = {}
    for row in rows:
        rest = {key: value for key, value in configuration(row).items() if key not in SOURCES_OF_RANDOMNESS}
        key = repr((row.net, row.depth, sorted(rest.items())))
        families.setdefault(key, {}).setdefault(_fixed(row), row)
    return list(families.values())


def variance_table(results: Results) -> str:
    """The variance over seeds split into initialisation, data order and the rest.

    With V all that varies, V(order) at a fixed initialisation and V(initialisation) at a fixed order, the
    initialisation's part is V - V(order), the order's V - V(initialisation), and the rest, which is their
    interaction and whatever is not reproducible, what is left of V.
    """
    families = _families(row for row in results.rows if row.done and not row.mixed)
    if not any(row.test_error and row.test_error.std is not None for family in families for row in family.values()):
        return "Not enough runs: no net has two seeds.\n"
    confidence = results.params.report.confidence
    names = {
        (False, False): "all",
        (True, False): "data order (initialisation fixed)",
        (False, True): "initialisation (data order fixed)",
        (True, True): "nothing (both fixed)",
    }
    rows, splits = [], []
    for family in families:
        if len(family) == 1 and (False, False) in family:
            continue
        variances = {}
        for fixed, row in sorted(family.items()):
            values = row.test_error
            if values is None or values.std is None:
                continue
            limits = values.variance_interval(confidence)
            variances[fixed] = values.std**2
            said = f"{limits.low:.4f} to {limits.high:.4f}" if limits else text.NONE
            rows.append(
                [text.escaped(row.name), names[fixed], f"{values.std:.3f}", f"{values.std**2:.4f}", said, str(values.n)]
            )
        splits.append(_split(family, variances))
    if not rows:
        return (
            "Not enough runs: the split needs runs of one net with `train.initialisation_seed` fixed and others with "
            "`train.order_seed` fixed, two seeds each at least.\n"
        )
    headings = ["net", "what varies over the seeds", "std", "variance", f"{100 * confidence:g} % interval", "n"]
    return text.table(headings, rows, left=2) + "\n" + text.bullets(splits)


def _split(family: dict[tuple[bool, bool], Row], variances: dict[tuple[bool, bool], float]) -> str:
    name = next(iter(family.values()))
    of = f"{name.net}-{name.depth}"
    total, order, initialisation = (variances.get(key) for key in ((False, False), (True, False), (False, True)))
    if total is None or order is None or initialisation is None:
        return f"{of}: not enough runs for the split."
    parts = {"initialisation": total - order, "data order": total - initialisation}
    parts["the rest"] = total - sum(parts.values())
    said = ", ".join(f"{what} {part:+.4f}" for what, part in parts.items())
    warning = " A negative part means that the seeds are too few to tell." if min(parts.values()) < 0 else ""
    return f"{of}: of a variance of {total:.4f}, {said}.{warning}"


# Ablations


def ablations_table(results: Results) -> str:
    """Every net with settings of its own beside the one without, and what that changes; empty without any."""
    confidence = results.params.report.confidence
    rows = []
    for row in results.rows:
        base = main_row(results, "resnet" if row.net == "preact" else row.net, row.depth)
        if base is None or base is row:
            continue
        ours, theirs = configuration(row), configuration(base)
        keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        if not (row.records and base.records):  # what only a run knows is not yet a difference
            keys = [key for key in keys if key != "data" and "auto" not in (ours.get(key), theirs.get(key))]
        said = ["pre-activation blocks"] if row.net != base.net else []
        said += [f"`{key}` {ours.get(key)} (not {theirs.get(key)})" for key in keys if key != "data"]
        said += ["other data or another split"] if "data" in keys else []
        values, reference = row.test_error, base.test_error
        found = welch(values, reference) if values and reference else None
        points = f"{found.value:+.2f} ({_limits(found.interval(confidence))})" if found else text.NONE
        cells = [text.error(values) if values else "not run", text.error(reference) if reference else "not run"]
        changed = text.listed(said) or "nothing"
        rows.append([text.escaped(row.name), changed, text.escaped(base.name), *cells, points])
    headings = ["net", "what is changed", "against", "test error, %", "of that, %"]
    return text.table([*headings, f"points ({100 * confidence:g} % interval, Welch)"], rows, left=3) if rows else ""
