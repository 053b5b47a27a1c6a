"""YAML of every kind gives what DVC reads, or one short line."""

from __future__ import annotations

import math
import string
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import ParseError, parse_yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnet.errors import LINE, UserError
from resnet.params import Params, load
from resnet.params.reading import parse

NINES = "9" * 40


@pytest.mark.parametrize(
    "text",
    [
        *("no", "on", "yes", "1:30", "2026-01-02", "1_000", "0x10", "010", "0o10", "1e-4", ".5", "1.", "-3", "true"),
        *("'5'", "[1]", NINES, ".inf", "a: {b: [1, x]}", "=", "<<", "train: {seeds: 1, seeds: 2}", "a: b: c"),
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
    assert ours == read(parse_yaml)
    assert type(ours) is type(read(parse_yaml))


def test_nothing_is_none_and_a_number_may_be_none_at_all() -> None:
    assert parse("", "x") is parse("~", "x") is None
    assert math.isnan(parse(".nan", "x"))
    assert parse("010", "x") == 10
    assert parse("no", "x") == "no"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train: {seeds: 1}\ntrain: {iterations: 3}", "duplicate key"),
        ("[" * 60_002, "not YAML"),
        ("- " * 60_002, "not YAML"),
        ("a: &a [*a]", "a: unknown key"),
        ("{[1]: 2}", "string"),
        ("? {a: 1}\n: 2", "not YAML"),
        *((f"a: !!{tag} x", "not YAML") for tag in ("timestamp", "int", "bool", "binary", "python/name:os.system")),
    ],
)
def test_what_is_refused_is_one_short_line(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"p\.yaml") as caught:
        load(file)
    assert says in str(caught.value)
    assert len(str(caught.value)) < LINE
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "assignment",
    [
        *("train.iterations=true", "train.learning_rate=true", "train.milestones=[true]", "train.momentum=false"),
        *("train.learning_rate=.inf", "train.learning_rate=1e999", "train.weight_decay=.nan", "train.momentum=.nan"),
        *("train.decay=nan", "train.iterations=1e3000", f"train.iterations={'9' * 5000}", f"train.decay={'9' * 400}"),
        *("train.seeds=1000000000", "train.batch_size=100000000000", "report.bootstrap_samples=10000000000"),
        *("models.a={net: resnet, depth: 6000002}", f"{'a.' * 60_002}b=1", f"models.x.model.{'a.' * 10}b=1"),
        *(f"train.{'k' * 100_000}=1", f"train.device={'k' * 100_000}", f"train.seeds=[{'0, ' * 10_000}0]"),
        *("data.dir=", "models=3", "models.x=", "models.x.train=3", "models.=3", "=3", "data.dir=2026-01-02"),
    ],
)
def test_numbers_and_sizes_beyond_reason(assignment: str) -> None:
    with pytest.raises(UserError) as caught:
        load(None, [assignment])
    assert len(str(caught.value)) <= LINE
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *("..", ".", ".aside", "a/b", "/etc/passwd", "../x", "a\\b", "c:x", "a b", "a\nb", ""),
        *("`", "a|b", "$x$", "<b>", "é"),
    ],
)
def test_a_net_is_never_called_by_a_path(name: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump({"models": {name: {"net": "resnet", "depth": 8}}}))
    with pytest.raises(UserError, match="models"):
        load(file)
    with pytest.raises(UserError, match=r"models\."):
        load(None).settings_for("resnet", 8 if name else 7, name or None)


def test_two_names_that_are_one_folder() -> None:
    with pytest.raises(UserError, match="take for one"):
        load(None, ["models={a: {net: resnet, depth: 8}, A: {net: resnet, depth: 14}}"])


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
