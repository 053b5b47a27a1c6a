"""What counts as another run, and what does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resnet.data import Data
from resnet.params import Settings, load
from resnet.params.bearing import WITHOUT_EFFECT, bearing
from resnet.runs.identity import identity


@pytest.mark.parametrize(("key", "value"), [("learning_rate", 0.2), ("iterations", 13), ("warmup", "true")])
def test_settings_that_bear_on_the_result_count(
    key: str, value: object, tiny: Callable[..., Settings], digits: Data
) -> None:
    one = identity(tiny(), digits.record, "fp32")
    other = identity(tiny(**{key: value}), digits.record, "fp32")
    assert one.configuration != other.configuration
    assert (one.data, one.version) == (other.data, other.version)


def test_how_often_to_save_and_which_seeds_do_not(tiny: Callable[..., Settings], digits: Data) -> None:
    one = identity(tiny(), digits.record, "fp32")
    assert one == identity(tiny(checkpoint_every=3, seeds=7), digits.record, "fp32")
    assert one == identity(tiny(checkpoint_every="auto", device="cpu"), digits.record, "fp32")
    assert one != identity(tiny(), digits.record, "bf16")
    assert one != identity(tiny(net="plain"), digits.record, "fp32")


def test_other_data_count(tiny: Callable[..., Settings], digits: Data) -> None:
    other = digits.record.model_copy(update={"split_fingerprint": "0" * 64})
    assert identity(tiny(), digits.record, "fp32").data != identity(tiny(), other, "fp32").data


def test_a_key_that_came_later_counts_only_where_it_changes_something(
    tiny: Callable[..., Settings], digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if `momentum` had come after version 1: the runs from before had none to tell."""
    without = tiny().train.model_dump(mode="json", exclude=WITHOUT_EFFECT | {"momentum"})
    monkeypatch.setattr("resnet.params.bearing.LATER", {"momentum"})
    assert bearing(tiny().train) == without
    assert identity(tiny(), digits.record, "fp32") != identity(tiny(momentum=0.8), digits.record, "fp32")


@pytest.mark.parametrize("net", ["resnet", "plain"])
def test_a_wider_net_is_another_and_the_papers_width_is_as_before(net: str, digits: Data) -> None:
    def of_width(*assignments: str) -> str:
        return identity(load(None, assignments).settings_for(net, 8), digits.record, "fp32").configuration

    assert of_width() == of_width("model.width=1")
    assert of_width("model.width=2") != of_width()
    assert (of_width("model.shortcut=B") == of_width()) == (net == "plain")
    before = {"resnet": "9bda61756bc68e17", "plain": "7a9dff02d594ad07"}
    assert of_width()[:16] == before[net], "results from before there was a width no longer count"
