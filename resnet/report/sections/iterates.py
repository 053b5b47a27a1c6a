"""What choosing an iterate buys: the last, the one of lowest validation error, and the best on the test set."""

from resnet.report.analysis.curves import choices
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import table
from resnet.report.tables import Tables


def section(tables: Tables) -> Section:
    lines = []
    for choice in filter(None, (choices(tables, name) for name in tables.nets.index)):
        samples = {
            "last iterate, %": choice.last,
            "by validation, %": choice.by_validation,
            "best on test, %": choice.best,
        }
        cells = {key: words.spread(x.mean, x.std, x.n) if x else "no validation set" for key, x in samples.items()}
        gained = words.spread(choice.gained.mean, choice.gained.std, None)
        lines.append({"net": choice.name, **cells, "what peeking buys, points": gained})
    explained = (
        "\nThe iterates are those of the curve, in the precision of training; the last is measured in fp32. Only the "
        "last iterate is reported elsewhere: the best on the test set is chosen on what it is measured on.\n"
    )
    return Section("Appendix: error by choice of the iterate", table(lines) + explained if lines else "")
