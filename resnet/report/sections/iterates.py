"""What choosing an iterate buys: the last, the one of lowest validation error, and the best on the test set."""

from resnet.report import words
from resnet.report.analysis.curves import choices
from resnet.report.markdown import table
from resnet.report.style import Section
from resnet.report.tables import Tables

EXPLAINED = (
    "\nThe iterates are those of the curve, in the precision of training; the last is measured in fp32. Only the "
    "last iterate is reported elsewhere: the best on the test set is chosen on what it is measured on.\n"
)


def section(tables: Tables) -> Section:
    lines = [
        {
            "net": choice.name,
            "last iterate, %": words.sample(choice.last),
            "by validation, %": words.sample(choice.by_validation, "no validation set"),
            "best on test, %": words.sample(choice.best),
            "what peeking buys, points": words.spread(choice.gained.mean, choice.gained.std, None),
        }
        for choice in filter(None, (choices(tables, name) for name in tables.nets.index))
    ]
    return Section("Appendix: error by choice of the iterate", table(lines) + EXPLAINED if lines else "")
