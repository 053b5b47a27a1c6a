"""How numbers, units and lists are written. Nothing here knows Markdown."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

NONE = "–"
"""What a cell shows if a figure does not exist; what has not been measured says so instead."""


def missing(value: Any) -> bool:
    return value is None or value != value


def count(value: Any) -> str:
    return NONE if missing(value) else f"{value:,.0f}"


def setting(value: Any) -> str:
    """A parameter's value as a reader would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return listed(map(setting, value))
    return count(value) if isinstance(value, int) else str(value).removesuffix(".0")


def percent(value: float | None) -> str:
    """An error in %, two decimals."""
    return NONE if missing(value) else f"{value:.2f}"


def rounded_parameters(value: float) -> str:
    """Round as the paper does: 0.27M, 1.7M, 19.4M."""
    return f"{value / 1e6:.{2 if value < 1e6 else 1}f}M"


def multiply_adds(value: float | None) -> str:
    """In millions: 40.55M, 2,829M."""
    return NONE if value is None else f"{value / 1e6:,.{2 if value < 1e9 else 0}f}M"


def spread(mean: float, std: float | None, n: int | None, decimals: int = 2) -> str:
    """Write `8.51 ± 0.22 (n = 5)`, `8.75 (n = 1)`, or `8.75` if n is unknown."""
    written = f"{mean:,.{decimals}f}" + ("" if missing(std) else f" ± {std:,.{decimals}f}")
    return written if n is None else f"{written} (n = {n})"


def sample(values: Any, otherwise: str = NONE, decimals: int = 2) -> str:
    """The mean ± std (n) of values over seeds; `otherwise` without any."""
    return spread(values.mean, values.std, values.n, decimals) if values else otherwise


def published_error(published: Any, *, best: bool = True) -> str:
    """Write a published error as `6.61 ± 0.16 (n = 5), best 6.43`; `NONE` without one."""
    lowest = f", best {published.best:.2f}" if best and published and published.best is not None else ""
    return f"{spread(published.error, published.std, published.n)}{lowest}" if published else NONE


def repeats(values: Sequence[float], decimals: int = 1, scale: float = 1.0) -> str:
    """The median of a few repeats and, of several, their standard deviation."""
    std = statistics.stdev(values) / scale if len(values) > 1 else None
    return spread(statistics.median(values) / scale, std, len(values), decimals)


def images_per_second(value: float, std: float | None = None) -> str:
    # Slow nets differ in the decimals.
    return NONE if missing(value) else spread(value, std, None, 0 if value >= 100 else 1)


def interval(ends: tuple[float, float] | None, decimals: int = 2) -> str:
    """The interval of a difference."""
    return NONE if ends is None or missing(ends[0]) else f"{ends[0]:+.{decimals}f} to {ends[1]:+.{decimals}f}"


def interval_of_mean(ends: tuple[float, float] | None) -> str:
    """The interval of a mean error in %, cut at 0 and 100: few scattered seeds give a wider one."""
    return NONE if ends is None else f"{max(0.0, ends[0]):.2f} to {min(100.0, ends[1]):.2f}"


def difference(difference: Any, confidence: float) -> str:
    """Write a `Difference` with its interval: `-0.50 (-1.00 to +0.00)`."""
    return f"{difference.value:+.2f} ({interval(difference.interval(confidence))})" if difference else NONE


def p_value(p: float | None) -> str:
    if p is None or missing(p):
        return NONE
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def size(value: float) -> str:
    """Bytes in MiB or GiB."""
    mebibytes = value / 2**20
    return f"{mebibytes:,.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:,.1f} GiB"


def per_second(value: float, unit: str) -> str:
    """Write `96.5 GFLOP/s` or `1.2 TB/s`, three figures."""
    power, prefix = next(((p, x) for p, x in ((1e12, "T"), (1e9, "G"), (1e6, "M")) if value >= p), (1.0, ""))
    return f"{value / power:.3g} {prefix}{unit}"


def shares(values: Sequence[float], whole: float, over: str) -> str:
    """Write the median and spread of a few repeats as `26 ± 3 %` of a whole; `over` says why it is above 100 %."""
    percents = [100 * value / whole for value in values]
    median, std = statistics.median(percents), statistics.stdev(percents) if len(percents) > 1 else None
    return f"{spread(median, std, None, 0 if median >= 10 else 1)} %" + (f" ({over})" if median > 100 else "")


def duration(seconds: float, std: float | None = None) -> str:
    """Write `0.84 s`, `12.3 s`, `3.3 min` or `2.5 ± 0.1 h`."""
    short = (1.0, "s", 1 if seconds >= 10 else 2)
    length, unit, decimals = next((x for x in ((3600.0, "h", 1), (60.0, "min", 1)) if seconds >= 2 * x[0]), short)
    return f"{spread(seconds / length, std and std / length, None, decimals)} {unit}"


def long_duration(seconds: float) -> str:
    """Write `20.0 min`, `12.3 h`, or `591 h (25 days)`."""
    days, hours = seconds / 86_400, seconds / 3600
    return duration(seconds) if days < 3 else f"{hours:,.0f} h ({days:,.0f} days)"


def listed(items: Iterable[str]) -> str:
    """Write `a`, `a and b`, or `a, b and c`."""
    *first, last = [*items] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def numbered(number: int, noun: str) -> str:
    """Write `1 seed` or `3 seeds`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def seeds(numbers: Sequence[int]) -> str:
    """Write `seed 3` or `seeds 0, 1 and 2`."""
    return f"seed{'s' if len(numbers) > 1 else ''} {listed(map(str, numbers))}"


def grouped(values: dict[str, str], whole: int) -> dict[str, str]:
    """For each different value the names that have it, listed; `all nets` if they are the whole number."""
    alike: dict[str, list[str]] = {}
    for name, value in values.items():
        alike.setdefault(value, []).append(name)
    return {value: "all nets" if 1 < len(names) == whole else listed(names) for value, names in alike.items()}


def measured(record: Any) -> str:
    """Under which conditions a `ThroughputRecord` was measured."""
    timing = record.training
    counts = dict.fromkeys((timing.steps, record.inference.steps))  # on a GPU as many as fill a round
    steps = f"{' and '.join(map(count, counts))} step{'' if [*counts] == [1] else 's'}"
    repeats = numbered(len(timing.step_seconds), "repeat")
    return f"batch {count(timing.batch_size)}, {record.precision}, {repeats} of {steps}, on {record.system.timed_on}"
