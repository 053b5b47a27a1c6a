"""The plans of this repository: of one shape, and with nothing to do in a fresh clone but their reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resnet.params import load
from tests.pipeline.project import ROOT, clone, run, running

PLANS = (".", "quickstart", "tenth", "ablations")
COMMITTED = [plan for plan in PLANS if (ROOT / plan / "dvc.lock").exists() and plan != "quickstart"]
"""Those whose results are in Git; the quickstart's are its user's own."""


@pytest.mark.parametrize("plan", PLANS[1:])
def test_a_plan_has_the_roots_stages(plan: str) -> None:
    expected = (ROOT / "dvc.yaml").read_text().replace("resnet/", "../resnet/")
    # The package of this copy, which is not the one that is installed where DVC runs a queued experiment.
    expected = expected.replace("python -m resnet", "PYTHONPATH=.. python -m resnet")
    assert (ROOT / plan / "dvc.yaml").read_text() == expected, (
        f"copy it: sed 's#resnet/#../resnet/#g; s#python -m#PYTHONPATH=.. &#' dvc.yaml > {plan}/dvc.yaml"
    )


def test_the_tenth_is_the_papers_but_for_its_length() -> None:
    tenth, root = load(ROOT / "tenth/params.yaml"), load(ROOT / "params.yaml")
    asked = {"iterations": 6400, "evaluate_every": 400, "log_every": 20, "checkpoint_every": 100, "precision": "fp32"}
    assert tenth.train.model_dump() == root.train.model_dump() | asked
    for section in ("data", "model", "throughput", "responses", "evaluate"):
        assert getattr(tenth, section) == getattr(root, section), section
    # Its three claims were fixed before the root plan named the depths of its four.
    assert tenth.report == root.report.model_copy(update={"primary_depths": [], "other_plan": ".."})


def test_an_ablation_differs_from_the_paper_in_what_it_is_about() -> None:
    ablations, root = load(ROOT / "ablations/params.yaml"), load(ROOT / "params.yaml")
    for section in ("data", "model", "train", "throughput", "responses"):
        assert getattr(ablations, section) == getattr(root, section), section


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this commit, whose sources the commands take."""
    copy = clone(ROOT, tmp_path_factory.mktemp("fresh") / "clone")
    imported = run(copy.parent, "python", "-c", "import resnet; print(resnet.__file__)", sources=copy)
    assert imported.stdout.strip() == str(copy / "resnet/__init__.py")
    return copy


def report(plan: str) -> str:
    return "report" if plan == "." else f"{plan}/dvc.yaml:report"


@pytest.mark.slow
@pytest.mark.parametrize("plan", COMMITTED)
def test_a_fresh_clone_keeps_what_it_was_given(fresh: Path, plan: str) -> None:
    assert running(run(fresh, "dvc", "repro", "--allow-missing", f"{plan}/dvc.yaml").stdout) == {report(plan)}
    changed = run(fresh, "git", "status", "--porcelain", plan).stdout
    assert changed == "", "commit what `dvc repro --allow-missing` makes"
    assert (fresh / plan / "reports/index.html").stat().st_size < 400_000


@pytest.mark.slow
def test_a_version_and_no_other_change_of_the_code_makes_results_stale(tmp_path: Path) -> None:
    copy = clone(ROOT, tmp_path / "clone")
    for path in sorted((copy / "resnet").rglob("*.py")):
        path.write_text(f"{path.read_text()}\n# more\n")
    for plan in COMMITTED:
        planned = run(copy, "dvc", "repro", "--dry", "--allow-missing", f"{plan}/dvc.yaml")
        assert running(planned.stdout) == {report(plan)}

    modules = {
        "data/version": "data",
        "nets/layers": "describe",
        "training/recipe": "train",
        "measuring/throughput": "throughput",
        "measuring/block_latency": "latency",
        "measuring/responses": "responses",
        "measuring/evaluate": "published",
    }
    for module in modules:
        path = copy / f"resnet/{module}.py"
        path.write_text(path.read_text().replace("\nVERSION = ", "\nVERSION = 1000"))
    status = json.loads(run(copy, "dvc", "status", "--json", "dvc.yaml").stdout)
    stale = {
        (path, stage.split("@")[0])
        for stage, parts in status.items()
        for part in parts
        if isinstance(part, dict)
        for path in part.get("changed deps", ())
        if path.endswith(".py")
    }
    expected = {(f"resnet/{module}.py", stage) for module, stage in modules.items()}
    assert stale == expected | {("resnet/measuring/responses.py", "published")}


@pytest.mark.slow
def test_git_and_dvc_leave_out_the_same_files_of_results() -> None:
    """What Git leaves out of a clone must not enter the hash of a folder of results."""
    left_out = (
        "runs/train/x/seed-0/checkpoint.safetensors",
        "runs/train/x/seed-0/checkpoint.previous.safetensors",
        "runs/describe/.a.json.partial",
        "runs/sweep/study.db-wal",
        "runs/sweep/trials/x/0.json",
        "tenth/reports/index.html",
    )
    assert run(ROOT, "git", "check-ignore", *left_out).stdout.split() == [*left_out]
    assert run(ROOT, "dvc", "check-ignore", *left_out).stdout.split() == [*left_out]
