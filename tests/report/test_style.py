"""What the figures share."""

from __future__ import annotations

from matplotlib.figure import Figure

from resnet.report.style import DEPTHS, depth_colour, entry, legend_below


def test_a_deeper_net_is_darker_and_each_can_be_read_on_white() -> None:
    shares = [[int(depth_colour(depth)[k : k + 2], 16) / 255 for k in (1, 3, 5)] for depth in DEPTHS]
    linear = [[((x + 0.055) / 1.055) ** 2.4 if x > 0.04 else x / 12.92 for x in of_colour] for of_colour in shares]
    contrasts = [1.05 / (0.05 + 0.2126 * r + 0.7152 * g + 0.0722 * b) for r, g, b in linear]  # of WCAG
    assert contrasts == sorted(contrasts)
    assert contrasts[0] >= 3
    assert len({*map(depth_colour, DEPTHS)}) == 6
    assert depth_colour(8) == depth_colour(20)


def test_a_legend_fits() -> None:
    for label, columns in (("short", 3), ("a label of sixty characters that needs all the width there is", 1)):
        figure = Figure((6.0, 2.0))
        legend_below(figure, [entry(label)] * 3)
        assert figure.legends[0]._ncols == columns  # type: ignore[attr-defined]
