"""What the figures share."""

from __future__ import annotations

from resnet.report.style import depth_colour, entry, legend_below, new_figure, saved, style, wrapped


def test_the_papers_depths_have_six_colours() -> None:
    colours = [depth_colour(depth) for depth in (20, 32, 44, 56, 110, 1202)]
    assert len(set(colours)) == 6
    assert depth_colour(8) == colours[0]


def test_legends_and_titles_fit() -> None:
    for label, columns in (("short", 3), ("a label of sixty characters that needs all the width there is", 1)):
        figure = new_figure(6.0, 2.0)
        legend_below(figure, [entry(label)] * 3)
        assert figure.legends[0]._ncols == columns  # type: ignore[attr-defined]
    assert max(map(len, wrapped("word " * 30, 4.0).splitlines())) <= 40
    assert wrapped("on a CPU (2 threads)", 1.2).splitlines() == ["on a CPU", "(2\N{NO-BREAK SPACE}threads)"]


def test_figures_are_the_same_bytes_without_a_date() -> None:
    def draw() -> list[bytes]:
        with style():
            figure = new_figure(2.0, 2.0)
            figure.subplots().plot([0, 1], [0, 1], gid="line")
            return [saved(figure, kind) for kind in ("svg", "png")]

    svg, png = draw()
    assert draw() == [svg, png]
    assert b'id="line"' in svg
    assert b"<dc:date>" not in svg
    assert b"tEXtSoftware" not in png
