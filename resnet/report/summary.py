"""`summary.md`: one page that says what was run, what came of it, and what made it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resnet.params import Params
from resnet.records import DataRecord, System
from resnet.report.collect import Row
from resnet.report.published import published
from resnet.report.statistics import Spread

CAPTIONS = {
    "error-vs-iteration": "Error against iterations, after Figure 6: training error dashed, test error bold.",
    "error-vs-depth": "Test error against depth: a dot a seed, mean and standard deviation over seeds.",
    "throughput-vs-depth": "Images per second against depth.",
}


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns of numbers are aligned right."""
    lines = [headings, ["---", *("---:" for _ in headings[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bytes(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _data_records(rows: Sequence[Row]) -> list[DataRecord]:
    found = [run.record.data for row in rows for run in row.runs]
    return list({record.model_dump_json(): record for record in found}.values())


def _is_official(rows: Sequence[Row]) -> bool:
    return all(record.official for record in _data_records(rows))


# --- Sections -------------------------------------------------------------------------------------


def _opening(rows: Sequence[Row]) -> list[str]:
    trained = [row for row in rows if row.runs]
    lines = [
        "# Test error against depth",
        "",
        "Residual and plain nets of 6n + 2 layers, after section 4.2 of He et al., *Deep Residual Learning "
        "for Image Recognition* (CVPR 2016).",
        "",
    ]
    if not trained:
        lines += ["**Nothing has been trained yet.** Every net of the plan keeps its row below.", ""]
        return lines
    for record in _data_records(rows):
        counts = (
            f"{record.train_images:,} training, {record.validation_images:,} validation and "
            f"{record.test_images:,} test images"
        )
        if record.official:
            lines += [f"Data: **official CIFAR-10** (fingerprints below), {counts}.", ""]
        else:
            lines += [
                f"Data: **{record.name}**, {counts}. **This is not CIFAR-10: errors are not comparable with "
                "the paper's.**",
                "",
            ]
    groups: dict[str, list[str]] = {}
    for row in trained:
        if row.deviations():
            groups.setdefault("; ".join(row.deviations()), []).append(row.name)
    if groups:
        lines += ["**† Not the paper's protocol:**", ""]
        lines += [f"- {', '.join(names)}: {words}." for words, names in groups.items()]
        lines.append("")
    return lines


def _test_error(row: Row) -> str:
    found, status = row.test_error, row.status()
    if found is None:
        return status
    return str(found) if status == "done" else f"{found}; {status}"


def _error(found: Spread | None) -> str:
    return "not run" if found is None else f"{found.mean:.2f}" + (f" ± {found.std:.2f}" if found.std else "")


def _results(rows: Sequence[Row]) -> list[str]:
    official = _is_official(rows)
    dagger = {row.name for row in rows if row.deviations()}
    batches = sorted({row.throughput.training.batch_size for row in rows if row.throughput})
    cells = []
    for row in rows:
        description, throughput = row.description, row.throughput
        paper = published().paper_error(row.name)
        seconds = row.over_seeds(lambda record: record.seconds)
        rates = [
            f"{timing.images_per_second:,.0f} ± {timing.images_per_second_std:,.0f}"
            for timing in ((throughput.training, throughput.inference) if throughput else ())
        ] or ["not run", "not run"]
        cells.append(
            [
                f"{row.name}{'†' if row.name in dagger else ''}",
                f"{description.parameters:,}" if description else "not run",
                published().parameters.get(row.name, "–"),
                f"{description.multiply_adds / 1e6:,.2f}M" if description else "not run",
                _test_error(row),
                *([str(paper) if paper else "–"] if official else []),
                _error(row.training_error),
                *rates,
                _bytes(throughput.training.peak_memory_bytes) if throughput else "not run",
                _duration(seconds.mean) if seconds else "not run",
            ]
        )
    headings = ["net", "parameters", "paper", "multiply-adds", "test error, %"]
    headings += ["paper, %"] if official else []
    headings += [
        "training error, %",
        "training, images/s",
        "inference, images/s",
        "peak memory",
        "time a seed",
    ]
    notes = [
        "Test error: of the last iterate, single view, measured in fp32; validation and test errors pick "
        "nothing. Mean ± standard deviation over seeds (n − 1); one seed has no spread.",
        "Training error: of the augmented mini-batches of the last epoch, as they were trained on.",
        "Multiply-adds: of the convolutions and the fully connected layer, for one image. Images/s: median ± "
        "standard deviation over repeats, augmentation included in training"
        + (f", in batches of {' or '.join(map(str, batches))}" if batches else "")
        + ". Peak memory: of training; on a CPU the whole process's.",
    ]
    if dagger:
        notes.append("†: not the paper's protocol, see above.")
    return ["## Results", "", _markdown(headings, cells), "", *(f"- {note}" for note in notes), ""]


def _elsewhere(rows: Sequence[Row]) -> list[str]:
    if not _is_official(rows):
        return []
    sources = [source for source in published().sources if source != "paper"]
    cells = []
    for row in rows:
        by_source = {error.source: error for error in published().errors.get(row.name, [])}
        if by_source:
            paper = by_source.get("paper")
            note = f" ({paper.note})" if paper and paper.note else ""
            others = [str(by_source[source]) if source in by_source else "–" for source in sources]
            cells.append([row.name, f"{paper}{note}" if paper else "no number printed", *others])
    if not cells:
        return []
    notes = [
        f"{key}: {origin.title}; {origin.where}; {origin.conditions}." for key, origin in published().sources.items()
    ]
    table = _markdown(["net", "paper", *sources], cells)
    return ["## Published elsewhere", "", "Test error in %.", "", table, "", *(f"- {n}" for n in notes), ""]


def _figures(drawn: Sequence[str]) -> list[str]:
    lines = ["## Figures", ""]
    for name, caption in CAPTIONS.items():
        if name in drawn:
            lines += [f"![{caption}](figures/{name}.svg)", "", f"{caption} ([PNG](figures/{name}.png))", ""]
        else:
            lines += [f"No figure `{name}`: nothing has been run for it.", ""]
    return lines


def _machine(system: System) -> str:
    memory = f"{_bytes(system.memory_bytes)} of memory"
    if system.device_memory_bytes:
        memory = f"{_bytes(system.device_memory_bytes)}; {system.processor}, {memory}"
    versions = ", ".join(f"{name} {version}" for name, version in system.versions.items())
    commit = f"commit `{system.commit[:12]}`" if system.commit else "outside a checkout"
    modified = " with local changes" if system.modified else ""
    return (
        f"{system.device_name} ({system.device}, {system.cores} cores, {system.threads} threads, {memory}); "
        f"Python {system.python}, {versions}; {commit}{modified}"
    )


def _machines(rows: Sequence[Row]) -> list[str]:
    """Say which machine and which code made which rows, each combination once."""
    made: dict[str, list[str]] = {}
    for row in rows:
        for system in row.systems:
            made.setdefault(_machine(system), []).append(row.name)
    return [f"- {', '.join(dict.fromkeys(names))}: {machine}." for machine, names in made.items()]


def _recipe(rows: Sequence[Row]) -> list[str]:
    trained = [row for row in rows if row.runs]
    if not trained:
        return []
    keys = [
        key for key in trained[0].runs[0].record.settings["train"] if key not in ("seeds", "device", "checkpoint_every")
    ]
    papers = published().recipe
    cells = []
    for section, names in (("train", keys), ("model", ["shortcut", "zero_padding"])):
        for key in names:
            values: dict[str, list[str]] = {}
            for row in trained:
                if section == "train" or row.settings.net != "plain":
                    value = str(row.runs[0].record.settings[section].get(key))
                    values.setdefault(value, []).append(row.name)
            shown = [next(iter(values))] if len(values) == 1 else [f"{v} ({', '.join(n)})" for v, n in values.items()]
            cells.append([f"`{section}.{key}`", "; ".join(shown), str(papers[section].get(key, "–"))])
    return ["", "The recipe, by the parameters' keys:", "", _markdown(["key", "here", "paper"], cells)]


def _origin(params: Params, rows: Sequence[Row]) -> list[str]:
    lines = ["## What made it", ""]
    for record in _data_records(rows):
        lines += [
            f"- Data {record.name}: fingerprint of train `{record.fingerprint['train']}`, of test "
            f"`{record.fingerprint['test']}`; split seed {record.split_seed}, validation set "
            f"`{record.split_fingerprint}`."
        ]
    for row in rows:
        if row.runs:
            seeds = ", ".join(str(run.record.seed) for run in row.runs)
            precision = " and ".join(sorted({run.record.precision for run in row.runs}))
            warmup = {done for run in row.runs if (done := run.record.warmup_iterations) is not None}
            ended = f"; warm-up ended after {', '.join(map(str, sorted(warmup)))} iterations" if warmup else ""
            lines.append(f"- {row.name}: seeds {seeds}, trained in {precision}{ended}.")
    lines += _machines(rows)
    lines += _recipe(rows)
    files = [f"- {row.name}: " + (", ".join(f"`{file}`" for file in row.files) or "none") for row in rows]
    lines += ["", "<details><summary>Result files</summary>", "", *files, "", "</details>", ""]
    return lines


def summary(params: Params, rows: Sequence[Row], drawn: Sequence[str]) -> str:
    """The page as Markdown: a function of the rows and of which figures were drawn."""
    sections = [
        _opening(rows),
        _results(rows),
        _figures(drawn),
        _elsewhere(rows),
        _origin(params, rows),
    ]
    return "\n".join(line for section in sections for line in section).rstrip("\n") + "\n"
