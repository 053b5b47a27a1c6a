"""Result files, gathered into one row a net."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from resnet.errors import UserError
from resnet.params import Params, Settings
from resnet.records import (
    DescriptionRecord,
    HistoryRow,
    Record,
    System,
    ThroughputRecord,
    TrainingRecord,
    read_history,
)
from resnet.report.published import published
from resnet.report.statistics import Spread, spread


@dataclass(frozen=True)
class SeedRun:
    """One seed's result files."""

    record: TrainingRecord
    history: list[HistoryRow]
    file: str
    """Path of the record below the folder of runs."""


@dataclass(frozen=True)
class Row:
    """All that is known of one net of the plan."""

    settings: Settings
    description: DescriptionRecord | None
    throughput: ThroughputRecord | None
    runs: list[SeedRun]
    files: list[str]
    """The result files that the row came from, below the folder of runs."""

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def done(self) -> list[SeedRun]:
        return [run for run in self.runs if run.record.status == "done"]

    def over_seeds(self, value: Callable[[TrainingRecord], float | None]) -> Spread | None:
        """Summarise a measurement over the finished seeds; None if no seed has it."""
        found = [value(run.record) for run in self.done]
        return spread([number for number in found if number is not None])

    @property
    def test_error(self) -> Spread | None:
        return self.over_seeds(lambda record: record.test_error)

    @property
    def training_error(self) -> Spread | None:
        return self.over_seeds(lambda record: record.training_error)

    @property
    def systems(self) -> list[System]:
        """The machines that the row's results came from, each once."""
        found = [segment.system for run in self.runs for segment in run.record.segments]
        if self.throughput:
            found.append(self.throughput.system)
        return list({system.model_dump_json(): system for system in found}.values())

    def deviations(self) -> list[str]:
        """How the seeds' training differs from the paper's recipe, in words; empty if it does not."""
        if not self.runs:
            return []
        record, recipe = self.runs[0].record, published().recipe
        words = []
        for section in ("train", "model"):
            if section == "model" and record.net == "plain":
                continue
            for key, papers in recipe[section].items():
                ours = record.settings[section][key]
                if ours != papers:
                    words.append(f"{key.replace('_', ' ')} {_number(ours)} instead of {_number(papers)}")
        counts = {key: getattr(record.data, key) for key in recipe["data"]}
        if record.data.official and counts != recipe["data"]:
            words.append(f"{counts['train_images']:,} training images instead of {45_000:,}")
        return words

    def status(self) -> str:
        """What became of the seeds: `not run`, or a phrase for each that did not finish."""
        if not self.runs:
            return "not run"
        planned = self.settings.train.seed_list
        words = [
            f"seed {record.seed} {record.status} at {record.iteration:,} of {record.iterations:,}"
            for record in (run.record for run in self.runs)
            if record.status != "done"
        ]
        missing = len(set(planned) - {run.record.seed for run in self.runs})
        if missing:
            words.append(f"{missing} of {len(planned)} seeds not run")
        return "; ".join(words) or "done"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


R = TypeVar("R", bound=Record)


def _optional(kind: type[R], path: Path) -> R | None:
    return kind.read(path) if path.exists() else None


def _seed_number(path: Path) -> int:
    number = path.parent.name.removeprefix("seed-")
    return int(number) if number.isdecimal() else -1


def _seed_runs(folder: Path, runs: Path) -> list[SeedRun]:
    found = []
    for path in sorted(folder.glob("seed-*/metrics.json"), key=_seed_number):
        record = TrainingRecord.read(path)
        history = read_history(path.with_name("history.csv"))
        found.append(SeedRun(record, history, path.relative_to(runs).as_posix()))
    made_by = {(run.record.fingerprint.configuration, run.record.fingerprint.data) for run in found}
    if len(made_by) > 1:
        raise UserError(f"{folder}: its seeds were trained under different settings or data: not averaged")
    return found


def collect(params: Params, runs: Path) -> list[Row]:
    """Read the result files of every net of the plan.

    Raises:
        UserError: a file is damaged, or a net's seeds do not belong together.
    """
    rows = []
    for name in params.models:
        description_file = runs / "describe" / f"{name}.json"
        throughput_file = runs / "throughput" / f"{name}.json"
        seed_runs = _seed_runs(runs / "train" / name, runs)
        singles: Sequence[Path] = [path for path in (description_file, throughput_file) if path.exists()]
        rows.append(
            Row(
                settings=params.settings(name),
                description=_optional(DescriptionRecord, description_file),
                throughput=_optional(ThroughputRecord, throughput_file),
                runs=seed_runs,
                files=[path.relative_to(runs).as_posix() for path in singles] + [run.file for run in seed_runs],
            )
        )
    return rows
