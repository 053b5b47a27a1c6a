"""False alarms of the report's tests, counted with fewer repetitions than in docs/protocol.md."""

from __future__ import annotations

import pytest

from tests.report.false_alarms import PAGE, ROWS, SEEDS, Row, share

REPETITIONS = 2_500
"""A standard error of 0.44 % at 5 %: the bounds of 3 and 7 % are more than four of them away."""


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.words)
def test_false_alarms_keep_to_the_level(row: Row) -> None:
    shares = {n: share(row, n, 1_000 if row.repetitions < 20_000 else REPETITIONS) for n in SEEDS}
    assert max(shares.values()) <= row.high
    assert min(shares.values() if row.exact else [shares[5]]) >= row.low
    (line,) = [x for x in PAGE.read_text(encoding="utf-8").splitlines() if x.startswith(f"| {row.words} |")]
    assert max(map(float, line.split("|")[2:5])) <= row.high
