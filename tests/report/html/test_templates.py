"""DVC's templates: those that are committed are those that the charts make."""

from __future__ import annotations

import json

import yaml
from dvc_render.vega_templates import Template

from resnet.report.html.templates import texts
from tests.pipeline.project import ROOT

FOLDER = ROOT / ".dvc/plots"


def test_what_is_committed_is_what_the_charts_make() -> None:
    for name, text in texts().items():
        assert (FOLDER / name).read_text() == text, "python -m resnet.report.html.templates .dvc/plots"
    assert {path.name for path in FOLDER.iterdir()} == texts().keys()


def test_every_plot_of_the_pipeline_has_a_template_with_its_anchors() -> None:
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    named = {definition["template"] for plot in plots for definition in plot.values()}
    assert {f"{name}.json" for name in named} == {name for name in texts() if name.endswith(".json")}
    for name in named:
        template = Template(json.loads((FOLDER / f"{name}.json").read_text()), name)
        for anchor in ("data", "title", "x_label", "y_label"):
            assert template.has_anchor(anchor), (name, anchor)


def test_dvc_takes_the_page_of_this_repository() -> None:
    assert "html_template = plots/page.html" in (ROOT / ".dvc/config").read_text()
    page = (FOLDER / "page.html").read_text()
    for place in ("{plot_divs}", "{scripts}", "{refresh_tag}"):
        assert page.count(place) == 1
