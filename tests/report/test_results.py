"""Damaged result files, made by the hundred: each is named or holds together, and none ends the report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnet.report import pages
from resnet.report.results import Results, read_results
from resnet.results import StoredFile, TrainingRecord
from tests.faults.sources import damage, spoil_json
from tests.report.conftest import Files
from tests.report.made_up import a_plan, a_sweep, a_system

NETS = ("resnet-20", "resnet-56", "plain-20")


def _with_digests(metrics: Path) -> None:
    """Name the files beside a record in it, as training does."""
    weights = metrics.with_name("model.safetensors")
    weights.write_bytes(os.urandom(100))
    files = {
        name: StoredFile.describe(metrics.with_name(name))
        for name in ("model.safetensors", "history.csv", "test_predictions.npy")
    }
    TrainingRecord.read(metrics).model_copy(update={"files": files}).write(metrics)
    weights.unlink()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A plan with a file of every kind."""
    plan = Files(a_plan(*NETS, seeds=2), tmp_path_factory.mktemp("whole") / "runs")
    for place, name in enumerate(NETS):
        for seed in (0, 1):
            wrong = np.arange(500) % (7 + place + seed) == 0
            metrics = plan.train(name, seed, wrong=wrong, systems=[a_system(), a_system()])
            _with_digests(metrics)
        plan.describe(name)
        plan.throughput(name)
        plan.responses(name, [1.0, 0.5, 0.2], [1.1, 0.6, 0.3])
    plan.latency()
    plan.usual_loop()
    plan.forecast()
    a_sweep(20, 9.0, 8.0).write(plan.runs / "sweep" / "resnet-20.json")
    plan.published("theirs", depth=20, source="an address")
    assert not plan.results().not_counted
    return plan


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _holds_together(results: Results) -> None:
    """What the report shows of runs: within range, and the same in all of a run's files."""
    for run in (run for net in results.nets.values() for run in net.done):
        record = run.record
        assert 0 <= record.test_error <= 100  # type: ignore[operator]
        assert record.iteration == record.iterations == record.settings["train"]["iterations"]
        assert 0 < record.seconds < 1e13
        if run.curve:
            assert (run.curve[-1].test_error, run.curve[-1].iteration) == (record.test_error, record.iteration)
            assert [row.iteration for row in run.curve] == sorted(row.iteration for row in run.curve)
        if run.predictions is not None:
            wrong = (run.predictions[:, 0] != run.predictions[:, 1]).sum()
            assert 100 * wrong / len(run.predictions) == record.test_error
    assert all(reason.isprintable() and 0 < len(reason) < 250 for _, reason in results.not_counted)


def _harmed(whole: Files, folder: Path, draw: Callable[..., Any]) -> Results:
    """The results of a copy of the folder in which one or two files came to harm."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole.runs, folder)
    for file in draw(st.lists(st.sampled_from(_files(folder)), min_size=1, max_size=2, unique=True)):
        how = spoil_json if file.endswith(".json") and draw(st.booleans()) else damage
        how(draw, folder / file)
    results = read_results(whole.params, folder)
    _holds_together(results)
    return results


QUIET: Any = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=40, **QUIET)
@given(data=st.data())
def test_a_damaged_file_is_named_or_holds_together(whole: Files, data: st.DataObject) -> None:
    _harmed(whole, whole.runs.parent / "harmed", data.draw)


@pytest.mark.slow
@pytest.mark.usefixtures("unsaved")
@settings(max_examples=30, **QUIET)
@given(data=st.data())
def test_whatever_is_damaged_the_report_is_made(whole: Files, data: st.DataObject) -> None:
    folder = whole.runs.parent / "drawn"
    pages.make(_harmed(whole, folder, data.draw), None, folder, folder.parent / "reports")


@pytest.mark.parametrize("place", [".", "train"])
@pytest.mark.parametrize("what", ["file", "loop"])
def test_what_is_in_the_place_of_runs_is_named(place: str, what: str, files: Callable[..., Files]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20")
    path = plan.runs / place
    shutil.rmtree(path)
    path.write_text("") if what == "file" else path.symlink_to(path.name)
    assert (place, "not a folder that can be read") in plan.results().not_counted


def test_measurements_of_nets_that_are_not_the_plans_are_named(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-56")
    described = plan.describe("resnet-20")
    for name in ("resnet-56", "other"):
        shutil.copy(described, described.with_stem(name))
    assert plan.results().not_counted == [
        ("describe/other.json", "the plan does not name it"),
        ("describe/resnet-56.json", "holds another net than the plan's of this name"),
    ]
