"""What the figures share."""

from __future__ import annotations

from pathlib import Path

from resnet.report.style.drawing import (
    COLOURS,
    depth_colours,
    legend_columns,
    new_figure,
    save_or_remove,
    style,
    wrapped,
)


def test_one_colour_a_depth() -> None:
    assert depth_colours([56, 20, 20]) == {20: COLOURS[0], 56: COLOURS[1]}
    many = depth_colours(range(8, 80, 6))
    assert len(set(many.values())) == len(many) == 12


def test_legends_and_titles_fit() -> None:
    assert legend_columns(["short"] * 3, 6.0) == 3
    assert legend_columns(["a label of sixty characters that needs all the width there is"], 6.0) == 1
    assert max(map(len, wrapped("word " * 30, 4.0).splitlines())) <= 40


def test_figures_are_the_same_bytes_without_a_date_and_can_be_removed(tmp_path: Path) -> None:
    def draw(folder: Path) -> dict[str, bytes]:
        with style():
            figure = new_figure(2.0, 2.0)
            figure.subplots().plot([0, 1], [0, 1], gid="line")
            save_or_remove(figure, folder, "figure")
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    first = draw(tmp_path / "a")
    assert draw(tmp_path / "b") == first
    assert set(first) == {"figure.svg", "figure.png"}
    assert b'id="line"' in first["figure.svg"]
    assert b"<dc:date>" not in first["figure.svg"]
    assert b"tEXtSoftware" not in first["figure.png"]
    save_or_remove(None, tmp_path / "a", "figure")
    assert list((tmp_path / "a").iterdir()) == []
