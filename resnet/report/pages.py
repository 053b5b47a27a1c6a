"""summary.md: what was run, THE table, the figures, how to read them, and what made them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from resnet.records import System, TrainingRecord
from resnet.report.analysis.claims import claims, claims_section
from resnet.report.analysis.comparisons import (
    ablations_table,
    bootstrap_table,
    degradation_table,
    published_verdicts,
    variance_table,
)
from resnet.report.analysis.protocol import KEYS, row_differences, settings_of
from resnet.report.analysis.published import published
from resnet.report.sections.cost import frontiers_table
from resnet.report.sections.curves import aside
from resnet.report.sections.iterates import choices_table
from resnet.report.sections.latency import latency_section
from resnet.report.sections.responses import responses_table
from resnet.report.sections.results import (
    main_table,
    paper_error,
    published_table,
    seeds_table,
    shared_differences,
    unfinished,
)
from resnet.report.sections.roofline import limits_notes, limits_table, usual_loop_table
from resnet.report.style import words as text
from resnet.report.tables import NEUTRAL, Results, Row

TITLE = "# Depth and error of residual and plain nets (He et al., CVPR 2016, section 4.2)"

CAPTIONS = {
    "error-vs-iteration": "Training error (thin, dashed) and test error (bold), as in the paper's Figure 6.",
    "error-vs-depth": "Test error against depth.",
    "throughput-vs-depth": "Images/s against depth.",
    "responses": "How strongly the 3x3 layers respond, as in the paper's Figure 7.",
    "frontiers": "Test error against what it costs.",
    "roofline": "Achieved FLOP/s (median, bars: range of the repeats) and what a product and a copy reach there.",
    "latency-by-depth-cpu": "Where a forward and a backward pass spend their time on a CPU as depth grows.",
    "latency-by-depth-cuda": "Where a forward and a backward pass spend their time on a GPU as depth grows.",
}

ABSENT = {
    "error-vs-iteration": "learning curves (no training run has left one)",
    "error-vs-depth": "error against depth (no seed is done)",
    "throughput-vs-depth": "throughput (not measured)",
    "responses": "layer responses (not measured)",
    "frontiers": "error against cost (no seed is done)",
    "roofline": "roofline (not measured)",
    "latency-by-depth-cpu": "latency by depth on a CPU (not measured)",
    "latency-by-depth-cuda": "latency by depth on a GPU (not measured)",
}

HOW_TO_READ = (
    "Test error is the share of misclassified test images in %, of the last iterate, from a single view of "
    "each image, measured in fp32. Nothing is chosen on the test set; its curve is for plotting.",
    "Training error is that of the augmented mini-batches of the last epoch, as they were trained on.",
    "`8.51 ± 0.22 (n = 5)` is the mean and the sample standard deviation (divisor n - 1) over the n seeds "
    "that are done; one seed has no spread and is written `8.75 (n = 1)`. Seeds that diverged or have not "
    "finished do not enter the mean; they are counted under *seeds done*.",
    "The interval of a mean is Student's t, over seeds, cut at 0 and 100 %; that of a difference of means Welch's t.",
    "Multiply-adds are those of the convolutions and the fully connected layer, for one image.",
    "Images/s is the median over the repeats ± their standard deviation; training is augmentation, forward "
    "pass, backward pass and update, inference a forward pass in evaluation mode.",
    "Peak memory is that of the throughput measurement's training steps: on a GPU the most that the "
    "framework held, on a CPU the process's peak resident size. `(whole run)` marks the peak of the training "
    "runs, shown where no throughput was measured.",
    "Training time is wall-clock time of a whole run, evaluations included; seeds that trained side by side on one "
    "device each count all of it.",
)


def _names(rows: Sequence[Row], results: Results) -> str:
    """Name rows; `all nets` where they are all of the report's."""
    if 1 < len(rows) == len(results.rows):
        return "all nets"
    return text.listed([text.escaped(row.name) for row in rows])


