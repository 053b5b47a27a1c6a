"""Records of what trained weights do: what contradicts itself is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from resnet.results import EvaluationRecord, PublishedRecord, ResponsesRecord
from tests.report.made_up import a_system, some_data

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
    "test_loss": 0.3,
}
PUBLISHED = EVALUATION | {
    "name": "theirs",
    "source": "https://example.org",
    "parameters": 269_722,
    "weights_sha256": "0",
    "normalisation": "as theirs",
}


def test_an_evaluations_error_is_that_of_its_images() -> None:
    EvaluationRecord(**EVALUATION)
    with pytest.raises(ValidationError, match=r"834 of 10000 images are not 8\.33 %"):
        EvaluationRecord(**EVALUATION | {"wrong": 834})
    with pytest.raises(ValidationError, match="images are not"):
        PublishedRecord(**PUBLISHED | {"test_error": 8.3})


def test_others_weights_say_how_their_images_were_prepared_and_need_no_responses() -> None:
    assert PublishedRecord(**PUBLISHED).responses is None  # of a file from before they were measured
    with pytest.raises(ValidationError, match="normalisation"):
        PublishedRecord(**{key: value for key, value in PUBLISHED.items() if key != "normalisation"})


@pytest.mark.parametrize(
    ("seeds", "what"),
    [
        ([(0, [1.0, 2.0]), (1, [1.0])], "std"),
        ([(0, [1.0, -2.0])], "seed 0 has a standard deviation below 0"),
        ([(1, [1.0, 2.0]), (1, [1.0, 2.0])], "a seed is there twice"),
    ],
)
def test_responses_are_one_of_each_layer_and_seed(seeds: list[tuple[int, list[float]]], what: str) -> None:
    def responses(seeds: list[tuple[int, list[float]]]) -> ResponsesRecord:
        return ResponsesRecord(
            name="resnet-20",
            net="resnet",
            depth=20,
            data=some_data(),
            images=100,
            layers=("bn1", "layer1.0.bn1"),
            seeds=tuple({"seed": seed, "weights_sha256": "0", "std": std} for seed, std in seeds),
            settings={},
            system=a_system(),
        )

    responses([(0, [1.0, 2.0]), (2, [0.0, 3.0])])
    with pytest.raises(ValidationError, match=what):
        responses(seeds)
