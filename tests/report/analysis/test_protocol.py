"""How runs deviate from the paper's protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.protocol import deviations, shared_deviations


def sentences(plan: Any, name: str) -> list[str]:
    return [deviation.sentence for deviation in deviations(plan.tables(), name)]


def test_papers_protocol_deviates_in_nothing(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-110", "resnet-1202", seeds=1)
    for name in plan.params.models:
        assert sentences(plan, name) == []  # by the plan
        plan.train(name)
        assert sentences(plan, name) == []  # by its run


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("batch_size", 64, "batch size 64 (the paper: 128)"),
        ("learning_rate", 0.05, "learning rate 0.05 (the paper: 0.1)"),
        ("milestones", [0.4, 0.8], "milestones [0.4, 0.8] (the paper: [0.5, 0.75])"),
        ("momentum", 0.8, "momentum 0.8 (the paper: 0.9)"),
        ("weight_decay", 5e-4, "weight decay 0.0005 (the paper: 0.0001)"),
        ("warmup", True, "a warm-up (the paper: none)"),
        ("iterations", 400, "Shortened schedule: 400 of the paper's 64,000 iterations"),
        ("iterations", 80_000, "Lengthened schedule: 80,000 iterations, the paper's 64,000"),
    ],
)
def test_every_setting_that_the_paper_states_is_compared(
    files: Callable[..., Any], key: str, value: object, sentence: str
) -> None:
    plan = files("resnet-20", seeds=1, train={key: value})
    assert sentences(plan, "resnet-20") == [sentence]
    plan.train("resnet-20")
    assert sentences(plan, "resnet-20") == [sentence]


def test_the_runs_count_and_not_the_plan(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=2)
    plan.train("resnet-20", 0, train={"iterations": 20})
    plan.train("resnet-20", 1, train={"iterations": 20, "momentum": 0.8})
    assert [deviation.mark for deviation in deviations(plan.tables(), "resnet-20")] == ["20 iterations", "momentum 0.8"]


def test_resnet_110_without_its_warm_up(files: Callable[..., Any]) -> None:
    plan = files("resnet-110", seeds=1)
    plan.train("resnet-110", train={"warmup": False})
    assert sentences(plan, "resnet-110") == ["no warm-up (the paper: at 0.01 until the training error is below 80 %)"]
    plan.train("resnet-110", train={"warmup_learning_rate": 0.02})
    assert sentences(plan, "resnet-110")[0].startswith("warm-up at 0.02 until 80 % (the paper: at 0.01")


def test_another_split_and_another_shortcut(files: Callable[..., Any]) -> None:
    plan = files("resnet-B-20", "resnet-20", seeds=1)
    whole = plan.data(train_images=50_000, validation_images=0)
    plan.train("resnet-B-20", data=whole)
    plan.train("resnet-20", data=whole)
    split = "50,000 training and 0 validation images (the paper: 45,000 and 5,000)"
    assert sentences(plan, "resnet-20") == [split]
    assert sentences(plan, "resnet-B-20") == ["shortcut option B (the paper: A)", split]
    assert [deviation.key for deviation in shared_deviations(plan.tables())] == ["split"]


def test_the_split_of_other_data_is_not_compared(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20", data=plan.data(official=False))
    assert sentences(plan, "resnet-20") == []
