"""The report: tables, figures and summary.md, a pure function of result files.

Nothing here trains or measures, and torch is never imported: the report is rebuilt in seconds on
any machine. The same parameters and result files give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from resnet.files import write_text
from resnet.params import Params


def build(params: Params, runs: Path, reports: Path) -> Path:
    """Write summary.md, the tables and the figures.

    Args:
        params: the plan; a net that has not been run keeps its row and says so.
        runs: the folder of result files; it may be empty or absent.
        reports: where to write; files of an earlier report are replaced.

    Returns:
        The path of summary.md, which is written last.

    Raises:
        UserError: a result file is damaged; nothing is written.
    """
    # Matplotlib and SciPy take a second to load: `from resnet.report import build` need not wait.
    from resnet.report.pages import summary
    from resnet.report.sections.curves import write_figures
    from resnet.report.sections.results import write_tables
    from resnet.report.sections.sweep import read_sweeps, section, write_sweep_figure
    from resnet.report.tables import collect

    results, sweeps = collect(params, runs), read_sweeps(runs)
    write_tables(results, reports)
    drawn = write_figures(results, reports / "figures")
    write_sweep_figure(sweeps, reports / "figures")
    path = reports / "summary.md"
    write_text(path, summary(results, drawn, runs, reports) + section(sweeps))
    return path
