"""Sweeps in the report: the order of depths is claimed only where the sweeps show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.params import load
from resnet.records import Identity, SweepRecord, SweepTrial, SweepValues
from resnet.report.sections.sweep import conclusions, section, standard_error
from tests.report.conftest import some_data


def a_sweep(depth: int, own: float | None, best: float, **changes: Any) -> SweepRecord:
    """Two trials: the own values', diverged where `own` is None, and the best."""

    def trial(number: int, error: float | None, rate: float) -> SweepTrial:
        values = SweepValues(learning_rate=rate, weight_decay=1e-4, warmup=False, milestones=(0.5, 0.75))
        errors = () if error is None else ((8000, error),)
        state = "diverged" if error is None else "complete"
        return SweepTrial(number=number, state=state, values=values, validation_errors=errors, seconds=60.0)

    fields: dict[str, Any] = {
        "status": "done",
        "name": f"resnet-{depth}",
        "net": "resnet",
        "depth": depth,
        "iterations": 8000,
        "precision": "bf16",
        "data": some_data(),
        "identity": Identity(configuration=str(depth), data="d", version=1),
        "settings": {"sweep": load(None).sweep.model_dump(mode="json")},
        "trials": (trial(0, own, 0.1), trial(1, best, 0.3)),
    }
    return SweepRecord(**(fields | changes))


def test_the_order_survives_or_does_not() -> None:
    (said,) = conclusions([a_sweep(20, 12.0, 11.0), a_sweep(56, 9.0, 8.0)])
    assert "the order is the same as with the own values, resnet-56 < resnet-20" in said.replace("\\", "")
    assert "told apart" not in said
    (said,) = conclusions([a_sweep(20, 12.0, 7.0), a_sweep(56, 11.0, 10.0)])
    assert "the order is resnet-20 < resnet-56; own values: resnet-56 < resnet-20" in said.replace("\\", "")


def test_errors_within_two_standard_errors_are_not_told_apart() -> None:
    assert standard_error((10.0, 10.0), 5000) == pytest.approx(0.6)
    (said,) = conclusions([a_sweep(20, 12.0, 10.5), a_sweep(56, 11.0, 10.0)])
    assert "of these single runs" in said
    assert "not told apart: resnet-56 and resnet-20." in said


@pytest.mark.parametrize(
    ("other", "because"),
    [
        (a_sweep(56, 9.0, 8.0, status="interrupted"), "resnet-56 without a finished sweep"),
        (a_sweep(56, None, 8.0), "resnet-56 without a finished sweep"),
        (a_sweep(56, 9.0, 8.0, precision="fp32"), "precision differ"),
        (a_sweep(56, 9.0, 8.0, settings={"sweep": {"trials": 5}}), "budget"),
    ],
)
def test_what_is_not_shown(other: SweepRecord, because: str) -> None:
    (said,) = conclusions([a_sweep(20, 12.0, 11.0), other])
    assert "not shown" in said
    assert because in said


def test_the_section_and_the_figure_come_and_go_with_the_sweeps(files: Callable[..., Any]) -> None:
    of = files()
    assert section([]) == ""
    assert "Tuned at equal budget" not in of.build()
    record = a_sweep(20, 12.0, 11.0)
    record.write(of.runs / "sweep/resnet-20.json")
    said = of.build()
    assert "| resnet-20 | 2 of 8,000 iterations (2 complete) | 12.00 | 11.00 | 0.3 | 0.0001 | off |" in said
    assert (of.reports / "figures/sweep.png").exists()
    (of.runs / "sweep/resnet-20.json").unlink()
    assert "Tuned at equal budget" not in of.build()
    assert not (of.reports / "figures/sweep.png").exists()
