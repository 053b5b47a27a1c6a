"""The report: tables, figures and summary.md as a pure function of result files.

    runs/ ──► collect ──► statistics ──► tables, figures ──► summary

PyTorch is never loaded. The same files give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from resnet.files import write_text
from resnet.params import Params
from resnet.report import figures, tables
from resnet.report.collect import collect
from resnet.report.summary import summary


def build(params: Params, runs: Path, reports: Path) -> Path:
    """Write the tables, the figures and `summary.md` into `reports`, and give the summary's path.

    Args:
        params: `models` are the report's rows, in their order.
        runs: the folder of result files: `describe/`, `throughput/`, `train/`.
        reports: each file in it is replaced whole.

    Raises:
        UserError: a result file is damaged, or a net's seeds were trained under different settings.
    """
    rows = collect(params, runs)
    tables.write_all(rows, reports)
    drawn = figures.draw_all(rows, reports)
    path = reports / "summary.md"
    write_text(path, summary(params, rows, drawn))
    return path
