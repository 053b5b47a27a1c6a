"""Parameters: the paper's defaults, overrides, and one clear line for every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from resnet.errors import UserError
from resnet.params import load

ROOT = Path(__file__).parent.parent.parent


def test_the_committed_file_is_the_papers_protocol() -> None:
    params = load(ROOT / "params.yaml")
    train = params.train
    assert (train.iterations, train.batch_size, train.learning_rate) == (64_000, 128, 0.1)
    assert (train.milestones, train.decay, train.momentum, train.weight_decay) == (
        [0.5, 0.75],
        0.1,
        0.9,
        1e-4,
    )
    assert (params.data.validation, params.model.shortcut, train.warmup) == (5000, "A", False)
    warmed = [name for name in params.models if params.settings(name).train.warmup]
    assert warmed == ["resnet-110", "resnet-1202"]
    assert params.settings("resnet-1202").train.seed_list == [0]
    assert params.settings("resnet-20").train.seed_list == [0, 1, 2, 3, 4]
    assert [params.settings(name).depth for name in list(params.models)[:6]] == [20, 32, 44, 56, 110, 1202]


def test_the_committed_file_spells_out_every_default() -> None:
    """What holds must be readable in the file: no key rests on a default of the code alone."""
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    written = load(ROOT / "params.yaml").model_dump(mode="json", exclude={"models"})
    for section, values in written.items():
        assert set(tree[section]) == set(values), section
    # Others' weights, the depths of the claims, the other plan and the precision are this plan's, no default.
    of_report = {"primary_depths", "other_plan"}
    apart: Any = {"models": True, "evaluate": True, "report": of_report, "train": {"precision"}}
    assert load(None).model_dump(exclude=apart) == load(ROOT / "params.yaml").model_dump(exclude=apart)
    assert load(None).evaluate.published == []


def test_assignments_come_over_the_file_and_entries_over_both(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("train: {iterations: 10, seeds: 2}\nmodels: {a: {net: plain, depth: 8, train: {seeds: [7]}}}")
    params = load(file, ["train.iterations=20", "models.a.model.shortcut=B"])
    assert params.settings("a").train.iterations == 20
    assert params.settings("a").train.seed_list == [7]
    assert params.settings("a").model.shortcut == "B"
    assert params.settings_for("resnet", 8).train.seed_list == [0, 1]


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("train.iteration=5", "train.iteration: unknown key"),
        ("nonsense=5", "nonsense: unknown key"),
        ("train.iterations=0", "train.iterations"),
        ("train.milestones=[0.5, 1.5]", "train.milestones.1"),
        ("train.milestones=[0.75, 0.5]", "must ascend"),
        ("train.seeds=-1", "train.seeds"),
        ("train.seeds=[0, -1]", "none negative"),
        ("train.seeds=[1, 1]", "each once"),
        ("train.precision=fp8", "train.precision"),
        ("limits.hours=many", "limits.hours"),
        ("data.split_seed=-1", "data.split_seed"),
        ("models.x={net: resnet, depth: 21}", "the nearest are 20 and 26"),
        ("models.x={net: resnet, depth: 20, train: {lr: 1}}", "models.x.train.lr: unknown key"),
        ("models.x={net: vgg, depth: 20}", "models.x.net"),
        ("train", "KEY=VALUE"),
        ("train.iterations.a=1", "is a value, not a section"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(assignment: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        load(ROOT / "params.yaml", [assignment])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["a: [", "- a", "train: 3", "\x80"])
def test_a_file_that_is_no_parameters(tmp_path: Path, text: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"p\.yaml") as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_another_net() -> None:
    with pytest.raises(UserError, match="resnet-20 is resnet-20, not plain-20"):
        load(ROOT / "params.yaml").settings_for("plain", 20, "resnet-20")