def opening(results: Results) -> str:
    """What was run and on what data, in one paragraph."""
    rows = results.rows
    if not rows:
        return "The parameters name no net: there is nothing to report."
    planned = sum(len(row.seeds) for row in rows)
    done = sum(len(row.done) for row in rows)
    nets = f"{len(rows)} {'net' if len(rows) == 1 else 'nets'}"
    if not results.records:
        return f"{nets}, {text.count(planned)} training runs planned. **Nothing has been trained yet.**"
    described = []
    for data in results.data:
        name = f"official {data.name}" if data.official else text.escaped(data.name)
        described.append(
            f"{name} ({text.count(data.train_images)} training, {text.count(data.validation_images)} "
            f"validation and {text.count(data.test_images)} test images)"
        )
    runs = f"{text.count(done)} of {text.count(planned)} planned training runs are done"
    return f"{nets}; {runs}. Data: {text.listed(described)}."


def warnings(results: Results) -> list[str]:
    """What keeps the errors from being the paper's experiment, one Markdown paragraph each."""
    said = []
    if not results.official:
        others = [row for row in results.rows if any(not record.data.official for record in row.records)]
        names = text.listed(
            [text.escaped(name) for name in sorted({data.name for data in results.data if not data.official})]
        )
        said.append(
            f"**The data are {names}, not the official CIFAR-10: the errors of {_names(others, results)} "
            "are NOT comparable with the paper's.** The paper's and others' errors are therefore left out."
        )
    shared = shared_differences(results.rows)
    if shared:
        sentences = "; ".join(difference.sentence for difference in shared)
        if shared[0].key != "iterations":
            sentences = f"Not the paper's protocol: {sentences}"
        said.append(f"**{sentences}; errors are not the paper's experiment.**")
    by_sentence: dict[str, list[str]] = {}
    for row in results.rows:
        own = [difference for difference in row_differences(row) if difference not in shared]
        if own:
            sentences = "; ".join(difference.sentence for difference in own)
            sentences = sentences[0].lower() + sentences[1:]
            by_sentence.setdefault(sentences, []).append(row.name)
    for sentences, names_of in by_sentence.items():
        who, their = text.listed(names_of), "its" if len(names_of) == 1 else "their"
        said.append(f"**{who}: {sentences}; {their} errors are not the paper's experiment.**")
    return said


def _grouped(rows: Sequence[Row], key: Callable[[Row], str], results: Results) -> list[str]:
    """Write `all nets: bf16`, or one line for each value and the nets that it holds for."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return [f"{_names(members, results)}: {value}" for value, members in groups.items()]


def _conditions(row: Row) -> str:
    """Under which conditions images/s and memory were measured."""
    record = row.throughput
    assert record is not None, "rows without a measurement were left out"
    timings = (record.training, record.inference)

    def both(values: Iterable[int], one: str = "") -> str:
        numbers = list(dict.fromkeys(values))
        words = (f" {one}" if numbers == [1] else f" {one}s") if one else ""
        return " and ".join(map(text.count, numbers)) + words

    return (
        f"batch {both(timing.batch_size for timing in timings)}, {record.precision}, "
        f"{both((len(timing.step_seconds) for timing in timings), 'repeat')} of "
        f"{both((timing.steps for timing in timings), 'step')}, on {text.escaped(record.system.device_name)}"
    )


def _precision(row: Row) -> str:
    return text.listed(sorted({record.precision for record in row.records}))


def _trained_on(row: Row) -> str:
    return f"on {text.escaped(text.listed(row.training_devices))}"


def _seeds_planned(row: Row) -> str:
    return ", ".join(str(run.seed) for run in row.seeds)


def _about_the_paper(results: Results) -> list[str]:
    """What the paper's column leaves open."""
    figures = [figure for row in results.rows if (figure := paper_error(row))]
    said = []
    if any(figure.n is None for figure in figures):
        said.append("The paper's errors without an n are single figures: it gives no spread or number of runs.")
    said += [f"The paper on {figure.net}-{figure.depth}: {figure.note}" for figure in figures if figure.note]
    if any(row.net == "plain" for row in results.rows):
        said.append("The paper prints no test error for plain nets: they are in its Figure 6 only.")
    return said


def _status_lines(results: Results) -> list[str]:
    """Where the seeds stopped that are not done, of the rows that have others that are."""
    said = []
    for row in results.rows:
        missing = row.with_status("not run")
        stopped = unfinished(row) if row.done else []
        if missing and len(missing) < len(row.seeds):
            stopped.append(f"{text.seeds([run.seed for run in missing])} not run")
        if stopped:
            said.append(f"{row.name}: {'; '.join(stopped)}.")
    return said


