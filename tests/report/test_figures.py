"""Every figure of extreme results can be read: no mathematics in ticks, nothing cut, no two texts on each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from matplotlib.figure import Figure

from resnet.report.results import Results
from resnet.report.style import style
from resnet.report.topics import curves, errors, responses, speed
from tests.report.conftest import Files
from tests.report.drawn import assert_readable
from tests.report.made_up import a_plan

NAMES = (*(f"resnet-{depth}" for depth in (20, 32, 44, 56, 110, 1202)), *(f"plain-{d}" for d in (20, 32, 44, 56, 110)))
FIGURES: dict[str, Callable[[Results], Figure | None]] = {
    "errors": lambda x: errors.figure(x.nets, x.data),
    "curves": lambda x: curves.figure(x.nets, x.data),
    "responses": lambda x: responses.figure(x.nets, x.published),
    "speed": lambda x: speed.figure(x.nets),
}


@pytest.fixture(scope="module")
def extreme(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Nets of one run and of several, errors from 0.01 to 90 %, speeds over five powers of ten."""
    plan = Files(a_plan(*NAMES, seeds=3), tmp_path_factory.mktemp("extreme") / "runs")
    for place, name in enumerate(NAMES):
        depth = plan.params.models[name].depth
        for seed in range(1 if depth > 56 else 3):
            plan.train(name, seed, 90.0 if name == "plain-110" else 0.01 + 5 * (place % 5) ** 2 + seed)
        step = 10.0 ** (place % 6 - 3)
        plan.throughput(name, (step, 1.5 * step, 3 * step), (step / 9, step / 8, step / 7))
        if depth < 1202:
            strongest = 17_099.0 if name == "plain-110" else 13.8
            plan.responses(name, [strongest, *(0.2 + k % 7 for k in range(depth - 2))])
    return plan.results()


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_of_extreme_results_can_be_read(name: str, extreme: Results) -> None:
    with style():
        assert_readable(FIGURES[name](extreme))
