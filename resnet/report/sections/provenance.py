"""What made the results: data, precision, seeds, machines, versions, commits, the recipe and every file."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from resnet.records import System
from resnet.report.analysis.nets import WITHOUT_EFFECT, started
from resnet.report.analysis.protocol import KEYS
from resnet.report.analysis.published import published
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import Markdown, bullets, code, details, escaped, link, table
from resnet.report.tables import Tables, flattened, rows


def _grouped(tables: Tables, names: Iterable[str], describe: Callable[[str], str]) -> str:
    """Write `all nets: bf16`, or one line for each value and the nets that it holds for."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(describe(name), []).append(escaped(name))
    lines = {value: "all nets" if 1 < len(tables.nets) == len(m) else words.listed(m) for value, m in alike.items()}
    return bullets(f"{members}: {value}" for value, members in lines.items())


def _data(tables: Tables) -> Iterator[str]:
    for data in tables.data:
        digests = ", ".join(f"{part} {code(digest)}" for part, digest in sorted(data.fingerprint.items()))
        yield (
            f"{escaped(data.name)} ({'official' if data.official else 'not the official CIFAR-10'}): SHA-256 of {digests}; "
            f"validation images drawn with split seed {data.split_seed}, {code(data.split_fingerprint)}"
        )


def _machine(system: System) -> str:
    memory = f", {words.size(system.device_memory_bytes)}" if system.device_memory_bytes else ""
    device = f"{escaped(system.device_name)} ({system.device}{memory}); " if system.device != "cpu" else ""
    return (
        f"{device}{escaped(system.processor)}, {system.cores} cores, {system.threads} threads, "
        f"{words.size(system.memory_bytes)} of memory; {escaped(system.platform)}"
    )


def _versions(system: System) -> str:
    packages = [f"{name} {version}" for name, version in sorted(system.versions.items())]
    return escaped(", ".join([f"Python {system.python}", *packages]))


def _commit(system: System) -> str:
    if system.commit is None:
        return "outside a checkout"
    return code(system.commit) + (" **with uncommitted changes**" if system.modified else "")


def _made_by(tables: Tables) -> Iterator[str]:
    """Machines, versions and commits, each with the measurements that it made."""
    for heading, describe in (("Machines", _machine), ("Versions", _versions), ("Commits", _commit)):
        described = tables.machines.assign(made_by=[describe(system) for system in tables.machines["system"]])
        lines = {
            str(made_by): "; ".join(
                f"{kind} of {words.listed([escaped(name) for name in of_kind['name'].unique()])}"
                for kind, of_kind in measured.groupby("kind", sort=False)
            )
            for made_by, measured in described.groupby("made_by", sort=False)
        }
        if lines:
            listed = [f"{made_by}: {where}" if len(lines) > 1 else made_by for made_by, where in lines.items()]
            yield f"**{heading}**\n\n{bullets(listed)}"


def _forecast(tables: Tables) -> str:
    forecast = tables.forecast
    left = sum(net.seeds_left for net in forecast.rows) if forecast else 0
    if forecast is None or not left:
        return ""
    return (
        f"Forecast before the plan began, on {escaped(forecast.system.device_name)}: "
        f"{words.duration(3600 * forecast.hours)} for {words.count(left)} training runs "
        f"(limit {words.duration(3600 * forecast.limit_hours)}).\n"
    )


def _recipe(tables: Tables) -> str:
    """The base recipe of the parameters beside the paper's, and what single nets override."""
    paper, plan = published().protocol, tables.params.model_dump(mode="json")
    warmup = paper.warmup
    papers = {
        "model.shortcut": paper.shortcut,
        "data.validation": paper.validation_images,
        "train.iterations": paper.iterations,
        **{f"train.{key}": getattr(paper, key) for key in KEYS},
        "train.warmup": f"{warmup.net}-{warmup.depth} only",
        "train.warmup_learning_rate": warmup.learning_rate,
        "train.warmup_until_error": warmup.until_error,
    }
    base = flattened(plan)
    # Where the data lie on this machine says nothing about the result.
    values = {f"data.{key}": plan["data"][key] for key in ("validation", "split_seed")} | base
    lines = []
    for key, value in values.items():
        # What decides nothing about the result, such as how often to save, is not the paper's to say.
        silent = words.NONE if key.split(".")[1] in WITHOUT_EFFECT else "not said"
        papers_value = words.setting(papers[key]) if key in papers else silent
        lines.append({"parameter": code(key), "value": words.setting(value), "the paper": papers_value})
    overrides = []
    for net in rows(tables.nets):
        own = [f"{code(key)} {escaped(words.setting(v))}" for key, v in net.settings.items() if base[key] != v]
        overrides += [f"{escaped(net.name)}: {', '.join(own)}"] if own else []
    return table(lines) + (f"\nOf single nets:\n\n{bullets(overrides)}" if overrides else "")


def _runs(tables: Tables, file: Callable[[str], Markdown]) -> str:
    """Every seed of every net with its status and its files."""

    def speed(run: Any) -> str:
        value = run.images_per_second
        return (
            f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value == value and value is not None else words.NONE
        )

    lines = [
        {
            "net": run.name,
            "result file": file(run.file),
            "seed": str(run.seed),
            "status": run.status,
            "iterations": f"{words.count(run.iteration)} of {words.count(run.iterations)}",
            "test error, %": words.percent(run.test_error),
            "training error, %": words.percent(run.training_error),
            "validation error, %": words.percent(run.validation_error),
            "warm-up iterations": words.count(run.warmup_iterations) if run.warmup_iterations else words.NONE,
            "images/s": speed(run),
            "time": words.duration(run.seconds),
            "configuration, version": Markdown(f"{code(run.identity[0][:12])}, {run.identity[2]}"),
        }
        for run in rows(tables.runs[tables.runs["status"] != "not run"])
    ]
    return table(lines, left=2)


def section(tables: Tables, runs: str | None) -> Section:
    def file(name: str) -> Markdown:
        return link(name, runs and f"{runs}/{name}")

    def precisions(name: str) -> str:
        return words.listed(sorted(set(tables.started(name)["precision"])))

    def seeds(name: str) -> str:
        return ", ".join(map(str, tables.seeds(name)["seed"]))

    trained = started(tables)
    parts = []
    if trained:
        parts.append(f"**Data**\n\n{bullets(_data(tables))}")
        in_training = "**Precision of training** (final errors are measured in fp32)"
        parts.append(f"{in_training}\n\n{_grouped(tables, trained, precisions)}")
    parts.append(f"**Seeds planned**\n\n{_grouped(tables, tables.nets.index, seeds)}")
    files = [f"{escaped(net.name)}: {', '.join(map(file, net.files))}" for net in rows(tables.nets) if net.files]
    parts += [*_made_by(tables), _forecast(tables), details("Recipe: the parameters beside the paper", _recipe(tables))]
    parts += [details("Every training run", _runs(tables, file)), details("Result files of each net", bullets(files))]
    return Section("What made it", "\n".join(filter(None, parts)) if len(tables.nets) else "")