def _details(title: str, content: str) -> str:
    return f"<details>\n<summary>{title}</summary>\n\n{content}\n</details>\n"


def _figures(results: Results, drawn: Sequence[str]) -> str:
    parts = []
    for name, caption in CAPTIONS.items():
        if name in drawn:
            parts.append(f"[![{caption}](figures/{name}.png)](figures/{name}.svg)\n\n{caption}\n")
    others = [f"{text.escaped(row.name)} ({text.count(row.iterations)} iterations)" for row in aside(results)]
    if others and ("error-vs-iteration" in drawn or "error-vs-depth" in drawn):
        parts.append(f"Of another length than most, and not in the figures of errors: {text.listed(others)}.\n")
    missing = [what for name, what in ABSENT.items() if name not in drawn]
    if missing:
        parts.append(f"Not drawn: {'; '.join(missing)}.\n")
    return "\n".join(parts)


def _number(value: object) -> str:
    return text.count(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _yes(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, _number(value)) if isinstance(value, bool) else _number(value)


def recipe_table(results: Results) -> str:
    """The base recipe of the parameters beside the paper's, and what single nets override."""
    paper, params = published().protocol, results.params
    warmup = paper.warmup
    said = {
        "model.shortcut": paper.shortcut,
        "data.validation": _number(paper.validation_images),
        "train.iterations": _number(paper.iterations),
        **{f"train.{key}": _number(getattr(paper, key)) for key in KEYS},
        "train.warmup": f"{warmup.net}-{warmup.depth} only",
        "train.warmup_learning_rate": str(warmup.learning_rate),
        "train.warmup_until_error": str(warmup.until_error),
    }
    rows = []
    for section in ("data", "model", "train"):
        values = params.model_dump(mode="json")[section]
        if section == "data":
            # Where the data lie on this machine says nothing about the result.
            values = {key: values[key] for key in ("validation", "split_seed")}
        for key, value in values.items():
            name = f"{section}.{key}"
            # What decides nothing about the result, such as how often to save, is not the paper's to say.
            paper_says = text.NONE if key in NEUTRAL else "not said"
            rows.append([f"`{name}`", text.escaped(_yes(value)), text.escaped(said.get(name, paper_says))])
    table = text.table(["parameter", "value", "the paper"], rows)
    overrides = []
    base = settings_of_base(results)
    for row in results.rows:
        own = {
            f"{section}.{key}": value
            for section, values in settings_of(row.settings).items()
            for key, value in values.items()
            if base[section][key] != value
        }
        if own:
            given = ", ".join(f"`{key}` {_yes(value)}" for key, value in own.items())
            overrides.append(f"{row.name}: {given}")
    return table + (f"\nOf single nets:\n\n{text.bullets(overrides)}" if overrides else "")


def settings_of_base(results: Results) -> dict[str, dict[str, object]]:
    dumped: dict[str, dict[str, object]] = results.params.model_dump(mode="json")
    return {section: dumped[section] for section in ("model", "train")}


def _machine(system: System) -> str:
    memory = f", {text.size(system.device_memory_bytes)}" if system.device_memory_bytes else ""
    device = f"{text.escaped(system.device_name)} ({system.device}{memory}); " if system.device != "cpu" else ""
    return (
        f"{device}{text.escaped(system.processor)}, {system.cores} cores, {system.threads} threads, "
        f"{text.size(system.memory_bytes)} of memory; {text.escaped(system.platform)}"
    )


def _versions(system: System) -> str:
    packages = [f"{name} {version}" for name, version in sorted(system.versions.items())]
    return text.escaped(", ".join([f"Python {system.python}", *packages]))


def _commit(system: System) -> str:
    if system.commit is None:
        return "outside a checkout"
    return f"`{system.commit}`" + (" **with uncommitted changes**" if system.modified else "")


def _made_by(results: Results) -> str:
    """Machines, versions and commits, each with the measurements that it made."""
    parts = []
    for heading, describe in (("Machines", _machine), ("Versions", _versions), ("Commits", _commit)):
        uses: dict[str, dict[str, list[str]]] = {}
        for row in results.rows:
            for kind, system in row.systems:
                names = uses.setdefault(describe(system), {}).setdefault(kind, [])
                if row.name not in names:
                    names.append(row.name)
        if not uses:
            continue
        lines = []
        for said, kinds in uses.items():
            where = "; ".join(f"{kind} of {text.listed(names)}" for kind, names in kinds.items())
            lines.append(f"{said}: {where}" if len(uses) > 1 else said)
        parts.append(f"**{heading}**\n\n{text.bullets(lines)}")
    return "\n".join(parts)


def _data_lines(results: Results) -> str:
    lines = []
    for data in results.data:
        name = f"{text.escaped(data.name)} ({'official' if data.official else 'not the official CIFAR-10'})"
        prints = ", ".join(f"{part} `{digest}`" for part, digest in sorted(data.fingerprint.items()))
        lines.append(
            f"{name}: SHA-256 of {prints}; validation images drawn with split seed {data.split_seed}, "
            f"`{data.split_fingerprint}`"
        )
    return text.bullets(lines)


def _runs_table(results: Results, link: str | None) -> str:
    """Every seed of every net with its status and its files."""
    rows = []
    for row in results.rows:
        for run in row.seeds:
            record = run.record
            if record is None:
                continue
            at = f"{text.count(record.iteration)} of {text.count(record.iterations)}"
            rows.append(
                [
                    text.escaped(row.name),
                    _file(run.file, link),
                    str(run.seed),
                    record.status,
                    at,
                    _percent(record.test_error),
                    _percent(record.training_error),
                    _percent(record.validation_error),
                    text.count(record.warmup_iterations) if record.warmup_iterations else text.NONE,
                    _rate(record),
                    text.duration(record.seconds),
                    f"`{record.identity.configuration[:12]}`, {record.identity.version}",
                ]
            )
    headings = [
        "net",
        "result file",
        "seed",
        "status",
        "iterations",
        "test error, %",
        "training error, %",
        "validation error, %",
        "warm-up iterations",
        "images/s",
        "time",
        "configuration, version",
    ]
    return text.table(headings, rows, left=2) if rows else ""


def _percent(value: float | None) -> str:
    return text.NONE if value is None else f"{value:.2f}"


def _rate(record: TrainingRecord) -> str:
    rate = record.images_per_second
    return text.NONE if rate is None else f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def _file(file: str, link: str | None) -> str:
    return f"`{file}`" if link is None else f"[{file}]({link}/{file})"


def _link(runs: Path, reports: Path) -> str | None:
    """The path from the reports to the runs if they lie side by side: a machine's paths stay out."""
    relative = Path(os.path.relpath(runs.resolve(), reports.resolve())).as_posix()
    steps = relative.split("/")
    return relative if steps.count("..") <= 1 and " " not in relative else None


def _forecast(results: Results) -> str:
    forecast = results.forecast
    if forecast is None:
        return ""
    left = sum(row.seeds_left for row in forecast.rows)
    if not left:
        return ""
    device = text.escaped(forecast.system.device_name)
    return (
        f"Forecast before the plan began, on {device}: {text.duration(3600 * forecast.hours)} for "
        f"{text.count(left)} training runs (limit {text.duration(3600 * forecast.limit_hours)}).\n"
    )


def comparison_sections(results: Results) -> list[str]:
    """How the rows compare with one another and with published figures; sections without content are left out."""
    if not any(row.done for row in results.rows):
        return []
    sections = {
        "Degradation: training error against depth": degradation_table(results),
        "Test error between depths, paired by image": bootstrap_table(results),
        "Ablations": ablations_table(results),
        "What depth buys": frontiers_table(results),
        "Layer responses": responses_table(results),
        "Where the variance over seeds comes from": variance_table(results),
        "Against published figures": published_verdicts(results),
        "Appendix: error by choice of the iterate": choices_table(results),
    }
    return [f"## {title}\n\n{content}" for title, content in sections.items() if content]


def published_weights_table(results: Results) -> str:
    """Others' weights as rows of their own; empty where none were given."""
    rows = [
        [
            text.escaped(found.name),
            f"{found.net}-{found.depth}, shortcut {found.shortcut}",
            text.count(found.parameters),
            f"{found.test_error:.2f}",
            f"{text.count(found.images)} of {'official CIFAR-10' if found.official else text.escaped(found.data)}",
            found.normalisation,
            text.escaped(found.source) or "not said",
        ]
        for found in (results.published.evaluations if results.published else ())
    ]
    headings = ["weights", "net", "parameters", "test error, %", "test images", "images prepared with", "source"]
    return text.table(headings, rows, left=2) if rows else ""


def _speed(results: Results, link: str | None) -> list[str]:
    """What was measured of speed besides images/s: distance from the limits, latency, the usual loop."""
    parts = []
    limits, latency = limits_table(results), latency_section(results, link)
    usual = usual_loop_table(results.usual_loop, link)
    if limits:
        parts.append(f"## Distance from the machine's limits\n\n{limits}\n{text.bullets(limits_notes(results))}")
    if latency:
        parts.append("## Latency by block\n\n" + latency)
    if usual:
        parts.append(
            "## Beside the usual PyTorch loop\n\nTraining with PIL transforms, a DataLoader with two workers and fp32, "
            "the same net and batch, measured in turn with this project's loop in one process; images/s are medians ± "
            "standard deviation over the rounds, the ratio is the median (and range) of the rounds' ratios.\n\n" + usual
        )
    return parts


def summary(results: Results, drawn: Sequence[str], runs: Path, reports: Path) -> str:
    """Write the summary in Markdown.

    Args:
        results: what was read.
        drawn: names of the figures that were written to `figures/`.
        runs: the folder of result files.
        reports: the folder that the summary goes to; links are relative to it.
    """
    link = _link(runs, reports)
    parts = [TITLE, opening(results), *warnings(results)]
    if not results.rows:
        return "\n\n".join(parts) + "\n"
    parts.append("## Results\n\n" + main_table(results, with_paper=results.official))
    timed = [row for row in results.rows if row.throughput]
    trained = [row for row in results.rows if row.seconds]
    conditions = [f"Images/s and memory of {line}." for line in _grouped(timed, _conditions, results)]
    conditions += [f"Training time of {line}." for line in _grouped(trained, _trained_on, results)]
    notes = [*_status_lines(results), *results.remarks, *conditions]
    if results.official:
        notes += _about_the_paper(results)
    if notes:
        parts.append(text.bullets(notes))
    parts.append(
        "The same in full precision: [table.csv](table.csv), [metrics.json](metrics.json), "
        "[errors.csv](errors.csv), [curves.csv](curves.csv)."
    )
    parts.append("## Claims\n\n" + claims_section(results, claims(results)))
    seeds = seeds_table(results)
    if seeds:
        parts.append("## Seed by seed\n\n" + seeds)
    parts += comparison_sections(results)
    weights = published_weights_table(results)
    if weights:
        parts.append("## Published weights evaluated here\n\n" + weights)
    parts.append("## Figures\n\n" + _figures(results, drawn))
    parts += _speed(results, link)
    if results.official:
        others = published_table(results)
        if others:
            parts.append(
                "## Published elsewhere\n\nNot measured here; conditions as their authors state them.\n\n" + others
            )
    parts.append("## How to read this\n\n" + text.bullets(HOW_TO_READ))
    parts.append("## What made it")
    trained = [row for row in results.rows if row.records]
    if trained:
        parts.append("**Data**\n\n" + _data_lines(results))
        parts.append(
            "**Precision of training** (final errors are measured in fp32)\n\n"
            + text.bullets(_grouped(trained, _precision, results))
        )
    parts.append("**Seeds planned**\n\n" + text.bullets(_grouped(results.rows, _seeds_planned, results)))
    made_by = _made_by(results)
    if made_by:
        parts.append(made_by)
    forecast = _forecast(results)
    if forecast:
        parts.append(forecast)
    parts.append(_details("Recipe: the parameters beside the paper", recipe_table(results)))
    runs_table = _runs_table(results, link)
    if runs_table:
        parts.append(_details("Every training run", runs_table))
    files = [
        f"{text.escaped(row.name)}: " + ", ".join(_file(file, link) for file in row.files)
        for row in results.rows
        if row.files
    ]
    if files:
        parts.append(_details("Result files of each row", text.bullets(files)))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
