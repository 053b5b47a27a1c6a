"""Latency by block and of whole nets, by pytest-benchmark.

    pytest --benchmark-only                 # the default set, minutes on two cores
    pytest --benchmark-only --full-grid     # every batch, precision, mode and depth
    pytest --benchmark-only --benchmark-group-by=param:net
    pytest --benchmark-only --benchmark-json=latency.json && resnet latency --from latency.json

What a step is and how it is timed: `resnet/measuring/block_latency.py`. Names begin with the device. A plain
`pytest` runs every benchmark of the default set once, two images at a time.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from dataclasses import astuple, fields

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from resnet.measuring.block_latency import (
    PASSES,
    Case,
    all_cases,
    build_step,
    latency_row,
    memory_needed,
    modes,
    plan_rounds,
)
from resnet.measuring.stopwatch import wall_clock
from resnet.params import TrainParams
from resnet.results import Passes
from resnet.training.devices import choose_machine

MACHINE = choose_machine(TrainParams())
DEVICE, PRECISION = MACHINE.device, MACHINE.precision
SHORTCUT = "A"
NETS = ("resnet", "plain")
DEPTHS = (20, 32, 44, 56, 110)
DEEPEST = 1202
FIELDS = tuple(field.name for field in fields(Case))
"""Parameters of a benchmark, each a plain value: `--benchmark-group-by=param:net` and the JSON file know them."""


def default_set() -> Iterator[Case]:
    """What tells most: training at the paper's batch, in this device's precision; one image at inference."""
    for mode in [mode for mode in modes(MACHINE) if mode != "compiled"]:
        usual: tuple[tuple[Passes, int], ...] = (("inference", 1), ("forward", 128), ("forward+backward", 128))
        for passes, batch_size in usual:
            yield from all_cases(passes, batch_size, PRECISION, mode, NETS, DEPTHS)
        few: tuple[tuple[Passes, int], ...] = (("inference", 1), ("forward+backward", 8))
        for passes, batch_size in few:
            yield Case(NETS[0], "net", passes, batch_size, PRECISION, mode, DEEPEST)


def full_grid() -> Iterator[Case]:
    grid = itertools.product(modes(MACHINE), ("fp32", "bf16"), PASSES, (1, 128, 1024))
    for mode, precision, passes, batch_size in grid:
        yield from all_cases(passes, batch_size, precision, mode, NETS, (*DEPTHS, DEEPEST))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases = full_grid() if metafunc.config.getoption("--full-grid") else default_set()
    metafunc.parametrize(
        FIELDS,
        [
            pytest.param(
                *astuple(case),
                id=f"{DEVICE.type}-{case.name}",
                marks=[
                    pytest.mark.benchmark(
                        timer=wall_clock(MACHINE),
                        group=f"{DEVICE.type} {case.passes}, batch {case.batch_size}, {case.precision}, {case.mode}",
                    ),
                    *([pytest.mark.slow] if case.depth == DEEPEST else []),
                ],
            )
            for case in cases
        ],
    )


@pytest.fixture
def _memory_is_given_back(benchmark: BenchmarkFixture) -> Iterator[None]:
    yield
    if benchmark.enabled:
        torch.compiler.reset()  # a compiled module would be kept, and count as a recompilation of the next
        gc.collect()
        MACHINE.release_memory()


@pytest.mark.usefixtures("_memory_is_given_back")
def test_latency(
    net: str,
    part: str,
    passes: Passes,
    batch_size: int,
    precision: str,
    mode: str,
    depth: int | None,
    benchmark: BenchmarkFixture,
    pytestconfig: pytest.Config,
) -> None:
    if benchmark.disabled:
        batch_size = min(2, batch_size)
    case = Case(net, part, passes, batch_size, precision, mode, depth)
    needed, free = memory_needed(case, SHORTCUT), MACHINE.free_memory_bytes()
    if needed > free:
        pytest.skip(f"needs about {needed / 2**30:.0f} GiB, and {free / 2**30:.0f} GiB are free")
    step = build_step(case, MACHINE, SHORTCUT)
    if benchmark.disabled:
        benchmark.pedantic(step)  # type: ignore[no-untyped-call]
        return
    asked = {name: pytestconfig.getoption(f"benchmark_{name}") for name in ("max_time", "min_rounds")}
    steps, rounds = plan_rounds(step, wall_clock(MACHINE), float(asked["max_time"]), asked["min_rounds"])
    benchmark.pedantic(step, rounds=rounds, iterations=steps)  # type: ignore[no-untyped-call]
    assert benchmark.stats is not None, "the step has run"
    stats = benchmark.stats.stats
    row = latency_row(case, SHORTCUT, steps, stats.data)
    benchmark.extra_info |= {
        "device": DEVICE.type,
        "precision": case.precision,
        "mode": case.mode,
        "parameters": row.parameters,
        "multiply_adds": row.multiply_adds,  # of one image's forward pass
        "images_per_second": case.batch_size / row.median_seconds,
        "row": row.model_dump(mode="json", exclude={"seconds", "steps"}),
    }
