"""What the paper and others published, as the one file holds it."""

from __future__ import annotations

from resnet.report.published import FILE, papers_error, published


def test_published_figures_are_the_papers() -> None:
    known, depths = published(), (20, 32, 44, 56, 110, 1202)
    paper = {depth: papers_error("resnet", depth, "A") for depth in depths}
    assert [figure.error for figure in paper.values() if figure] == [8.75, 7.51, 7.17, 6.97, 6.61, 7.93]
    assert paper[110] is not None
    assert (paper[110].std, paper[110].n, paper[110].best) == (0.16, 5, 6.43)
    assert papers_error("plain", 20, "none") is None
    assert papers_error("resnet", 20, "B") is None  # the paper's is of option A
    assert known.parameters[1202] == "19.4M"
    assert all(source.url.startswith("https://") for source in known.sources.values())
    assert FILE.name == "published.yaml"


def test_figures_are_those_of_the_same_shortcut() -> None:
    known = published()
    assert {figure.source for figure in known.errors_of("resnet", 20, "B")} == {"raphaelreme"}
    assert {figure.source for figure in known.errors_of("resnet", 20, "A")} == {"paper", "nabla0001", "akamaster"}
    assert [figure.error for figure in known.errors_of("plain", 56, "none")] == [12.95]


def test_the_papers_parameters_are_those_of_its_shortcuts() -> None:
    given = [published().parameters_of(56, shortcut) for shortcut in ("A", "B", "C", "none")]
    assert given == ["0.85M", None, None, "0.85M"]
    assert published().parameters_of(8, "A") is None
