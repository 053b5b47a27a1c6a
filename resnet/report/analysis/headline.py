"""What the first page says in figures: ours beside the paper's."""

from typing import NamedTuple

from resnet.report.analysis.comparisons import on_the_papers_schedule, published_comparisons
from resnet.report.analysis.nets import without_ablations
from resnet.report.published import PublishedError
from resnet.report.samples import Difference
from resnet.report.tables import Tables


class Beside(NamedTuple):
    """The paper's figure of a net beside ours."""

    figure: PublishedError
    difference: Difference | None
    """Ours minus the paper's; None where one seed shows no spread."""
    word: str
    """`equivalent`, `different` or `undecided`."""


def comparable(tables: Tables) -> list[str]:
    """The nets with a finished seed that published errors apply to: the paper's schedule on the official data."""
    done = [name for name in tables.nets.index if len(tables.seeds(name, "done"))]
    return on_the_papers_schedule(tables, done) if tables.official else []


def papers_protocol(tables: Tables) -> bool:
    """Whether published errors belong beside those of the main nets: all that are done are comparable."""
    done = [name for name in without_ablations(tables) if len(tables.seeds(name, "done"))]
    return tables.official and set(done) <= set(comparable(tables))


def beside_the_paper(tables: Tables) -> dict[str, Beside]:
    """The paper's figure of each net that is comparable with one."""
    compared = published_comparisons(tables, comparable(tables))
    papers = {x.name: x for x in compared if x.figure.source == "paper"}
    return {
        name: Beside(
            x.figure,
            x.verdict.difference if x.verdict else None,
            x.verdict.word if x.verdict and x.verdict.word in ("equivalent", "different") else "undecided",
        )
        for name, x in papers.items()
    }
