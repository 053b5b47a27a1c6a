"""Print lines of Python by room, and words of docs, beside the budgets that CONTRIBUTING.md names: `make size`."""

from pathlib import Path

ROOT = Path(__file__).parent.parent


def size(place: str) -> int:
    """Lines of a Python file or of those in a folder; of `docs` the words of its pages."""
    path = ROOT / place
    if place == "docs":
        return sum(len(page.read_text(encoding="utf-8").split()) for page in path.glob("*.md"))
    files = [path] if path.is_file() else path.rglob("*.py")
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


print(f"{'room':<52}{'now':>8}{'budget':>8}")
for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines():
    places, _, budget = line.strip("| ").rpartition(" | ")
    if line.startswith("| `") and budget.replace(",", "").isdigit():
        now, most = sum(size(place.strip("`")) for place in places.split(", ")), int(budget.replace(",", ""))
        print(f"{places.replace('`', ''):<52}{now:>8,}{most:>8,}{f'  {now - most:,} over' if now > most else ''}")
