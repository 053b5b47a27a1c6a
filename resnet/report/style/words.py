"""How numbers, units and lists are written. Nothing here knows Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

NONE = "–"
"""What a cell shows where a figure does not exist; what has not been measured says so instead."""


def count(value: float) -> str:
    return f"{value:,.0f}"


def setting(value: Any) -> str:
    """A parameter's value as a reader would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return count(value) if isinstance(value, int) else str(value)


def percent(value: float | None) -> str:
    """An error in %, two decimals."""
    return NONE if value is None or value != value else f"{value:.2f}"


def rounded_parameters(value: float) -> str:
    """Round as the paper does: 0.27M, 1.7M, 19.4M."""
    millions = value / 1e6
    return f"{millions:.2f}M" if millions < 1 else f"{millions:.1f}M"


def multiply_adds(value: float) -> str:
    """In millions: 40.55M, 2,829M."""
    millions = value / 1e6
    return f"{millions:,.2f}M" if millions < 1000 else f"{millions:,.0f}M"


def spread(mean: float, std: float | None, n: int | None, decimals: int = 2) -> str:
    """Write `8.51 ± 0.22 (n = 5)`, `8.75 (n = 1)`, or `8.75` where n is unknown."""
    written = f"{mean:,.{decimals}f}"
    if std is not None and std == std:
        written += f" ± {std:,.{decimals}f}"
    return written if n is None else f"{written} (n = {n})"


def repeats(values: Sequence[float], decimals: int = 1, scale: float = 1.0) -> str:
    """The median of a few repeats and, of several, their standard deviation."""
    std = statistics.stdev(values) / scale if len(values) > 1 else None
    return spread(statistics.median(values) / scale, std, len(values), decimals)


def images_per_second(value: float, std: float | None) -> str:
    # Nets that manage few images a second need decimals to be told apart.
    return spread(value, std, None, 0 if value >= 100 else 1)


def interval(ends: tuple[float, float], decimals: int = 2) -> str:
    """The interval of a difference."""
    return f"{ends[0]:+.{decimals}f} to {ends[1]:+.{decimals}f}"


def confidence(level: float) -> str:
    return f"{100 * level:g} % interval"


def p_value(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def size(value: float) -> str:
    """Bytes in MiB or GiB."""
    mebibytes = value / 2**20
    return f"{mebibytes:,.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:,.1f} GiB"


def per_second(value: float, unit: str) -> str:
    """Write `96.5 GFLOP/s` or `1.2 TB/s`, three figures."""
    for power, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= power:
            return f"{value / power:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def share(part: float, whole: float) -> str:
    ratio = 100 * part / whole
    return f"{ratio:.0f} %" if ratio >= 10 else f"{ratio:.1f} %"


def _unit(seconds: float) -> tuple[float, str, int]:
    """The unit of time for a length, how many seconds it has, and the decimals to show."""
    for length, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * length:
            return length, unit, 1
    return 1.0, "s", 1 if seconds >= 10 else 2


def duration(seconds: float) -> str:
    """Write `0.84 s`, `12.3 s`, `3.3 min` or `2.5 h`."""
    length, unit, decimals = _unit(seconds)
    return f"{seconds / length:,.{decimals}f} {unit}"


def durations(mean: float, std: float | None, n: int) -> str:
    """Write `20.0 ± 0.3 min (n = 5)`."""
    length, unit, decimals = _unit(mean)
    return f"{spread(mean / length, None if std is None else std / length, None, decimals)} {unit} (n = {n})"


def listed(items: Sequence[str]) -> str:
    """Write `a`, `a and b`, or `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def numbered(number: int, noun: str) -> str:
    """Write `1 seed` or `3 seeds`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def seeds(numbers: Sequence[int]) -> str:
    """Write `seed 3` or `seeds 0, 1 and 2`."""
    return f"seed{'s' if len(numbers) > 1 else ''} {listed([str(number) for number in numbers])}"


def data_and_length(data: Sequence[str], iterations: int | None) -> str:
    """Write `CIFAR-10` or `digits, 400 iterations`: what a figure's title says, for it may be seen alone."""
    return ", ".join([*data, *([f"{count(iterations)} iterations"] if iterations else [])])
