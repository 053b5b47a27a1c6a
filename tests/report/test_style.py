"""What the figures share."""

from __future__ import annotations

import pytest

from resnet.report.style import (
    apart,
    depth_colour,
    legend_columns,
    new_figure,
    rendered,
    style,
    wrapped,
)


def test_the_papers_depths_have_six_colours() -> None:
    colours = [depth_colour(depth) for depth in (20, 32, 44, 56, 110, 1202)]
    assert len(set(colours)) == 6
    assert depth_colour(8) == colours[0]


def test_legends_and_titles_fit() -> None:
    assert legend_columns(["short"] * 3, 6.0) == 3
    assert legend_columns(["a label of sixty characters that needs all the width there is"], 6.0) == 1
    assert max(map(len, wrapped("word " * 30, 4.0).splitlines())) <= 40
    assert wrapped("on a CPU (2 threads)", 1.2).splitlines() == ["on a CPU", "(2\N{NO-BREAK SPACE}threads)"]


def test_figures_are_the_same_bytes_without_a_date() -> None:
    def draw() -> dict[str, bytes]:
        with style():
            figure = new_figure(2.0, 2.0)
            figure.subplots().plot([0, 1], [0, 1], gid="line")
            return rendered(figure, "figure")

    first = draw()
    assert draw() == first
    assert set(first) == {"figure.svg", "figure.png"}
    assert b'id="line"' in first["figure.svg"]
    assert b"<dc:date>" not in first["figure.svg"]
    assert b"tEXtSoftware" not in first["figure.png"]


def test_labels_stay_where_they_are_or_spread_about_their_mean() -> None:
    assert apart([1.0, 5.0, 9.0], 2.0) == [1.0, 5.0, 9.0]
    assert apart([1.0, 5.0, 5.0], 2.0) == [1.0, 4.0, 6.0]
    # The pair spreads into its neighbour, and the three about the mean of all.
    assert apart([4.0, 5.0, 5.0], 2.0) == pytest.approx([14 / 3 - 2, 14 / 3, 14 / 3 + 2])
    assert apart([], 2.0) == []
