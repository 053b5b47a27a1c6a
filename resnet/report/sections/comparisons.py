"""Nets beside one another: depth against training error, test errors image by image, and ablations."""

from resnet.report.analysis.bootstrap import compare_images
from resnet.report.analysis.comparisons import Ablation, ablations, degradation
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import Markdown, code, escaped, table
from resnet.report.tables import Tables


def _not_run(names: list[str]) -> str:
    names = [escaped(name) for name in dict.fromkeys(names)]
    return f"\nNot compared, because no run is done: {words.listed(names)}.\n" if names else ""


def degradation_section(tables: Tables) -> Section:
    """Training error of each depth minus that of the shallowest."""
    level, changes = tables.params.report.confidence, degradation(tables)
    column, lines = words.confidence(level), []
    for change in changes:
        if change.welch:
            pairs = words.interval(change.paired.interval(level)) if change.paired else "not the same seeds"
            cells = {
                "training error": f"{change.second} minus {change.first}",
                "points": f"{change.welch.value:+.2f}",
                f"{column}, Welch": words.interval(change.welch.interval(level)),
                "p": words.p_value(change.welch.p),
                f"{column}, seed by seed": pairs,
                "seeds": change.welch.test.removeprefix("Welch's t, "),
            }
            lines.append(cells)
    unmet = {change.second: change.unmet for change in changes if change.unmet}
    missing = [name for reason in unmet.values() for name in reason.missing]
    others = [f"\n{escaped(n)}: not compared, {escaped(u.reason)}.\n" for n, u in unmet.items() if not u.missing]
    text = table(lines) + _not_run(missing) + "".join(others)
    return Section("Degradation: training error against depth", text if (tables.runs["status"] == "done").any() else "")


def images_section(tables: Tables) -> Section:
    """Test errors on resampled test sets."""
    report, lines = tables.params.report, []
    compared = compare_images(tables)
    for comparison in compared:
        cells = {
            "test error": f"{comparison.second} minus {comparison.first}",
            "points": f"{comparison.value:+.2f}",
            f"{words.confidence(report.confidence)}, images": words.interval(comparison.interval),
            "p": words.p_value(comparison.p),
            "seeds": " and ".join(map(str, comparison.seeds)),
        }
        lines.append(cells)
    explained = (
        f"\n{words.count(report.bootstrap_samples)} test sets of {words.count(compared[0].images)} images, drawn with "
        f"replacement from the test set (seed {report.bootstrap_seed}), the same sets for every net. The interval is the "
        "test set's sampling alone: how these very nets would compare on other images of the kind, and not what other "
        "seeds would give. p is two-sided, is not corrected for the number of rows, and cannot be below "
        f"{2 / (report.bootstrap_samples + 1):.1g}.\n"
        if compared
        else ""
    )
    return Section("Test error between depths, paired by image", table(lines) + explained)


def _changes(ablation: Ablation) -> Markdown:
    parts = ["pre-activation blocks"] if "net" in ablation.changes else []
    settings = {key: pair for key, pair in ablation.changes.items() if key not in ("net", "data")}
    parts += [
        f"{code(key)} {escaped(str(ours))} (not {escaped(str(theirs))})" for key, (ours, theirs) in settings.items()
    ]
    parts += ["other data or another split"] if "data" in ablation.changes else []
    return Markdown(words.listed(parts) or "nothing")


def ablations_section(tables: Tables) -> Section:
    """Every net with settings of its own beside the one without, and what that changes."""
    level, lines, missing = tables.params.report.confidence, [], []
    for ablation in ablations(tables):
        if ablation.error is None:
            missing.append(ablation.name)
            continue
        cells = {"test error, %": ablation.error, "of that, %": ablation.reference}
        points, difference = words.NONE, ablation.difference
        if difference:
            points = f"{difference.value:+.2f} ({words.interval(difference.interval(level))})"
        lines.append(
            {"net": ablation.name, "what is changed": _changes(ablation), "against": ablation.against}
            | {key: words.spread(x.mean, x.std, x.n) if x else "not run" for key, x in cells.items()}
            | {f"points ({words.confidence(level)}, Welch)": points}
        )
    text = table(lines, left=3) + _not_run(missing)
    return Section("Ablations", text if (tables.runs["status"] == "done").any() else "")
