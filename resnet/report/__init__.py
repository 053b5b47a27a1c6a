"""The report: tables, figures and summary.md, a pure function of result files.

Nothing here trains or measures, and torch is never imported: the report is rebuilt in seconds on
any machine. The same parameters and result files give the same bytes.
"""

import os
import sys
from pathlib import Path

from resnet.params import Params


def build(params: Params, runs: Path, reports: Path, readme: Path | None = None, version: int | None = None) -> Path:
    """Write summary.md, the pages that it links to, the tables and the figures.

    Args:
        params: the plan; a net that has not been run keeps its row and says so.
        runs: the folder of result files; it may be empty or absent.
        reports: where to write; files of an earlier report are replaced once all of the new one are made.
        readme: another file that gets the headline between its markers, which name the folder `reports`.
        version: `resnet.training.recipe.VERSION`, which the report, without PyTorch, is told: runs of another are
            shown, and count as left to do [runs of any version are the plan's].

    Returns:
        The path of summary.md, which takes its place last. A damaged result file is left out, and named there and on
        standard error.

    Raises:
        UserError: `readme` has no markers; nothing is written.
    """
    # Figures are files: a notebook's or a desktop's choice of a window is not asked for, and may not be there.
    os.environ["MPLBACKEND"] = "agg"
    # Matplotlib, pandas and SciPy take a second to load: `from resnet.report import build` need not wait.
    from resnet.report.pages import write
    from resnet.report.results import read_results
    from resnet.report.tables import read_tables

    tables = read_tables(params, runs, version)
    for file, problem in zip(tables.damaged["file"], tables.damaged["problem"], strict=True):
        print(f"{runs / file}: left out: {problem}", file=sys.stderr)
    return write(tables, read_results(params, runs, version), runs, reports, readme)
