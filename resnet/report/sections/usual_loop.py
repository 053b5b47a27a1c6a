"""Training speed beside the usual PyTorch loop."""

import statistics

from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import link, table
from resnet.report.tables import Tables, rows


def section(tables: Tables, runs: str | None) -> Section:
    lines = [
        {
            "net": f"{loop.net}-{loop.depth}",
            "device": loop.device_name,
            "usual loop, images/s": f"{words.repeats(loop.usual_images_per_second)}, {loop.usual_precision}",
            "this one, images/s": f"{words.repeats(loop.images_per_second)}, {loop.precision}",
            "ratio": f"{statistics.median(loop.ratios):.2f} ({min(loop.ratios):.2f} to {max(loop.ratios):.2f}, "
            f"n = {len(loop.ratios)})",
            "result file": link(loop.file, runs and f"{runs}/{loop.file}"),
        }
        for loop in rows(tables.usual_loop)
    ]
    explained = (
        "Training with PIL transforms, a DataLoader with two workers and fp32, the same net and batch, measured in "
        "turn with this project's loop in one process; images/s are medians ± standard deviation over the rounds, the "
        "ratio is the median (and range) of the rounds' ratios.\n\n"
    )
    return Section("Beside the usual PyTorch loop", explained + table(lines, left=2) if lines else "")
