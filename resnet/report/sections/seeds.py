"""The test error of every seed that is done, with the interval of the mean."""

from resnet.report.analysis.nets import error_interval, over_seeds
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import table
from resnet.report.tables import Tables, rows


def section(tables: Tables) -> Section:
    level, lines = tables.params.report.confidence, []
    for name in [name for name in tables.nets.index if len(tables.seeds(name, "done"))]:
        values = over_seeds(tables, name, "test_error")
        errors = (f"{run.test_error:.2f} (seed {run.seed})" for run in rows(tables.seeds(name, "done")))
        ends = error_interval(tables, values) if values else None
        interval = words.interval_of_mean(ends) if ends else words.NONE
        mean = words.sample(values, "mixed settings, not averaged")
        columns = ("net", "test error of each seed, %", "mean ± std", f"{100 * level:g} % interval of the mean")
        lines.append(dict(zip(columns, (name, ", ".join(errors), mean, interval), strict=True)))
    return Section("Seed by seed", table(lines, left=2))
