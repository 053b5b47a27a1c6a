"""The forecast: hours of what is left, and a refusal that says what helps here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resnet.errors import UserError
from resnet.params import Settings
from resnet.runs import forecast
from resnet.runs.forecast import Forecaster
from tests.conftest import CPU

Tiny = Callable[..., Settings]


def test_hours_are_those_of_the_iterations_left(tiny: Tiny) -> None:
    without_evaluation, with_evaluation = Forecaster(0), Forecaster(1600)
    row = without_evaluation.forecast(tiny(), CPU, [5, 12])
    assert row.seeds_left == 2
    assert row.hours == pytest.approx(17 * row.step_seconds / 3600)
    # 1,600 images of a third of an iteration's 16 each are 33.3 iterations: once, and thrice, at 6, 12 and the end.
    row = with_evaluation.forecast(tiny(), CPU, [5, 12])
    assert row.hours == pytest.approx((17 + (1 + 3) * 1600 / 16 / 3) * row.step_seconds / 3600)
    assert without_evaluation.forecast(tiny(), CPU, []).hours == 0


def test_a_net_too_deep_to_measure_is_scaled_by_multiply_adds(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "DEEPEST_MEASURED", 8)
    forecaster = Forecaster(0)
    shallow = forecaster.forecast(tiny(recompute="true"), CPU, [10])
    deep = forecaster.forecast(tiny(depth=14, recompute="true"), CPU, [10])
    assert (shallow.measured, deep.measured) == (True, False)
    # Multiply-adds of ResNet-8 and of ResNet-14.
    assert deep.step_seconds == pytest.approx(shallow.step_seconds * 26_395_264 / 12_239_488)
    assert forecaster.rows == [shallow, deep]
    assert forecaster.hours == shallow.hours + deep.hours


def test_nets_that_take_other_steps_are_measured_apart(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Settings] = []
    monkeypatch.setattr(forecast, "_measure", lambda settings, machine, seeds: measured.append(settings) or 1.0)
    forecaster = Forecaster(0)
    other = {"iterations": 24, "learning_rate": 0.2, "batch_norm_images": 8, "compile": "true", "recompute": "true"}
    for key, value in other.items():
        forecaster.forecast(tiny(**{key: value}), CPU, [10])
    trained = [(each.train.normalised_together, each.train.compile, each.train.recompute) for each in measured]
    assert trained == [(16, False, False), (8, False, False), (16, True, False), (16, False, True)]


def refusal(settings: Settings, load: float, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("os.getloadavg", lambda: (load, load, load))
    forecaster = Forecaster(0)
    forecaster.forecast(settings, CPU, [1000])
    forecaster.check(forecaster.hours)
    with pytest.raises(UserError) as caught:
        forecaster.check(0.0)
    assert "\n" not in str(caught.value)
    assert "images/s" in str(caught.value)
    return str(caught.value)


def test_the_refusal_names_what_helps(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(tiny(), 0.0, monkeypatch)
    for advice in ("make quickstart", "train.iterations", "train on a GPU", "limits.hours"):
        assert advice in message
    assert "busy" not in message


def test_a_busy_machine_is_named_and_nobody_is_sent_where_he_is(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tiny()
    quickstart = settings.model_copy(update={"data": settings.data.model_copy(update={"source": "digits"})})
    message = refusal(quickstart, 1000.0, monkeypatch)
    assert "load average is 1000.0" in message
    assert "OMP_NUM_THREADS" in message
    assert "make quickstart" not in message
