"""All that needs a GPU, in one go: correctness first, then everything about speed.

    python bench/gpu_checks.py --out DIR                 # on a GPU, minutes
    python bench/gpu_checks.py --out DIR --device cpu --depths 8   # the same checks, to try the script

What it checks, each with the figure that decides: batches are bitwise those of the CPU; logits and
gradients agree with fp64 on the CPU; a killed and resumed run ends with the same bits as a whole one;
two runs of a seed are the same; so are a run replayed from a CUDA graph and one without, a run beside others
and one alone, and a run that keeps its activations and one that computes them again. Then the measurements,
each into files that the report reads when DIR is its folder of runs: `throughput/` at every depth, with the
machine's peaks (the roofline) and energy; `latency/` of blocks and nets, eager and graphed;
`side-by-side.json`, images/s of one to five seeds at once, with and without torch.compile; `usual-loop/`,
training beside the usual PyTorch loop.
DIR/checks.json is written first; exit code 1 if a check failed or a measurement could not be made, which
does not keep the others from being made. Nothing but this repository and its dependencies for training
is needed: no data, no DVC.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
import usual_loop
from safetensors.torch import load_file
from torch import Tensor

from resnet.measuring.latency import measure_latency
from resnet.measuring.throughput import noise, throughput
from resnet.params import Settings, load
from resnet.runs.run import Folders, Run
from resnet.system import arithmetic, choose_device, choose_precision, describe_system, synchronise
from resnet.training.batches import Batches
from resnet.training.checkpoint import Progress
from resnet.training.trainer import EAGER_ITERATIONS, Trainer, build_net

CPU = torch.device("cpu")


def relative(found: Tensor, expected: Tensor) -> float:
    """The norm of the difference over the norm of what was expected."""
    difference = (found.double().cpu() - expected.double()).norm()
    return float(difference / expected.double().norm())


def batches_differ(device: torch.device) -> float:
    """Pixels of augmented batches that differ from the CPU's: 0 is right."""
    data = noise(1000)
    there, here = (Batches(data, seed=1, batch_size=128, device=where) for where in (device, CPU))
    return float(sum((there.batch(i)[0].cpu() != here.batch(i)[0]).sum() for i in (0, 7, 9)))


