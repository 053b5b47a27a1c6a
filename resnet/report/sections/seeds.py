"""The test error of every seed that is done, with the interval of the mean."""

from resnet.report.analysis.nets import over_seeds
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import table
from resnet.report.tables import Tables, rows


def section(tables: Tables) -> Section:
    level, lines = tables.params.report.confidence, []
    for name in tables.nets.index:
        values, done = over_seeds(tables, name, "test_error"), tables.seeds(name, "done")
        interval = values.interval(level) if values else None
        line = {
            "net": name,
            "test error of each seed, %": ", ".join(f"{run.test_error:.2f} (seed {run.seed})" for run in rows(done)),
            "mean ± std": words.spread(values.mean, values.std, values.n) if values else "mixed settings, not averaged",
            # A few scattered seeds give an interval wider than an error can be.
            f"{words.confidence(level)} of the mean": f"{max(0, interval.low):.2f} to {min(100, interval.high):.2f}"
            if interval
            else words.NONE,
        }
        lines += [line] if len(done) else []
    return Section("Seed by seed", table(lines, left=2))
