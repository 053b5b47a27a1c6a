"""All that is measured on a GPU, in one go.

    pytest -m gpu                                        # first: whether the numbers are right there
    python bench/gpu_checks.py --out DIR                 # on a GPU, minutes
    python bench/gpu_checks.py --out DIR --device cpu --depths 8   # the same measurements, to try the script

Each goes into files that the report reads when DIR is its folder of runs: `throughput/` at every depth, with
the machine's peaks (the roofline) and energy; `latency/` of blocks and nets, eager and graphed;
`side-by-side.json`, images/s of one to five seeds at once, with and without torch.compile; `usual-loop/`,
training beside the usual PyTorch loop. Exit code 1 if a measurement could not be made, which does not keep
the others from being made. Nothing but this repository and its dependencies for training is needed: no
data, no DVC.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import usual_loop

from resnet import printing
from resnet.measuring.latency import measure_latency
from resnet.measuring.stopwatch import time_step, wall_clock
from resnet.measuring.throughput import measure_throughput, noise
from resnet.nets import fused
from resnet.params import TrainParams, load
from resnet.system import Machine, choose_machine
from resnet.training.trainer import EAGER_ITERATIONS, Trainer


def throughput(out: Path, depths: Sequence[int], machine: Machine) -> None:
    """Throughput, peaks and energy of the residual net of every depth."""
    for depth in depths:
        record = measure_throughput(load(None).settings_for("resnet", depth), machine)
        record.write(out / "throughput" / f"resnet-{depth}.json")
        for line in printing.throughput_lines(record):
            print(line, flush=True)


def beside_the_usual_loop(out: Path, depths: Sequence[int], machine: Machine) -> None:
    """The two shallowest depths beside the usual loop."""
    for depth in sorted(depths)[:2]:
        record = usual_loop.compare("resnet", depth, machine, rounds=3 if machine.device.type == "cpu" else 5)
        record.write(out / "usual-loop" / f"{machine.device.type}-resnet-{depth}.json")
        ratios = record.ratios
        print(
            f"resnet-{depth}: {statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def latency(out: Path, depths: Sequence[int], machine: Machine, assignments: Sequence[str]) -> None:
    """Blocks of both nets, and whole nets up to 110 layers."""
    whole = [depth for depth in depths if depth <= 110]
    record = measure_latency(load(None, [f"latency.depths={whole}", *assignments]), machine)
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


def seeds_side_by_side(depth: int, compiled: bool, seeds: int, machine: Machine, steps: int) -> dict[str, object]:
    """Images/s of all seeds together, and the seconds until the first of them is up to speed."""
    settings = load(None, [f"train.compile={compiled}"]).settings_for("resnet", depth)
    began = time.perf_counter()
    trainers = [Trainer(settings, seed, noise(5000), machine) for seed in range(seeds)]

    def step() -> None:
        for trainer in trainers:
            trainer.advance()

    for _ in range(EAGER_ITERATIONS + 2):
        step()
    machine.synchronise()
    ready = time.perf_counter() - began
    seconds = time_step(step, wall_clock(machine), steps, rounds=3)
    return {
        "net": f"resnet-{depth}",
        "compiled": compiled,
        "seeds": seeds,
        "precision": machine.precision,
        "images_per_second": [seeds * settings.train.batch_size / step for step in seconds],
        "seconds_until_ready": ready,
    }


def side_by_side(out: Path, depths: Sequence[int], machine: Machine, steps: int) -> None:
    """One, two, three and five seeds at once, up to 110 layers."""
    rows = []
    for depth in (depth for depth in depths if depth <= 110):
        for compiled in (False, True):
            for seeds in (1, 2, 3, 5):
                row = seeds_side_by_side(depth, compiled, seeds, machine, steps)
                rows.append(row)
                print(
                    f"{row['net']:12} {'compiled' if compiled else '':8} {seeds} seeds  "
                    f"{statistics.median(row['images_per_second']):12,.0f} images/s together  "  # type: ignore[call-overload]
                    f"ready in {row['seconds_until_ready']:.1f} s",
                    flush=True,
                )
    system = machine.describe(fused.available).model_dump(mode="json")
    (out / "side-by-side.json").write_text(json.dumps({"system": system, "rows": rows}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--depths", type=int, nargs="*", default=[20, 32, 44, 56, 110, 1202])
    parser.add_argument("--set", action="append", default=[], help="a parameter of the latencies: latency.seconds=0.1")
    arguments = parser.parse_args()
    machine, out, depths = choose_machine(TrainParams(device=arguments.device)), arguments.out, arguments.depths
    out.mkdir(parents=True, exist_ok=True)
    system = machine.describe(fused.available)
    print(f"{system.device_name}, torch {system.versions['torch']}, {machine.precision}", flush=True)
    measurements: dict[str, Callable[[], None]] = {
        "throughput": lambda: throughput(out, depths, machine),
        "seeds side by side": lambda: side_by_side(out, depths, machine, 100 if system.device == "cuda" else 1),
        "usual loop": lambda: beside_the_usual_loop(out, depths, machine),
        "latency": lambda: latency(out, depths, machine, arguments.set),
    }
    failed = False
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
