"""Training speed beside the usual PyTorch loop."""

import statistics

from resnet.report import words
from resnet.report.markdown import link, table
from resnet.report.style import Section
from resnet.report.tables import Tables, rows

EXPLAINED = (
    "Training with PIL transforms, a DataLoader with two workers and fp32, the same net and batch, measured in turn "
    "with this project's loop in one process; images/s are medians ± standard deviation over the rounds, the ratio is "
    "the median (and range) of the rounds' ratios.\n\n"
)


def section(tables: Tables, runs: str | None) -> Section:
    lines = []
    for x in rows(tables.usual_loop):
        between = f"({min(x.ratios):.2f} to {max(x.ratios):.2f}, n = {len(x.ratios)})"
        cells = {
            "net": f"{x.net}-{x.depth}",
            "device": x.timed_on,
            "usual loop, images/s": f"{words.repeats(x.usual_images_per_second)}, {x.usual_precision}",
            "this one, images/s": f"{words.repeats(x.images_per_second)}, {x.precision}",
            "ratio": f"{statistics.median(x.ratios):.2f} {between}",
            "result file": link(x.file, runs),
        }
        lines.append(cells)
    return Section("Beside the usual PyTorch loop", EXPLAINED + table(lines, left=2) if lines else "")