def net_differs(settings: Settings, device: torch.device, precision: str) -> tuple[float, float]:
    """How far logits and the first convolution's gradient are from fp64 on the CPU, relative."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 3, 32, 32, generator=generator).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (64,), generator=generator)
    exact = build_net(settings, 10, 0, CPU).double()
    expected = exact(x.double())
    F.cross_entropy(expected, labels).backward()  # type: ignore[no-untyped-call]
    net = build_net(settings, 10, 0, device)
    with arithmetic(precision, device):
        logits = net(x.to(device)).float()
        loss = F.cross_entropy(logits, labels.to(device))
    loss.backward()  # type: ignore[no-untyped-call]
    assert exact.conv1.weight.grad is not None
    assert net.conv1.weight.grad is not None
    return relative(logits.detach(), expected.detach()), relative(net.conv1.weight.grad, exact.conv1.weight.grad)


class Kill(Exception):
    pass


def weights_differ(settings: Settings, device: torch.device, precision: str) -> tuple[float, float]:
    """Weights that differ between a whole run and a resumed one, and between two whole runs: 0 is right."""
    data = noise(1000)

    def killed_at(iteration: int) -> Callable[[Progress, float], None]:
        def report(progress: Progress, rate: float) -> None:
            if progress.iteration == iteration:
                raise Kill

        return report

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("whole", "resumed", "again")]
        runs = [Run(settings, 0, data, Folders(path, path, path), device, precision) for path in paths]
        runs[0].execute()
        try:
            runs[1].execute(killed_at(17))
        except Kill:
            Run(settings, 0, data, runs[1].folders, device, precision).execute()
        runs[2].execute()
        whole, resumed, again = (load_file(path / "model.safetensors") for path in paths)
    return tuple(float(sum((whole[k] != other[k]).sum() for k in whole)) for other in (resumed, again))  # type: ignore[return-value]


def measure_throughput(out: Path, depths: Sequence[int], assignments: Sequence[str]) -> None:
    """Throughput, peaks and energy of the residual net of every depth."""
    print(
        f"{'net':12} {'training, images/s':>22} {'inference, images/s':>24} "
        f"{'memory':>10} {'of roof':>8} {'J/image':>8}"
    )
    for depth in depths:
        record = throughput(load(None, assignments).settings_for("resnet", depth))
        record.write(out / "throughput" / f"resnet-{depth}.json")
        training, inference, work, peaks = record.training, record.inference, record.training_work, record.peaks
        assert work is not None
        assert peaks is not None
        share = work.flops / training.median_seconds / peaks.roof(work.intensity)
        energy = record.training_energy
        joules = f"{statistics.median(energy.joules_per_image):8.4f}" if energy else f"{'-':>8}"
        print(
            f"resnet-{depth:<5} {training.images_per_second:14,.0f} ± {training.images_per_second_std:<7,.0f} "
            f"{inference.images_per_second:14,.0f} ± {inference.images_per_second_std:<7,.0f} "
            f"{training.peak_memory_bytes / 2**30:6.2f} GiB {100 * share:6.1f} % {joules}",
            flush=True,
        )


def measure_usual_loop(out: Path, depths: Sequence[int], device: torch.device) -> None:
    """The two shallowest depths beside the usual loop."""
    for depth in sorted(depths)[:2]:
        record = usual_loop.compare("resnet", depth, device, rounds=3 if device.type == "cpu" else 5)
        record.write(out / "usual-loop" / f"{device.type}-resnet-{depth}.json")
        ratios = record.ratios
        print(
            f"resnet-{depth}: {statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def measure_blocks(out: Path, depths: Sequence[int], assignments: Sequence[str]) -> None:
    """Blocks of both nets, and whole nets up to 110 layers."""
    whole = [depth for depth in depths if depth <= 110]
    record = measure_latency(load(None, [f"latency.depths={whole}", *assignments]))
    record.write(out / "latency" / f"{record.system.device}.json")
    for row in record.rows:
        kernels = f", kernels {1e3 * row.kernel_seconds:.3f} ms" if row.kernel_seconds is not None else ""
        launches = f", launches {1e3 * row.launch_seconds:.3f} ms" if row.launch_seconds is not None else ""
        what = f"{row.net} {row.part} {row.depth or ''}".strip()
        print(
            f"{what:24} {row.passes:17} batch {row.batch_size:<5} {row.precision} {row.mode:8} "
            f"{1e3 * row.median_seconds:10.3f} ms{launches}{kernels}",
            flush=True,
        )


def trained(trainers: Sequence[Trainer], iterations: int) -> list[dict[str, Tensor]]:
    """Advance trainers in turn and give their weights."""
    for _ in range(iterations):
        for trainer in trainers:
            trainer.advance()
    for trainer in trainers:
        trainer.synchronise()
    return [{name: tensor.cpu() for name, tensor in trainer.net.state_dict().items()} for trainer in trainers]


def ways_differ(settings: Settings, device: torch.device, precision: str) -> tuple[float, float, float]:
    """Weights that differ from a lone, graphed run's: without a graph, beside two others, recomputed; 0 is right."""
    data, iterations = noise(1000), EAGER_ITERATIONS + 17

    def make(seed: int, graphed: bool = True, recompute: bool = False) -> Trainer:
        train = settings.train.model_copy(update={"recompute": recompute})
        return Trainer(settings.model_copy(update={"train": train}), seed, data, device, precision, graphed)

    def differing(other: dict[str, Tensor]) -> float:
        return float(sum((alone[name] != other[name]).sum() for name in alone))

    (alone,) = trained([make(1)], iterations)
    (eager,) = trained([make(1, graphed=False)], iterations)
    _, beside, _ = trained([make(0), make(1), make(2)], iterations)
    (recomputed,) = trained([make(1, recompute=True)], iterations)
    return differing(eager), differing(beside), differing(recomputed)


