"""What faults did: counted by kind, and written as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HARMS = {
    "lost": "a file of the user's is gone or other than without the fault, or a killed command ends with other bits",
    "tracebacks": "an error that is no line for its user",
    "silent": "accepted with exit code 0, although it cannot be right",
    "hung": "no end within minutes",
    "long": "more than one line, or than 600 characters, or characters that a terminal obeys",
}
"""Ways in which a fault does harm."""


class Outcome(NamedTuple):
    """What one fault did."""

    kind: str
    harm: str | None = None
    """One of `HARMS`."""
    example: str = ""


def page(outcomes: Sequence[Outcome], of: str) -> str:
    """A page: kinds in the order in which they were tried, their sum, and what failed."""
    rows = []
    for kind in [*dict.fromkeys(outcome.kind for outcome in outcomes), "all"]:
        mine = Counter(outcome.harm for outcome in outcomes if kind in (outcome.kind, "all"))
        rows.append((kind, mine.total(), *(mine[harm] for harm in HARMS)))
    lines = [("kind", "tried", *HARMS), ("---", *["---:"] * (1 + len(HARMS))), *rows]
    table = "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
    meanings = "".join(f"- **{harm}**: {meaning}\n" for harm, meaning in HARMS.items())
    failed = "".join(f"- {kind}: {harm}: {example[:300]!a}\n" for kind, harm, example in outcomes if harm)
    return f"# Faults: {of}\n\n{meanings}\n{table}\n{failed}"


def digest(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content, but for reports in it, which are made anew."""
    paths = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in paths.items() if not name.startswith("reports/")}
