"""Parameters: the paper's defaults, YAML as DVC reads it, and one clear line for every mistake."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import ParseError, parse_yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnet.errors import LINE, UserError
from resnet.params import Params, load
from resnet.params.reading import parse

ROOT = Path(__file__).parent.parent.parent
NINES = "9" * 40


def test_the_committed_file_is_the_papers_protocol() -> None:
    params = load(ROOT / "params.yaml")
    train = params.train
    assert (train.iterations, train.batch_size, train.learning_rate) == (64_000, 128, 0.1)
    assert (train.milestones, train.decay, train.momentum, train.weight_decay) == ([0.5, 0.75], 0.1, 0.9, 1e-4)
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
    with pytest.raises(UserError, match="a is plain-8, not resnet-8"):
        params.settings_for("resnet", 8, "a")


BEYOND_REASON = [
    *("iterations=true", "milestones=[true]", "momentum=false", "learning_rate=.inf", "weight_decay=.nan"),
    *("decay=nan", "iterations=1e3", f"iterations={'9' * 5000}", f"decay={'9' * 400}", "seeds=1000000000"),
    *(f"{'k' * 100_000}=1", f"device={'k' * 100_000}", f"seeds=[{'0, ' * 10_000}0]"),
]
STRANGE = [
    *("report.margin=1e13", "models.a={net: resnet, depth: 6000002}", "data.dir=2026-01-02"),
    *(f"{'a.' * 60_002}b=1", f"models.x.model.{'a.' * 10}b=1", "data.dir=", "models=3", "models.x.train=3", "=3"),
]


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
        ("train.batch_norm_images=3", "must divide batch_size"),
        ("models.x={net: resnet, depth: 21}", "the nearest are 20 and 26"),
        ("models.x={net: resnet, depth: 20, train: {lr: 1}}", "models.x.train.lr: unknown key"),
        ("train", "KEY=VALUE"),
        ("train.iterations.a=1", "is a value, not a section"),
        *((f"train.{key}", "train") for key in BEYOND_REASON),
        *((assignment, "") for assignment in STRANGE),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(assignment: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        load(ROOT / "params.yaml", [assignment])
    assert says in str(caught.value)
    assert len(str(caught.value)) <= LINE
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("no", "on", "1:30", "2026-01-02", "1_000", "0x10", "010", "0o10", "1e-4", ".5", "1.", "-3", "true", "'5'"),
        *("[1]", ".inf", ".nan", "=", "<<", NINES, "a: {b: [1, x]}", "train: {seeds: 1, seeds: 2}", "a: b: c"),
        *("a: 1\n---\nb: 2", "%YAML 9.9\n---\na: 1", "a: \x07", "a: !!python/object/apply:os.system [ls]"),
    ],
)
def test_yaml_is_what_dvc_takes_it_for(text: str) -> None:
    def read(reader: Callable[[str, str], object]) -> object:
        try:
            return reader(text, "x")
        except (UserError, ParseError):
            return "refused"

    ours = read(parse)
    assert repr(ours) == repr(read(parse_yaml))
    assert type(ours) is type(read(parse_yaml))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train: {seeds: 1}\ntrain: {iterations: 3}", "duplicate key"),
        ("[" * 60_002, "not YAML"),
        ("a: &a [*a]", "a: unknown key"),
        ("{[1]: 2}", "string"),
        ("- a", "not a mapping of sections"),
        ("train: 3", "train: "),
        ("\x80", "not YAML"),
        *((f"a: !!{tag} x", "not YAML") for tag in ("timestamp", "int", "python/name:os.system")),
    ],
)
def test_what_is_refused_is_one_short_line(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"p\.yaml") as caught:
        load(file)
    assert says in str(caught.value)
    assert len(str(caught.value)) < LINE
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["..", ".aside", "a/b", "/etc/passwd", "a\\b", "a b", "a\nb", "", "a|b", "é"])
def test_a_net_is_never_called_by_a_path(name: str) -> None:
    with pytest.raises(UserError, match="models"):
        load(None, [f"models={yaml.safe_dump({name: {'net': 'resnet', 'depth': 8}})}"])
    with pytest.raises(UserError, match=r"String should match|depth 7") as caught:
        load(None).settings_for("resnet", 8 if name else 7, name or None)
    assert "\n" not in str(caught.value)


WORDS = st.sampled_from(
    [
        *Params.model_fields,
        *("iterations", "seeds", "dir", "depth", "net", "resnet", "plain", "x", "official", "A", "..", ""),
    ]
)
PLAIN = st.one_of(WORDS, st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.dates())
SCALARS = PLAIN | st.binary(max_size=4) | st.text(max_size=8)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS | SCALARS.filter(lambda x: x == x), inner, max_size=4)
    ),
    max_leaves=20,
)
SECTIONS = st.dictionaries(st.sampled_from([*Params.model_fields, "y"]), TREES, min_size=1)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(SECTIONS.map(yaml.dump), st.text(string.printable, max_size=60), st.text(max_size=30)))
def test_anything_at_all_is_parameters_or_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    refusal = ""
    try:
        load(file, [f"train={text}"])
    except UserError as error:
        refusal = str(error)
    assert len(refusal) < LINE + len(str(tmp_path))
    assert "\n" not in refusal
