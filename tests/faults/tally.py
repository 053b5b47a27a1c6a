"""What faults did: counted by kind, and written as a page."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

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
- **long**: more than one line, or than {length} characters.

{table}
{failures}"""


@dataclass
class Tally:
    """How often each kind of fault was tried, and what harm it did."""

    tried: Counter[str] = field(default_factory=Counter)
    harm: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, kind: str, harm: str | None = None, example: str = "") -> None:
        """Count one fault, and what it did."""
        self.tried[kind] += 1
        counts = self.harm.setdefault(kind, Counter())
        if harm is not None:
            counts[harm] += 1
            shown = re.sub(r"(?<![\w.])/(?:[^\s/\"':]+/)+", "", " ".join(example.split()))  # a machine's paths stay out
            self.failures.append(f"- {kind}: {harm}: `{shown[:300].replace('`', chr(39))}`")

    def merge(self, other: Tally) -> None:
        """Count what another has counted."""
        self.tried += other.tried
        for kind, counts in other.harm.items():
            self.harm.setdefault(kind, Counter()).update(counts)
        self.failures += other.failures

    def dump(self) -> str:
        """Itself as text, for `parse`."""
        return json.dumps([self.tried, self.harm, self.failures])

    @classmethod
    def parse(cls, text: str) -> Tally:
        """What `dump` wrote."""
        tried, harm, failures = json.loads(text)
        return cls(Counter(tried), {kind: Counter(counts) for kind, counts in harm.items()}, failures)

    def table(self) -> str:
        """The table of the page: kinds in the order in which they were tried, and their sum."""
        heads = ("kind", "tried", *HARMS)
        rows = [(kind, tried, *(self.harm[kind][harm] for harm in HARMS)) for kind, tried in self.tried.items()]
        rows.append(("all", self.tried.total(), *(sum(c[harm] for c in self.harm.values()) for harm in HARMS)))
        lines = [heads, ("---", *["---:"] * (len(heads) - 1)), *rows]
        return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)

    def page(self, **facts: object) -> str:
        """The page that reliability.md is."""
        failures = "## What failed\n\n" + "\n".join(self.failures) + "\n" if self.failures else ""
        return PAGE.format(table=self.table(), failures=failures, **facts).rstrip() + "\n"


def digest(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
