"""Records: read back as written, refused when they are not what they say, and what is derived from them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from resnet.results import (
    DamagedFile,
    EvaluationRecord,
    PublishedRecord,
    ResponsesRecord,
    SeedResponses,
    Timing,
    TrainingRecord,
)
from tests.report.conftest import Files
from tests.report.made_up import a_plan, a_system, some_data

EVALUATION: dict[str, Any] = {
    "net": "resnet",
    "depth": 20,
    "shortcut": "A",
    "weights": "w",
    "data": "CIFAR-10",
    "official": True,
    "data_fingerprint": "0",
    "images": 10_000,
    "wrong": 833,
    "test_error": 8.33,
    "test_loss": math.nan,
}


def test_a_record_is_read_back_as_written_even_with_nan(tmp_path: Path) -> None:
    record = EvaluationRecord(**EVALUATION)
    record.write(tmp_path / "e.json")
    assert '"nan"' in (tmp_path / "e.json").read_text()
    again = EvaluationRecord.read(tmp_path / "e.json")
    assert math.isnan(again.test_loss)
    assert again.model_dump(exclude={"test_loss"}) == record.model_dump(exclude={"test_loss"})


@pytest.mark.parametrize(
    "contents", [b"{", b"[]", b'{"net": 3}', b"", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\x00", b"8" * 9999]
)
def test_what_is_no_record_is_one_short_line(contents: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_bytes(contents)
    with pytest.raises(DamagedFile, match=r"e\.json: not a EvaluationRecord") as caught:
        EvaluationRecord.read(tmp_path / "e.json")
    assert caught.value.problem.isprintable()
    assert len(caught.value.problem) < 250


def test_fields_of_other_versions_are_passed_over_and_belong_to_the_digest(tmp_path: Path) -> None:
    metrics = Files(a_plan("resnet-20", seeds=1), tmp_path).train("resnet-20")
    record = json.loads(metrics.read_text())
    del record["digest"]
    record["segments"][0] |= {"processes": 1, "energy_joules": None}
    metrics.write_text(json.dumps(record))
    assert TrainingRecord.read(metrics).segments[0].side_by_side == 1
    TrainingRecord.read(metrics).write(metrics)
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"processes": 1}))
    with pytest.raises(DamagedFile, match="edited since it was written"):
        TrainingRecord.read(metrics)


def test_an_evaluations_error_is_that_of_its_images() -> None:
    with pytest.raises(ValidationError, match=r"834 of 10000 images are not 8\.33 %"):
        EvaluationRecord(**EVALUATION | {"wrong": 834})


def test_others_weights_say_how_their_images_were_prepared_and_need_no_responses() -> None:
    own = {"name": "theirs", "source": "https://example.org", "parameters": 269_722, "weights_sha256": "0"}
    assert PublishedRecord(**EVALUATION, **own, normalisation="as theirs").responses is None
    with pytest.raises(ValidationError, match="normalisation"):
        PublishedRecord(**EVALUATION, **own)


def test_responses_are_one_of_each_layer() -> None:
    def responses(*std: float) -> ResponsesRecord:
        return ResponsesRecord(
            name="resnet-20",
            net="resnet",
            depth=20,
            data=some_data(),
            images=100,
            layers=("bn1", "layer1.0.bn1"),
            seeds=(SeedResponses(seed=0, weights_sha256="0", std=std),),
            settings={},
            system=a_system(),
        )

    responses(1.0, 2.0)
    with pytest.raises(ValidationError, match="a seed without a figure for each layer"):
        responses(1.0)


def test_images_per_second_come_from_the_median_repeat() -> None:
    timing = Timing(batch_size=100, steps=2, step_seconds=(0.5, 1.0, 4.0), peak_memory_bytes=1)
    assert timing.images_per_second == 100
    assert timing.images_per_second_std == pytest.approx(87.80, abs=0.01)


@pytest.mark.parametrize(
    "seconds", [(), (0.0,), (-1.0, 1.0), (float("nan"),), (float("inf"),), (1e300,), ("1",), (True,)]
)
def test_times_are_there_and_positive(seconds: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="step_seconds"):
        Timing(batch_size=1, steps=1, step_seconds=seconds, peak_memory_bytes=1)
