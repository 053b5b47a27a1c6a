"""Nets beside one another: depth against training error, test errors image by image, and ablations."""

from resnet.report import words
from resnet.report.analysis.bootstrap import compare_images
from resnet.report.analysis.comparisons import Ablation, ablations
from resnet.report.analysis.degradation import degradation
from resnet.report.markdown import Markdown, code, escaped, table
from resnet.report.samples import Difference
from resnet.report.style import Section
from resnet.report.tables import Tables


def _not_run(names: list[str]) -> str:
    listed = words.listed(dict.fromkeys(map(escaped, names)))
    return f"\nNot compared, because no run is done: {listed}.\n" if names else ""


def degradation_section(tables: Tables) -> Section:
    """Training error of each depth minus that of the shallowest."""
    level, lines = tables.params.report.confidence, []
    missing, others = list[str](), list[str]()
    for change in degradation(tables):
        if change.unmet:
            missing += change.unmet.missing
            reason = f"\n{escaped(change.second)}: not compared, {escaped(change.unmet.reason)}.\n"
            others += [] if change.unmet.missing else [reason]
        elif change.welch:
            by_seed = words.interval(change.paired.interval(level)) if change.paired else "not paired"
            lines.append(
                {
                    "training error": f"{change.second} minus {change.first}",
                    "points": f"{change.welch.value:+.2f}",
                    f"{100 * level:g} % interval, Welch": words.interval(change.welch.interval(level)),
                    "p": words.p_value(change.welch.p),
                    f"{100 * level:g} % interval, seed by seed": by_seed,
                    "seeds": change.welch.test.removeprefix("Welch's t, "),
                }
            )
    explained = (
        "\np is not corrected for the number of lines; verdicts stand under *Claims*. Seed by seed: differences of the "
        "same seed number, which shares its batches and nothing else.\n"
    )
    text = table(lines) + (explained if lines else "") + _not_run(missing) + "".join(others)
    return Section("Degradation: training error against depth", text if "done" in set(tables.runs["status"]) else "")


def images_section(tables: Tables) -> Section:
    """Test errors on resampled test sets."""
    report, compared = tables.params.report, compare_images(tables)
    lines = [
        {
            "test error": f"{x.second} minus {x.first}",
            "points": f"{x.value:+.2f}",
            f"{100 * report.confidence:g} % interval, images": words.interval(x.interval),
            "p": words.p_value(x.p),
            "seeds": f"{x.seeds[1]} and {x.seeds[0]}",
        }
        for x in compared
    ]
    samples, images = words.count(report.bootstrap_samples), words.count(compared[0].images if compared else 0)
    explained = (
        f"\n{samples} test sets of {images} images, drawn with replacement from the test set (seed "
        f"{report.bootstrap_seed}), the same sets for every net. The interval is the test set's sampling alone: how "
        "these very nets would compare on other images of the kind, and not what other seeds would give. p is "
        "two-sided, is not corrected for the number of rows, and cannot be below "
        f"{2 / (report.bootstrap_samples + 1):.1g}.\n"
    )
    return Section("Test error between depths, paired by image", table(lines) + explained if lines else "")


def _changes(ablation: Ablation) -> Markdown:
    parts = ["pre-activation blocks"] if "net" in ablation.changes else []
    settings = ((key, *pair) for key, pair in ablation.changes.items() if key not in ("net", "data"))
    parts += [
        f"{code(key)} {escaped(words.setting(ours))} (not {escaped(words.setting(theirs))})"
        for key, ours, theirs in settings
    ]
    parts += ["other data or another split"] if "data" in ablation.changes else []
    return Markdown(words.listed(parts) or "nothing")


def ablations_section(tables: Tables) -> Section:
    """Every net with settings of its own beside the one without, and what that changes."""
    level, compared = tables.params.report.confidence, ablations(tables)

    def points(difference: Difference | None) -> str:
        return words.difference(difference.value, difference.interval(level)) if difference else words.NONE

    lines = [
        {
            "net": x.name,
            "what is changed": _changes(x),
            "against": x.base,
            "test error, %": words.sample(x.error),
            "of that, %": words.sample(x.base_error, "not run"),
            f"points ({100 * level:g} % interval, Welch)": points(x.difference),
        }
        for x in compared
        if x.error
    ]
    text = table(lines, left=3) + _not_run([x.name for x in compared if not x.error])
    return Section("Ablations", text if "done" in set(tables.runs["status"]) else "")
