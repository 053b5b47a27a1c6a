"""What faults did: counted by kind, and written as a page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HARMS = ("lost", "tracebacks", "silent", "hung", "long")
"""Ways in which a fault does harm."""

PAGE = """# Reliability

Made by `python -m tests.faults` on version {version}, seed {seed}: {kills:,} kills of real processes at random moments,
and {inputs:,} generated bad inputs. Nothing here is typed by hand; what fails is listed below the table.

- **lost**: a result, a checkpoint or a file of the user's is gone, half written or other than without the fault; a
  killed command, given again, ended with other bits or not at all.
- **tracebacks**: an error that is no line for its user.
- **silent**: accepted with exit code 0 and no word, although it cannot be right.
- **hung**: no end within {patience:.0f} seconds.
- **long**: more than one line, or than {length} characters, or characters that a terminal obeys.

{table}
{failures}"""


class Outcome(NamedTuple):
    """What one fault did."""

    kind: str
    harm: str | None = None
    """One of `HARMS`."""
    example: str = ""

    def __str__(self) -> str:
        shown = re.sub(r"(?<![\w.])/(?:[^\s/\"':]+/)+", "", " ".join(self.example.split()))  # without a machine's paths
        return f"- {self.kind}: {self.harm}: `{ascii(shown[:300])[1:-1].replace('`', chr(39))}`\n"


def page(outcomes: Sequence[Outcome], **facts: object) -> str:
    """The page that reliability.md is: kinds in the order in which they were tried, their sum, and what failed."""
    counts = Counter((outcome.kind, outcome.harm) for outcome in outcomes)
    rows = []
    for kind in [*dict.fromkeys(outcome.kind for outcome in outcomes), "all"]:
        mine = Counter({key: count for key, count in counts.items() if kind in (key[0], "all")})
        rows.append((kind, mine.total(), *(sum(mine[key] for key in mine if key[1] == harm) for harm in HARMS)))
    lines = [("kind", "tried", *HARMS), ("---", *["---:"] * (1 + len(HARMS))), *rows]
    table = "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
    failed = "".join(str(outcome) for outcome in outcomes if outcome.harm)
    failures = f"## What failed\n\n{failed}" if failed else ""
    killed = sum(outcome.kind.startswith("kill") for outcome in outcomes)
    facts |= {"kills": killed, "inputs": len(outcomes) - killed}
    return PAGE.format(table=table, failures=failures, **facts).rstrip() + "\n"


def digest(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
