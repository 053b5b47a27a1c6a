"""Made-up result files, written through the record classes like real ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from numpy.typing import NDArray

from resnet import results as records
from resnet.params import Params, TrainParams
from resnet.params.bearing import configuration
from resnet.report import build, pages
from resnet.report.results import Results, read_results
from resnet.report.section import Picture, Section, render
from resnet.report.style import style
from tests.report.made_up import (
    MULTIPLY_ADDS,
    PARAMETERS,
    PARTS,
    a_history,
    a_plan,
    a_system,
    digest,
    some_data,
    unpadded,
)


@dataclass
class Files:
    """Writes result files of a plan into a folder of runs."""

    params: Params
    runs: Path

    system = staticmethod(a_system)
    data = staticmethod(some_data)
    history = staticmethod(a_history)

    @property
    def reports(self) -> Path:
        return self.runs.parent / "reports"

    def build(self) -> str:
        """Build the report and give the text of summary.md, its tables without their padding."""
        path = build(self.params, self.runs, self.reports)
        assert path == self.reports / "summary.md"
        return unpadded(path.read_text(encoding="utf-8"))

    def results(self) -> Results:
        return read_results(self.params, self.runs)

    def topic(self, section: Section) -> str:
        """The Markdown of a topic's section, its tables without their padding."""
        return unpadded(render([section])).strip()

    def written(self, section: Callable[..., Section], *arguments: Any) -> str:
        """Likewise, of a topic's function of nets, data and more."""
        results = self.results()
        return self.topic(section(results.nets, results.data, *arguments))

    @staticmethod
    def rows_of(text: str) -> list[dict[str, str]]:
        """The rows of a text's first table, by its headings."""
        first = next(part for part in text.split("\n\n") if part.startswith("|"))
        head, _, *rows = [[cell.strip() for cell in x.strip("|").split(" | ")] for x in first.splitlines()]
        return [dict(zip(head, row, strict=True)) for row in rows]

    def _write(self, file: str, record: Any) -> Path:
        record.write(self.runs / file)
        return self.runs / file

    def _net(self, name: str, *, counts: bool = True) -> dict[str, Any]:
        """What most records begin with."""
        settings = self.params.settings(name)
        net = {"name": name, "net": settings.net, "depth": settings.depth}
        sizes = {"parameters": PARAMETERS[settings.depth], "multiply_adds": MULTIPLY_ADDS[settings.depth]}
        return net | (sizes if counts else {})

    def train_all(self, errors: Mapping[str, Iterable[float]], **fields: Any) -> None:
        """Nets with the test errors of seeds 0, 1, ..."""
        for name, values in errors.items():
            for seed, error in enumerate(values):
                self.train(name, seed, error, **fields)

    def train(
        self,
        name: str,
        seed: int = 0,
        test_error: float | None = 8.75,
        *,
        training_error: float | None = 0.5,
        status: records.Status = "done",
        iteration: int | None = None,
        data: records.DataRecord | None = None,
        train: dict[str, Any] | None = None,
        systems: Sequence[records.System] = (),
        seconds: float = 1200.0,
        history: Sequence[records.HistoryRow] | None = None,
        precision: str = "bf16",
        version: int = 1,
        wrong: NDArray[np.bool_] | None = None,
    ) -> Path:
        """Write `metrics.json` and `history.csv` of one seed; `train` overrides the plan's settings.

        `wrong`, one truth value a test image, leaves `test_predictions.npy` too.
        """
        settings = self.params.settings(name)
        sections = settings.model_dump(mode="json", include={"model", "train"})
        sections["train"] |= train or {}
        data, finished = data or some_data(), status == "done"
        if wrong is not None:
            data = data.model_copy(update={"test_images": len(wrong)})
            test_error = 100 * int(wrong.sum()) / len(wrong)
        iterations = sections["train"]["iterations"]
        done = iterations if iteration is None else iteration
        machines = systems or [a_system()]
        bounds = [done * k // len(machines) for k in range(len(machines) + 1)]
        effective = TrainParams(**sections["train"])
        record = records.TrainingRecord(
            **self._net(name),
            status=status,
            seed=seed,
            iteration=done,
            iterations=iterations,
            precision=precision,
            test_error=test_error if finished else None,
            test_loss=0.4 if finished else None,
            validation_error=test_error if finished and data.validation_images else None,
            training_error=training_error,
            training_loss=0.02 if status != "diverged" else math.nan,
            warmup_iterations=min(400, done) if sections["train"]["warmup"] else None,
            peak_memory_bytes=3 * 2**30,
            data=data,
            identity=records.Identity(
                configuration=configuration(settings.net, settings.depth, settings.model, effective, precision),
                data=data.digest,
                version=version,
            ),
            settings=sections,
            segments=tuple(
                records.Segment(
                    first_iteration=first,
                    last_iteration=last,
                    seconds=seconds / len(machines),
                    training_seconds=0.9 * seconds / len(machines),
                    finished="2026-11-20T12:00:00+00:00",
                    source=digest("source"),
                    system=machine,
                )
                for first, last, machine in zip(bounds, bounds[1:], machines, strict=False)
            ),
        )
        path = self._write(f"train/{name}/seed-{seed}/metrics.json", record)
        if history is None:
            history = a_history(done, test_error or 10.0, seed) if done else []
        if finished and history:
            final = {"test_error": test_error, "validation_error": record.validation_error}
            history = [*history[:-1], history[-1]._replace(**final)]  # type: ignore[arg-type]
        records.write_history(path.with_name("history.csv"), history)
        if wrong is not None:
            true = np.arange(len(wrong)) % 10
            other = np.random.default_rng(int(digest([name, seed])[:8], 16)).integers(1, 10, len(wrong))
            predicted = np.where(wrong, (true + other) % 10, true)  # no two runs are wrong alike
            np.save(path.with_name("test_predictions.npy"), np.stack([true, predicted], axis=1).astype(np.uint8))
        return path

    def published(self, name: str, depth: int, responses: Sequence[float] | None = None, **fields: Any) -> None:
        """Add others' weights to `published.json`."""
        path = self.runs / "published.json"
        before = records.PublishedRecords.read(path).evaluations if path.exists() else ()
        layers = tuple(f"layer{k}" for k in range(len(responses or ())))
        measured = records.PublishedResponses(images=5_000, layers=layers, std=tuple(responses)) if responses else None
        net = {"name": name, "net": "resnet", "depth": depth, "shortcut": "A", "weights": "file.th"}
        data = {"data": "CIFAR-10", "official": True, "data_fingerprint": digest(0), "weights_sha256": digest(1)}
        found = {"images": 10_000, "wrong": 827, "test_error": 8.27, "test_loss": 0.4, "parameters": 269_722}
        texts = {"source": "", "normalisation": "mean", "trained": "50k images", "responses": measured}
        record = records.PublishedRecord(**(net | data | found | texts | fields))
        self._write("published.json", records.PublishedRecords(evaluations=(*before, record), system=a_system()))

    def responses(self, name: str, *seeds: Sequence[float]) -> Path:
        """Write the layer responses of seeds 0, 1, ...: one standard deviation a layer."""
        numbered = enumerate(seeds)
        record = records.ResponsesRecord(
            **self._net(name, counts=False),
            data=some_data(),
            images=5_000,
            layers=tuple(f"layer{k}" for k in range(len(seeds[0]))),
            seeds=tuple(records.SeedResponses(seed=k, weights_sha256=digest(k), std=tuple(x)) for k, x in numbered),
            settings=self.params.settings(name).model_dump(mode="json", include={"model"}),
            system=a_system(),
        )
        return self._write(f"responses/{name}.json", record)

    def describe(self, name: str) -> Path:
        net = self._net(name)
        sizes = {key: net.pop(key) for key in ("parameters", "multiply_adds")}
        layer = records.Layer(name="all", kind="conv", kernel="3x3", stride=1, output=(10,), **sizes)
        shortcut = self.params.settings(name).model.shortcut
        record = records.DescriptionRecord(**net, shortcut=shortcut, classes=10, layers=(layer,))
        return self._write(f"describe/{name}.json", record)

    def throughput(
        self,
        name: str,
        training_seconds: Sequence[float] = (0.01, 0.0125, 0.016),
        inference_seconds: Sequence[float] = (0.004, 0.004, 0.005),
        system: records.System | None = None,
    ) -> Path:
        def timing(seconds: Sequence[float], memory: int) -> records.Timing:
            return records.Timing(batch_size=128, steps=5, step_seconds=tuple(seconds), peak_memory_bytes=memory)

        record = records.ThroughputRecord(
            **self._net(name),
            precision="bf16",
            training=timing(training_seconds, 2 * 2**30),
            inference=timing(inference_seconds, 512 * 2**20),
            settings=self.params.settings(name).model_dump(mode="json", include={"model", "train", "throughput"}),
            system=system or a_system(),
        )
        return self._write(f"throughput/{name}.json", record)

    def latency(self, device: str = "cpu") -> Path:
        """Blocks of 1 to 7 ms forward and twice that backward; ResNet-20 takes 60 ms forward."""

        def row(net: str, part: str, depth: int | None, passes: Any, milliseconds: float) -> records.LatencyRow:
            place = {"net": net, "part": part, "depth": depth, "passes": passes, "batch_size": 128}
            sizes = {"parameters": 100, "multiply_adds": 1000}
            seconds = tuple(1e-3 * milliseconds * k for k in (0.5, 1.0, 2.0))
            return records.LatencyRow(**place, **sizes, precision="fp32", mode="eager", steps=2, seconds=seconds)

        rows = []
        for passes, times in (("inference", 0.9), ("forward", 1.0), ("forward+backward", 3.0)):
            for k, part in enumerate(PARTS, start=1):
                nets = ("both",) if part in ("stem", "head") else ("resnet", "plain")
                rows += [row(net, part, None, passes, k * times) for net in nets]
            rows.append(row("resnet", "net", 20, passes, 60 * times))
        record = {"shortcut": "A", "rows": rows, "system": a_system(device=device)}
        return self._write(f"latency/{device}.json", records.LatencyRecord(**record))

    def usual_loop(self) -> Path:
        record = records.UsualLoopRecord(
            net="resnet",
            depth=20,
            batch_size=128,
            steps=15,
            usual_precision="fp32",
            precision="bf16",
            usual_images_per_second=(100.0, 200.0, 300.0),
            images_per_second=(300.0, 500.0, 1200.0),
            system=a_system(device="cpu"),
        )
        return self._write("usual-loop/cpu-resnet-20.json", record)

    def forecast(self) -> Path:
        row = records.ForecastRow(name="resnet-20", seeds_left=5, step_seconds=0.1, measured=True, hours=12.3)
        record = records.ForecastRecord(rows=(row,), limit_hours=24.0, system=a_system())
        return self._write("forecast/forecast.json", record)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Files]:
    """Make a plan and an empty folder of runs for it."""

    def make(*names: str, seeds: int | list[int] = 3, **sections: Any) -> Files:
        return Files(a_plan(*names, seeds=seeds, **sections), tmp_path / "runs")

    return make


@pytest.fixture(autouse=True)
def _matplotlib_as_it_was() -> Iterator[None]:
    with mpl.rc_context():
        yield


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are built and not saved, which takes most of a report's time."""

    def built(picture: Picture) -> dict[str, bytes]:
        with style():
            return dict.fromkeys(("svg", "png", "html"), b"<svg/>") if picture.draw() else {}

    monkeypatch.setattr(pages, "draw", built)
