"""What a short wait of threads costs on a quiet machine, and gains where other programs want the cores.

    python bench/busy.py --depth 20                     # on a machine that does nothing else

Trains with two threads (or --threads) for some seconds, in a process of its own for each way to wait and each
number of busy loops beside it, in turn. Prints medians of images/s as Markdown. `resnet/threads.py` holds
what was chosen.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

WAYS = {
    "as OpenMP has it": {},
    **{f"GOMP_SPINCOUNT={spins}": {"GOMP_SPINCOUNT": str(spins)} for spins in (1_000, 3_000, 10_000, 30_000, 100_000)},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
}
"""Ways to wait at the end of an operation, by the environment that asks for them."""


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Other programs: `count` processes that do nothing but compute."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def images_per_second(depth: int, precision: str, seconds: float) -> float:
    """Train for so many seconds, after three iterations to warm up."""
    from resnet.measuring.stopwatch import steps_that_fill, time_round, wall_clock
    from resnet.measuring.throughput import training_stepper
    from resnet.params import load
    from resnet.training.devices import choose_machine

    settings = load(None, ["train.device=cpu", f"train.precision={precision}"]).settings_for("resnet", depth)
    batch_size = settings.train.batch_size
    machine = choose_machine(settings.train)
    step, clock = training_stepper(settings, machine, batch_size), wall_clock(machine)
    for _ in range(3):
        step()
    steps, _ = steps_that_fill(step, clock, seconds)
    return batch_size / time_round(step, clock, steps)


def measure(arguments: argparse.Namespace, way: str, busy: int) -> float:
    """Images/s of a new process that waits in this way beside so many busy loops."""
    names = {name for environment in WAYS.values() for name in environment}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {"OMP_NUM_THREADS": str(arguments.threads), **WAYS[way]}
    command = [sys.executable, __file__, "--measured", "--depth", str(arguments.depth)]
    command += ["--precision", arguments.precision, "--seconds", str(arguments.seconds)]
    with busy_loops(busy):
        return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 4], help="numbers of busy loops")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS), metavar="WAY")
    parser.add_argument("--measured", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measured:
        print(images_per_second(arguments.depth, arguments.precision, arguments.seconds))
        return
    print(f"{arguments.threads} threads, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before")
    speeds: dict[tuple[str, int], list[float]] = {}
    for _ in range(arguments.rounds):
        for busy in arguments.busy:
            for way in arguments.ways:
                speeds.setdefault((way, busy), []).append(measure(arguments, way, busy))
    columns = [f"beside {busy} busy loops" if busy else "quiet" for busy in arguments.busy]
    print(f"\n| ResNet-{arguments.depth}, images/s | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for way in arguments.ways:
        values = (statistics.median(speeds[way, busy]) for busy in arguments.busy)
        print(f"| {way} | {' | '.join(f'{value:,.0f}' for value in values)} |")


if __name__ == "__main__":
    main()
