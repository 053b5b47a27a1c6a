"""Throughput: nets take turns, each with its own batch and length; what does not fit beside one another is refused."""

from __future__ import annotations

import pytest
import torch

from resnet.errors import UserError
from resnet.measuring import throughput
from resnet.measuring.stopwatch import Step
from resnet.measuring.throughput import Stepper, measure_throughput
from resnet.params import Params, Settings, load
from resnet.system import Machine
from tests.conftest import CPU

MODELS = """models={
  resnet-14: {net: resnet, depth: 14, train: {precision: bf16}},
  plain-8: {net: plain, depth: 8, throughput: {batch_size: 2}}
}"""


@pytest.fixture
def plan() -> Params:
    return load(None, [MODELS, "throughput={batch_size: 4, warmup_steps: 1, steps: 2, repeats: 3}"])


def test_nets_take_turns(plan: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def watched(kind: str, real: Stepper) -> Stepper:
        def build(settings: Settings, machine: Machine, batch_size: int, classes: int) -> Step:
            step = real(settings, machine, batch_size, classes)

            def watched_step() -> None:
                done.append(f"{kind} {settings.name} {batch_size}")
                step()

            return watched_step

        return build

    for kind in ("inference", "training"):
        name = f"{kind}_stepper"
        monkeypatch.setattr(throughput, name, watched(kind, getattr(throughput, name)))
    nets = [plan.settings(name) for name in plan.models]
    records = measure_throughput(nets, [CPU.at("bf16"), CPU])
    # The smaller net first: a CPU's peak is the process's.
    warm = [f"{kind} {net}" for kind in ("inference", "training") for net in ("plain-8 2", "resnet-14 4")]
    assert done == warm + 3 * [step for step in warm for _ in range(2)]
    assert [(record.name, record.precision) for record in records] == [("resnet-14", "bf16"), ("plain-8", "fp32")]
    for record, batch_size in zip(records, (4, 2), strict=True):
        for timing in (record.training, record.inference):
            assert (timing.batch_size, timing.steps, len(timing.step_seconds)) == (batch_size, 2, 3)
        assert record.training.median_seconds > record.inference.median_seconds
        assert record.peaks is not None
        assert record.peaks.precision == record.precision
        assert len(record.peaks.matmul_flops_per_second) == 6
    peaks = [record.training.peak_memory_bytes for record in records]
    assert peaks == sorted(peaks, reverse=True)


def test_a_gpus_round_lasts_a_tenth_of_a_second(plan: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of a millisecond, counted on a clock of its own: 100 of them in place of the plan's 2."""
    now = [0.0]

    def step() -> None:
        now[0] += 1e-3

    monkeypatch.setattr(throughput, "wall_clock", lambda machine: lambda: now[0])
    for name in ("forget_peak_memory", "synchronise"):
        monkeypatch.setattr(Machine, name, lambda machine: None)
    for name in ("held_memory_bytes", "peak_memory_bytes"):
        monkeypatch.setattr(Machine, name, lambda machine: 0)
    settings = plan.settings("plain-8")
    for machine, steps in ((Machine(torch.device("cuda"), "fp32"), 100), (CPU, 2)):
        ready = throughput._ready(lambda *arguments: step, settings, machine, 10)
        assert ready.steps == pytest.approx(steps, abs=1)


def test_what_does_not_fit_a_gpu_at_once_is_refused(plan: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "memory_bytes", lambda machine: 2**30)
    machines = [Machine(torch.device("cuda"), "fp32")] * 2
    with pytest.raises(UserError, match="beside one another: name fewer with --nets"):
        measure_throughput([plan.settings(name) for name in plan.models], machines)
