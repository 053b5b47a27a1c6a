"""False alarms of the report's tests, counted with fewer repetitions than in docs/protocol.md."""

from __future__ import annotations

import pytest

from tests.report.false_alarms import BEGIN, END, NOT_USED, PAGE, ROWS, SEEDS, Row, share

REPETITIONS = 2_500
"""A standard error of 0.44 % at 5 %: the bounds of 3 and 7 % are more than four of them away."""


@pytest.mark.parametrize("row", [*ROWS, *NOT_USED], ids=lambda row: row.words)
def test_false_alarms_keep_to_the_level(row: Row) -> None:
    shares = {n: share(row, n, 1_000 if row.repetitions < 20_000 else REPETITIONS) for n in SEEDS}
    assert max(shares.values()) <= row.high
    assert min(shares.values() if row.exact else [shares[5]]) >= row.low


def test_the_page_holds_a_line_for_each_test() -> None:
    counted = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    lines = [line for line in counted.splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip() for line in lines if "n = 2" not in line] == [
        x.words for x in (*ROWS, *NOT_USED)
    ]
    figures = {
        line.split("|")[1].strip(): [float(cell) for cell in line.split("|")[2:5]]
        for line in lines
        if "n =" not in line
    }
    for row in (*ROWS, *NOT_USED):
        assert max(figures[row.words]) <= row.high
