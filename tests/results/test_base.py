"""Result files: read back as written, refused when they are not what they say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from resnet.errors import UserError
from resnet.results import EvaluationRecord

EVALUATION = EvaluationRecord(
    net="resnet",
    depth=20,
    shortcut="A",
    weights="w",
    data="d",
    official=False,
    data_fingerprint="0",
    images=10,
    wrong=1,
    test_error=10.0,
    test_loss=math.nan,
)


def test_a_record_is_read_back_as_written_even_with_nan(tmp_path: Path) -> None:
    EVALUATION.write(tmp_path / "e.json")
    assert '"nan"' in (tmp_path / "e.json").read_text()
    again = EvaluationRecord.read(tmp_path / "e.json")
    assert math.isnan(again.test_loss)
    assert again.model_dump(exclude={"test_loss"}) == EVALUATION.model_dump(exclude={"test_loss"})


@pytest.mark.parametrize("text", ["{", "[]", '{"net": 3}', ""])
def test_a_damaged_record_is_named_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(UserError, match=r"e\.json") as caught:
        EvaluationRecord.read(tmp_path / "e.json")
    assert "\n" not in str(caught.value)


def test_an_unknown_field_is_refused(tmp_path: Path) -> None:
    EVALUATION.write(tmp_path / "e.json")
    text = (tmp_path / "e.json").read_text().replace('"wrong"', '"false": 3, "wrong"')
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(UserError, match="false"):
        EvaluationRecord.read(tmp_path / "e.json")
