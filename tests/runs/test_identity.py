"""What counts as another run, and what does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resnet.data import Data
from resnet.params import Settings
from resnet.runs.identity import fingerprint, parsed_source


@pytest.mark.parametrize(("key", "value"), [("learning_rate", 0.2), ("iterations", 13), ("warmup", "true")])
def test_settings_that_bear_on_the_result_count(
    key: str, value: object, tiny: Callable[..., Settings], digits: Data
) -> None:
    one = fingerprint(tiny(), digits.record, "fp32")
    other = fingerprint(tiny(**{key: value}), digits.record, "fp32")
    assert one.configuration != other.configuration
    assert (one.data, one.code) == (other.data, other.code)


def test_how_often_to_save_and_which_seeds_do_not(tiny: Callable[..., Settings], digits: Data) -> None:
    one = fingerprint(tiny(), digits.record, "fp32")
    assert one == fingerprint(tiny(checkpoint_every=3, seeds=7), digits.record, "fp32")
    assert one != fingerprint(tiny(), digits.record, "bf16")
    assert one != fingerprint(tiny(net="plain"), digits.record, "fp32")


def test_other_data_count(tiny: Callable[..., Settings], digits: Data) -> None:
    other = digits.record.model_copy(update={"split_fingerprint": "0" * 64})
    assert fingerprint(tiny(), digits.record, "fp32").data != fingerprint(tiny(), other, "fp32").data


def test_comments_docstrings_and_layout_of_code_do_not_count() -> None:
    one = 'def f(x):\n    """Say."""\n    return x + 1\n'
    same = "# why\ndef f( x ):\n    return (x\n            + 1)  # because\n"
    other = "def f(x):\n    return x + 2\n"
    assert parsed_source(one) == parsed_source(same) != parsed_source(other)
