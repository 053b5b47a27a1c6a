"""Throughput: training and inference take turns; what is measured already is known by its settings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from resnet.cli.measuring import throughput as main
from resnet.measuring import throughput
from resnet.measuring.stopwatch import Step
from resnet.measuring.throughput import Stepper, has_measured, measure_throughput
from resnet.params import Settings, load
from resnet.results import ThroughputRecord
from resnet.system import Machine
from resnet.training import devices
from tests.conftest import CPU
from tests.report.conftest import Files
from tests.report.made_up import a_plan, a_system

THROUGHPUT = "throughput={batch_size: 4, warmup_steps: 1, steps: 2, repeats: 3}"


def net(*assignments: str, classes: str = "plain-8") -> Settings:
    models = "models={plain-8: {net: plain, depth: 8, throughput: {batch_size: 2}}}"
    return load(None, [models, THROUGHPUT, *assignments]).settings(classes)


def test_training_and_inference_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []

    def watched(kind: str, real: Stepper) -> Stepper:
        def build(settings: Settings, machine: Machine, batch_size: int, classes: int) -> Step:
            step = real(settings, machine, batch_size, classes)

            def watched_step() -> None:
                done.append(f"{kind} {batch_size}")
                step()

            return watched_step

        return build

    for kind in ("inference", "training"):
        name = f"{kind}_stepper"
        monkeypatch.setattr(throughput, name, watched(kind, getattr(throughput, name)))
    record = measure_throughput(net(), CPU.at("bf16"))
    warm = ["inference 2", "training 2"]
    assert done == warm + 3 * [step for step in warm for _ in range(2)]
    assert (record.name, record.precision) == ("plain-8", "bf16")
    for timing in (record.training, record.inference):
        assert (timing.batch_size, timing.steps, len(timing.step_seconds)) == (2, 2, 3)
    assert record.training.median_seconds > record.inference.median_seconds

    file = tmp_path / "plain-8.json"
    assert not has_measured(file, net())
    record.write(file)
    assert has_measured(file, net())
    # What a speed does not depend on, and what a machine chose by itself.
    assert has_measured(file, net("train.iterations=5", "train.seeds=1", "train.precision=bf16"))
    for other in ("train.precision=fp32", "train.device=cpu", "throughput.steps=3", "model.width=2"):
        assert not has_measured(file, net(other)), other
    assert not has_measured(file, net(), classes=100)
    record.model_copy(update={"version": throughput.VERSION + 1}).write(file)
    assert not has_measured(file, net())


def test_a_gpus_round_lasts_a_tenth_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of a millisecond, counted on a clock of its own: 100 of them in place of the plan's 2."""
    now = [0.0]

    def step() -> None:
        now[0] += 1e-3

    monkeypatch.setattr(throughput, "wall_clock", lambda machine: lambda: now[0])
    for name in ("forget_peak_memory", "synchronise"):
        monkeypatch.setattr(Machine, name, lambda machine: None)
    for name in ("held_memory_bytes", "peak_memory_bytes"):
        monkeypatch.setattr(Machine, name, lambda machine: 0)
    for machine, steps in ((Machine(torch.device("cuda"), "fp32"), 100), (CPU, 2)):
        _, count, _ = throughput._ready(lambda *arguments: step, net(), machine, 10)
        assert count == pytest.approx(steps, abs=1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a process's peak")
def test_a_net_measured_after_a_larger_one_has_its_own_peak_of_memory() -> None:
    large = net("models.plain-8.throughput={batch_size: 256, repeats: 1, steps: 1}")
    peaks = [measure_throughput(each, CPU).training.peak_memory_bytes for each in (large, net())]
    assert peaks[0] > peaks[1] + 100e6


def test_a_file_of_an_earlier_form_counts(tmp_path: Path) -> None:
    """The committed files have no version, and no settings that came later."""
    file = tmp_path / "plain-8.json"
    record = measure_throughput(net("throughput={batch_size: 2, warmup_steps: 1, steps: 1, repeats: 1}"), CPU)
    tree = record.model_dump(mode="json", exclude={"version"})
    del tree["settings"]["model"]["width"], tree["settings"]["train"]["batch_norm_images"]
    ThroughputRecord.model_validate(tree).write(file)
    assert has_measured(file, net("throughput={batch_size: 2, warmup_steps: 1, steps: 1, repeats: 1}"))


def test_an_accelerators_file_leaves_the_cpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    plan = Files(a_plan("resnet-20", seeds=1), tmp_path / "runs")
    Path("params.yaml").write_text("models: {resnet-20: {net: resnet, depth: 20}}")
    ours = ThroughputRecord.read(plan.throughput("resnet-20", system=a_system(device="cpu")))
    before = plan.runs.joinpath("throughput/resnet-20.json").read_bytes()
    theirs = ours.model_copy(update={"system": a_system(device="mps")})
    monkeypatch.setattr(devices, "choose_machine", lambda train: Machine(torch.device("mps"), "fp32"))
    monkeypatch.setattr(throughput, "measure_throughput", lambda *arguments: theirs)
    main(params=Path("params.yaml"), net=None, depth=None, name=None, out=None, set_=None, format_="table")
    assert ThroughputRecord.read(plan.runs / "throughput/mps/resnet-20.json") == theirs
    assert plan.runs.joinpath("throughput/resnet-20.json").read_bytes() == before
    assert plan.results().nets["resnet-20"].throughput == ours
    plan.runs.joinpath("throughput/resnet-20.json").unlink()
    assert plan.results().nets["resnet-20"].throughput == theirs
    assert not plan.results().not_counted
