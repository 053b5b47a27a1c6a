"""The report: tables, figures and summary.md, a pure function of result files.

Nothing here trains or measures, and torch is never imported: the report is rebuilt in seconds on
any machine. The same parameters and result files give the same bytes.
"""

import os
import sys
from pathlib import Path

from resnet.errors import UserError, one_line
from resnet.files import write_text
from resnet.params import Params, load


def build(
    params: Params,
    runs: Path,
    reports: Path,
    readme: Path | None = None,
    version: int | None = None,
    plan: Path = Path(),
) -> Path:
    """Write summary.md, the pages that it links to, the tables and the figures.

    Args:
        params: the plan; a net that has not been run says so in its row.
        runs: the folder of result files; it may be empty or absent.
        reports: where to write; files of an earlier report are replaced once all of the new one are made.
        readme: another file that gets the headline between its markers, which name the folder `reports`.
        version: `resnet.training.recipe.VERSION`, which needs PyTorch: runs of another do not count [all count].
        plan: the plan's folder, from which `report.other_plan` leads to the other one.

    Returns:
        The path of summary.md. Standard error names every file that does not count.

    Raises:
        UserError: the plan has no net, `readme` no markers, or the other plan no parameters; nothing is written.
    """
    if not params.models:
        raise UserError("the parameters have no models: there is nothing to report")
    # Figures are files: a notebook's or a desktop's choice of a window may not be there.
    os.environ["MPLBACKEND"] = "agg"
    # Matplotlib, pandas and SciPy take a second to load: `from resnet.report import build` need not wait.
    from resnet.report.pages import SUMMARY, make, put, with_headline
    from resnet.report.results import read_results

    results = read_results(params, runs, version)
    for file, reason in results.not_counted:
        print(one_line(f"{runs / file}: not counted: {reason}"), file=sys.stderr)
    others = None
    if params.report.other_plan:
        folder = plan / params.report.other_plan
        others = read_results(load(folder / "params.yaml"), folder / "runs", version)
    files, absent, head = make(results, others, runs, reports)
    text = with_headline(readme, head, reports) if readme else ""
    put(files, absent, reports)
    if readme:
        write_text(readme, text)
    return reports / SUMMARY
