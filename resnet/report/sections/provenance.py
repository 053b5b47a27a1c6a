"""What made the results: data, precision, seeds, machines, versions, commits, the recipe and every file."""

from collections.abc import Callable, Iterator

from resnet.params.bearing import bearing_on_errors
from resnet.report import words
from resnet.report.analysis.nets import started
from resnet.report.markdown import Markdown, bullets, code, details, escaped, link, table
from resnet.report.protocol import KEYS
from resnet.report.published import published
from resnet.report.style import Section
from resnet.report.tables import Tables, flattened, rows, select
from resnet.results import System


def _grouped(tables: Tables, names: list[str], describe: Callable[[str], str]) -> str:
    """Write `all nets: bf16`, or one line for each value and the nets that it holds for."""
    values = {escaped(name): describe(name) for name in names}
    return bullets(f"{who}: {value}" for value, who in words.grouped(values, len(tables.nets)).items())


def _data(tables: Tables) -> Iterator[str]:
    for data in tables.data:
        digests = ", ".join(f"{part} {code(digest)}" for part, digest in sorted(data.fingerprint.items()))
        name = f"{escaped(data.name)} ({'official' if data.official else 'not the official CIFAR-10'})"
        split = f"split seed {data.split_seed}, {code(data.split_fingerprint)}"
        yield f"{name}: SHA-256 of {digests}; validation images drawn with {split}"


def _machine(system: System) -> str:
    memory = f", {words.size(system.device_memory_bytes)}" if system.device_memory_bytes else ""
    device = f"{system.device_name} ({system.device}{memory}); " if system.device != "cpu" else ""
    counts = words.numbered(system.cores, "core"), words.numbered(system.threads, "thread")
    size = f"{words.size(system.memory_bytes)} of memory"
    return escaped(f"{device}{system.processor}, {', '.join((*counts, size))}; {system.platform}")


def _versions(system: System) -> str:
    packages = [f"{name} {version}" for name, version in sorted(system.versions.items())]
    return escaped(", ".join([f"Python {system.python}", *packages]))


def _commit(system: System) -> str:
    modified = " **with uncommitted changes**" if system.modified else ""
    return f"{code(system.commit)}{modified}" if system.commit else "outside a checkout"


def _made_by(tables: Tables) -> Iterator[str]:
    """Machines, versions and commits, each with the measurements that it made."""
    describes = {"Machines": _machine, "Versions": _versions, "Commits": _commit}
    for heading, describe in describes.items() if len(tables.machines) else ():
        lines = {}
        makers = tables.machines["system"].map(describe)
        for maker, measured in tables.machines.groupby(makers, sort=False):
            kinds = measured.groupby("kind", sort=False)["name"].unique()
            lines[maker] = "; ".join(f"{kind} of {words.listed(map(escaped, names))}" for kind, names in kinds.items())
        listed = bullets(f"{maker}: {where}" if len(lines) > 1 else str(maker) for maker, where in lines.items())
        yield f"**{heading}**\n\n{listed}"


def _forecast(tables: Tables) -> str:
    forecast = tables.forecast
    left = sum(net.seeds_left for net in forecast.rows) if forecast else 0
    if forecast is None or not left:
        return ""
    device, hours = escaped(forecast.system.timed_on), words.duration(3600 * forecast.hours)
    runs, limit = f"{words.count(left)} training runs", words.duration(3600 * forecast.limit_hours)
    return f"Forecast before the plan began, on {device}: {hours} for {runs} (limit {limit}).\n"


def _recipe(tables: Tables) -> str:
    """The base recipe of the parameters beside the paper's, and what single nets override."""
    paper, plan = published().protocol, tables.params.model_dump(mode="json")
    papers = {
        "model.shortcut": paper.shortcut,
        "data.validation": paper.validation_images,
        **{f"train.{key}": getattr(paper, key) for key in ("iterations", *KEYS)},
        "train.warmup": f"{paper.warmup.net}-{paper.warmup.depth} only",
        "train.warmup_learning_rate": paper.warmup.learning_rate,
        "train.warmup_until_error": paper.warmup.until_error,
    }
    base, lines, overrides = flattened(plan), [], []
    # Where the data lie on this machine says nothing about the result.
    values = {f"data.{key}": plan["data"][key] for key in ("validation", "split_seed")} | base
    bearing = bearing_on_errors("resnet", values)
    for key, value in values.items():
        # What decides nothing about the errors, such as how often to save, is not the paper's to say.
        silent = "not said" if key in bearing else words.NONE
        the_papers = words.setting(papers[key]) if key in papers else silent
        lines.append({"parameter": code(key), "value": words.setting(value), "the paper": the_papers})
    for net in rows(tables.nets):
        own = [f"{code(key)} {escaped(words.setting(v))}" for key, v in net.settings.items() if base[key] != v]
        overrides += [f"{escaped(net.name)}: {', '.join(own)}"] if own else []
    return table(lines) + (f"\nOf single nets:\n\n{bullets(overrides)}" if overrides else "")


def _runs(tables: Tables, runs: str | None) -> str:
    """Every seed of every net with its status and its files."""
    lines = [
        {
            "net": run.name,
            "result file": link(run.file, runs),
            "seed": str(run.seed),
            "status": run.status,
            "iterations": f"{words.count(run.iteration)} of {words.count(run.iterations)}",
            "test error, %": words.percent(run.test_error),
            "training error, %": words.percent(run.training_error),
            "validation error, %": words.percent(run.validation_error),
            "warm-up iterations": words.count(run.warmup_iterations or None),
            "images/s": words.images_per_second(run.images_per_second),
            "time": words.duration(run.seconds),
            "configuration, version": Markdown(f"{code(run.identity[0][:12])}, {run.identity[2]}"),
        }
        for run in rows(tables.runs[~tables.runs["status"].isin(["not run", "left out"])])
    ]
    return table(lines, left=2)


def section(tables: Tables, runs: str | None) -> Section:
    def precisions(name: str) -> str:
        return words.listed(sorted(set(tables.started(name)["precision"])))

    def seeds(name: str) -> str:
        return ", ".join(map(str, select(tables.runs, name=name)["seed"]))

    trained, parts = started(tables), []
    if trained:
        in_training = "**Precision of training** (final errors are measured in fp32)"
        parts.append(f"**Data**\n\n{bullets(_data(tables))}")
        parts.append(f"{in_training}\n\n{_grouped(tables, trained, precisions)}")
    parts.append(f"**Seeds planned**\n\n{_grouped(tables, list(tables.nets.index), seeds)}")
    nets = [net for net in rows(tables.nets) if net.files]
    files = bullets(f"{escaped(net.name)}: {', '.join(link(file, runs) for file in net.files)}" for net in nets)
    damaged = bullets(f"{escaped(damage.file)}: {escaped(damage.problem)}" for damage in rows(tables.damaged))
    parts += [f"**Left out, for they are damaged**\n\n{damaged}"] if damaged else []
    parts += [*_made_by(tables), _forecast(tables), details("Recipe: the parameters beside the paper", _recipe(tables))]
    parts += [details("Every training run", _runs(tables, runs)), details("Result files of each net", files)]
    return Section("What made it", "\n".join(filter(None, parts)) if len(tables.nets) else "")
