"""What counts as another run, and what does not."""

from __future__ import annotations

import pytest

from resnet.data import Data
from resnet.params import load
from resnet.runs.results import identity
from tests.runs.conftest import Tiny


def test_settings_that_bear_on_the_result_and_the_data_count(tiny: Tiny, digits: Data) -> None:
    one = identity(tiny(), digits.record, "fp32")
    for changes in ({"learning_rate": 0.2}, {"iterations": 13}, {"warmup": "true"}, {"net": "plain"}):
        other = identity(tiny(**changes), digits.record, "fp32")
        assert one.differences(other) == ["configuration"]
    assert one.differences(identity(tiny(), digits.record, "bf16")) == ["configuration"]
    data = digits.record.model_copy(update={"split_fingerprint": "0" * 64})
    assert one.differences(identity(tiny(), data, "fp32")) == ["data"]
    # How often to save, where and which seeds do not.
    for changes in ({"checkpoint_every": 3, "seeds": 7}, {"checkpoint_every": "auto", "device": "cpu"}):
        assert one == identity(tiny(**changes), digits.record, "fp32")


@pytest.mark.parametrize(("net", "digest"), [("resnet", "9bda61756bc68e17"), ("plain", "7a9dff02d594ad07")])
def test_a_wider_net_is_another_and_the_papers_width_is_as_before(net: str, digest: str, digits: Data) -> None:
    def of_width(*assignments: str) -> str:
        return identity(load(None, assignments).settings_for(net, 8), digits.record, "fp32").configuration

    assert of_width() == of_width("model.width=1") != of_width("model.width=2")
    assert (of_width("model.shortcut=B") == of_width()) == (net == "plain")
    assert of_width()[:16] == digest, "results from before there was a width no longer count"
