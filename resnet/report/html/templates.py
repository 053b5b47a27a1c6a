"""Templates for `dvc plots show` and `dvc plots diff`: the charts of index.html over the tidy CSV files.

`python -m resnet.report.html.templates .dvc/plots` writes them anew; a test holds them to this file. DVC fills in what
stands between `<DVC_METRIC_` and `>`, hands every cell over as text, and adds `rev`, the revision.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import altair as alt

from resnet.files import write_text
from resnet.report.html.charts import CONFIG, HOVER, HOVERED, THOUSANDS, Spec, layered, tooltip
from resnet.report.style import COLOURS

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{refresh_tag}
<title>Plots of the plan</title>
<style>
body { max-width: 1080px; margin: 0 auto; padding: 24px; font: 16px/1.5 system-ui, sans-serif; }
body > div { margin-bottom: 40px; }
.vega-embed { width: 100%; }
</style>
<!-- What the report wrote beside the plan's numbers; where it is not there, the library comes from outside as in DVC's
own page. -->
<script src="../reports/vega.js"></script>
<template id="outside">{scripts}</template>
<script>
if (!window.vegaEmbed) document.write(document.getElementById("outside").innerHTML);
</script>
<script>
const embed = window.vegaEmbed;
window.vegaEmbed = (place, spec) => embed(place, spec, { actions: false, renderer: "svg", logLevel: 1 });
</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""
"""Of `dvc plots`: it lies in `dvc_plots/` beside `reports/`."""


MANY = (*COLOURS[:6], "#8C564B", "#7F7F7F", "#9467BD", "#BCBD22", "#17BECF", "#AA3377", "#44AA99")
"""A colour for each net of the paper's plan, as many as there are."""


def _number(field: str) -> str:
    return f"toNumber(datum['{field}'])"


def _rows() -> Any:
    """DVC's rows, without those where nothing was measured."""
    chart: Any = alt.Chart(alt.InlineData(values="<DVC_METRIC_DATA>"))
    chart = chart.transform_calculate(x=_number("<DVC_METRIC_X>"), y=_number("<DVC_METRIC_Y>"))
    return chart.transform_filter("isValid(datum.x) && isValid(datum.y)")


def _axes(axis: alt.Axis, **scale: Any) -> tuple[alt.X, alt.Y]:
    x = alt.X("x:Q", title="<DVC_METRIC_X_LABEL>", scale=alt.Scale(nice=False, **scale), axis=axis)
    return x, alt.Y("y:Q", title="<DVC_METRIC_Y_LABEL>", scale=alt.Scale(zero=False))


_NET = alt.Color("name:N", title="net", scale=alt.Scale(range=list(MANY)))
_CLICKED: Any = alt.selection_point(name="clicked", fields=["name"], bind="legend")
_FAINT = alt.condition(_CLICKED, alt.value(0.9), alt.value(0.08))
"""A click on the legend leaves one net, with Shift several."""


def _spec(**layers: Any) -> Spec:
    sized = layered(**layers).properties(title="<DVC_METRIC_TITLE>", width="container", height=360)
    title = {"title": {"color": "currentColor", "anchor": "start", "fontSize": 16}}
    legend = {"legend": {"labelColor": "currentColor", "titleColor": "currentColor", "symbolOpacity": 1}}
    spec: Spec = sized.configure(**CONFIG | title | legend).to_dict()
    return spec


def curves() -> Spec:
    """A line a net and revision: the mean over the seeds that were measured at an iteration."""
    over_seeds = ["rev", "name", "x"]
    means = _rows().transform_aggregate(y="mean(y)", seeds="count()", groupby=over_seeds)
    x, y = _axes(alt.Axis(labelExpr=THOUSANDS, tickCount=10), domainMin=0)
    dashes = alt.StrokeDash("rev:N", title="revision")
    lines = means.mark_line(strokeWidth=1.8).encode(x, y, color=_NET, strokeDash=dashes, opacity=_FAINT)
    points = means.mark_point(size=60, filled=True).encode(x, y, color=_NET, opacity=HOVERED)
    points = points.encode(tooltip=[*tooltip("name", "rev", "seeds"), *_values("x", "y")])
    return _spec(lines=lines.add_params(_CLICKED), points=points.add_params(HOVER))


def errors() -> Spec:
    """A point a seed, in its net's colour; revisions have shapes."""
    shape, axes = alt.Shape("rev:N", title="revision"), _axes(alt.Axis(format=",d"), type="log", padding=24)
    points = _rows().mark_point(size=70, filled=True).encode(*axes, color=_NET, shape=shape)
    points = points.encode(opacity=_FAINT, tooltip=[*tooltip("name", "rev", "seed"), *_values("x", "y")])
    return _spec(points=points.add_params(_CLICKED))


def _values(*fields: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{x}:Q", title=f"<DVC_METRIC_{x.upper()}_LABEL>", format=",.5~g") for x in fields]


def texts() -> dict[str, str]:
    """The files by their names."""
    specs = {"curves.json": curves(), "errors.json": errors()}
    return {name: f"{json.dumps(spec, indent=2)}\n" for name, spec in specs.items()} | {"page.html": PAGE}


def main(folder: str) -> None:
    for name, text in texts().items():
        write_text(Path(folder) / name, text)


if __name__ == "__main__":
    main(*sys.argv[1:])