def measure_side_by_side(out: Path, depths: Sequence[int], device: torch.device, steps: int = 100) -> None:
    """Images/s of all seeds together, of one, two, three and five of them, up to 110 layers."""
    found = []
    for depth in (depth for depth in depths if depth <= 110):
        for compiled in (False, True):
            settings = load(None, [f"train.compile={compiled}"]).settings_for("resnet", depth)
            precision = choose_precision("auto", device)
            for seeds in (1, 2, 3, 5):
                began = time.perf_counter()
                trainers = [Trainer(settings, seed, noise(5000), device, precision) for seed in range(seeds)]
                trained(trainers, EAGER_ITERATIONS + 2)
                ready, rates = time.perf_counter() - began, []
                for _ in range(3):
                    began = time.perf_counter()
                    for _ in range(steps):
                        for trainer in trainers:
                            trainer.advance()
                    synchronise(device)
                    rates.append(seeds * steps * settings.train.batch_size / (time.perf_counter() - began))
                found.append(
                    {
                        "net": f"resnet-{depth}",
                        "compiled": compiled,
                        "seeds": seeds,
                        "precision": precision,
                        "images_per_second": rates,
                        "seconds_until_ready": ready,
                    }
                )
                print(
                    f"resnet-{depth:<5} {'compiled' if compiled else '':8} {seeds} seeds  "
                    f"{statistics.median(rates):12,.0f} images/s together  ready in {ready:.1f} s",
                    flush=True,
                )
                del trainers
    system = describe_system(device).model_dump(mode="json")
    (out / "side-by-side.json").write_text(json.dumps({"system": system, "rows": found}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--depths", type=int, nargs="*", default=[20, 32, 44, 56, 110, 1202])
    parser.add_argument("--set", action="append", default=[], help="a parameter of the latencies: latency.seconds=0.1")
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    shared = [f"train.device={arguments.device}", "train.iterations=30", "train.checkpoint_every=8"]
    small = load(None, [*shared, "train.log_every=10", "train.evaluate_every=10"]).settings_for("resnet", 20)
    small = small if 20 in arguments.depths else small.model_copy(update={"depth": 8})

    rows: list[tuple[str, float, float]] = [("batches: pixels that differ from the CPU's", batches_differ(device), 0)]
    # bf16 has 8 bits of mantissa, fp32 24; TF32 lies between and is not used unless asked for.
    for precision, tolerance in (("fp32", 1e-3), ("bf16", 1e-1)):
        logits, gradient = net_differs(small, device, precision)
        rows += [
            (f"{precision}: logits, relative", logits, tolerance),
            (f"{precision}: gradient", gradient, 3 * tolerance),
        ]
        resumed, again = weights_differ(small, device, precision)
        rows += [(f"{precision}: weights that resuming changed", resumed, 0)]
        rows += [(f"{precision}: weights that differ between two runs", again, 0)]
        eager, beside, recomputed = ways_differ(small, device, precision)
        rows += [
            (f"{precision}: weights that the CUDA graph changed", eager, 0),
            (f"{precision}: weights that other seeds beside changed", beside, 0),
            (f"{precision}: weights that recomputing changed", recomputed, 0),
        ]
    checks = [{"check": name, "found": found, "at_most": most, "passed": found <= most} for name, found, most in rows]
    arguments.out.mkdir(parents=True, exist_ok=True)
    system = describe_system(device).model_dump(mode="json")
    (arguments.out / "checks.json").write_text(json.dumps({"system": system, "checks": checks}, indent=2) + "\n")
    for check in checks:
        mark = "ok  " if check["passed"] else "FAIL"
        print(f"{mark}  {check['check']:48}  {check['found']:10.3g}  <= {check['at_most']:g}")

    print(f"\n{system['device_name']}, torch {system['versions']['torch']}", flush=True)
    measurements: dict[str, Callable[[], None]] = {
        "throughput": lambda: measure_throughput(arguments.out, arguments.depths, shared[:1]),
        "seeds side by side": lambda: measure_side_by_side(
            arguments.out, arguments.depths, device, 100 if device.type == "cuda" else 1
        ),
        "usual loop": lambda: measure_usual_loop(arguments.out, arguments.depths, device),
        "latency": lambda: measure_blocks(arguments.out, arguments.depths, [*shared[:1], *arguments.set]),
    }
    failed = any(not check["passed"] for check in checks)
    for name, measure in measurements.items():
        print(f"\n{name}", flush=True)
        try:
            measure()
        except Exception:  # what one measurement meets must not cost the others: a GPU may be lent for minutes
            traceback.print_exc()
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
