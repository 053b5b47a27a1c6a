"""False alarms of the report's tests, counted with fewer repetitions than in docs/protocol.md."""

from __future__ import annotations

import pytest

from tests.report.false_alarms import BEGIN, END, NOT_USED, PAGE, ROWS, SEEDS, Row, share

REPETITIONS = 2_500
"""A standard error of 0.44 % at 5 %: the bounds of 3 and 7 % are more than four of them away."""


@pytest.mark.slow
@pytest.mark.parametrize("row", [*ROWS, *NOT_USED], ids=lambda row: row.words)
def test_false_alarms_keep_to_the_level(row: Row) -> None:
    shares = {n: share(row, n, 1_000 if row.repetitions < 20_000 else REPETITIONS) for n in SEEDS}
    assert max(shares.values()) <= row.high
    assert min(shares.values() if row.exact else [shares[5]]) >= row.low


def test_the_page_has_a_line_for_each_test() -> None:
    counted = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    lines = [line.split("|")[1:5] for line in counted.splitlines() if line.startswith("| ") and "n =" not in line]
    assert [words.strip() for words, *_ in lines] == [row.words for row in (*ROWS, *NOT_USED)]
    for (_, *shares), row in zip(lines, (*ROWS, *NOT_USED), strict=True):
        assert max(map(float, shares)) <= row.high
