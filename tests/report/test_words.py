"""How figures are written, as far as no topic's test by hand shows it."""

from __future__ import annotations

import pytest

from resnet.report import words


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (words.count(float("nan")), "–"),
        (words.setting(True), "yes"),
        (words.setting(1e-5), "1e-05"),
        (words.setting(None), "none"),
        (words.setting([0.5, 0.75]), "0.5 and 0.75"),
        (words.multiply_adds(2_829_000_000), "2,829M"),
        (words.images_per_second(10.42, 0.71), "10.4 ± 0.7"),
        (words.images_per_second(float("nan")), "–"),
        (words.p_value(0.00009), "< 0.0001"),
        (words.size(3 * 2**30), "3.0 GiB"),
        (words.duration(0.84), "0.84 s"),
        (words.duration(1260.0, 60.0), "21.0 ± 1.0 min"),
    ],
)
def test_written(written: str, expected: str) -> None:
    assert written == expected


def test_names_are_grouped_by_what_holds_for_them() -> None:
    assert words.grouped({"a": "x", "b": "y", "c": "x"}, 3) == {"x": "a and c", "y": "b"}
    assert words.grouped({"a": "x", "b": "x"}, 2) == {"x": "all nets"}
    assert words.grouped({"a": "x"}, 1) == {"x": "a"}
