"""How figures and tables are written in Markdown: rounding, units, escaping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resnet.report.analysis.statistics import Sample

NONE = "–"
"""What a cell shows where a figure does not exist; what has not been measured says so instead."""


def count(value: int) -> str:
    return f"{value:,}"


def rounded_parameters(value: int) -> str:
    """Round as the paper does: 0.27M, 1.7M, 19.4M."""
    millions = value / 1e6
    return f"{millions:.2f}M" if millions < 1 else f"{millions:.1f}M"


def multiply_adds(value: int) -> str:
    """In millions: 40.55M, 2,829M."""
    millions = value / 1e6
    return f"{millions:,.2f}M" if millions < 1000 else f"{millions:,.0f}M"


def spread(mean: float, std: float | None, n: int | None, decimals: int = 2) -> str:
    """Write `8.51 ± 0.22 (n = 5)`, `8.75 (n = 1)`, or `8.75` where n is unknown."""
    text = f"{mean:,.{decimals}f}"
    if std is not None:
        text += f" ± {std:,.{decimals}f}"
    return text if n is None else f"{text} (n = {n})"


def error(values: Sample) -> str:
    """An error in %, two decimals."""
    return spread(values.mean, values.std, values.n)


def size(value: float) -> str:
    """Bytes in MiB or GiB."""
    mebibytes = value / 2**20
    return f"{mebibytes:,.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:,.1f} GiB"


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


def durations(values: Sample) -> str:
    """Write `20.0 ± 0.3 min (n = 5)`."""
    length, unit, decimals = _unit(values.mean)
    std = None if values.std is None else values.std / length
    return f"{spread(values.mean / length, std, None, decimals)} {unit} (n = {values.n})"


def listed(items: Sequence[str]) -> str:
    """Write `a`, `a and b`, or `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def seeds(numbers: Sequence[int]) -> str:
    """Write `seed 3` or `seeds 0, 1 and 2`."""
    return f"seed{'s' if len(numbers) > 1 else ''} {listed([str(number) for number in numbers])}"


def escaped(text: str) -> str:
    """Escape what Markdown or HTML would take for markup in text that comes from a file."""
    for sign in "\\`*_|[]<>":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())


def bullets(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Write a Markdown table; the first `left` columns are flush left, the others right."""
    rule = ["---" if column < left else "---:" for column in range(len(headings))]
    lines = [headings, rule, *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
