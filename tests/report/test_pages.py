"""The whole report from made-up result files: what is written, and that it is the same anywhere."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resnet.report import build
from resnet.report.pages import render
from resnet.report.style.drawing import Picture, Section, new_figure


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.fixture
def whole(files: Callable[..., Any]) -> Any:
    """A finished plan of two nets."""
    plan = files("plain-20", "resnet-20")
    for name in plan.params.models:
        plan.describe(name)
        plan.throughput(name)
        for seed, error in enumerate([8.0, 9.0, 10.0]):
            plan.train(name, seed, error)
    return plan


def test_same_files_give_the_same_bytes_anywhere(whole: Any, tmp_path: Path) -> None:
    whole.build()
    first = contents(whole.reports)
    names = {"summary.md", "table.csv", "curves.csv", "errors.csv", "claims.csv", "metrics.json"}
    names |= {"index.html", "vega.js"}
    figures = ("error-vs-iteration", "error-vs-depth", "throughput-vs-depth", "frontiers")
    assert first.keys() == names | {f"figures/{name}.{kind}" for name in figures for kind in ("svg", "png")}
    elsewhere = tmp_path / "some" / "where else"
    shutil.copytree(whole.runs, elsewhere / "runs")
    build(whole.params, elsewhere / "runs", elsewhere / "reports")
    assert contents(elsewhere / "reports") == first
    assert str(tmp_path).encode() not in b"".join(first.values())
    for name, content in first.items():
        assert b"<dc:date>" not in content, name
        assert b"tEXtSoftware" not in content, name
        assert b"Creation" not in content, name


def test_figures_hold_their_lines_and_result_files_are_linked(whole: Any) -> None:
    text = whole.build()
    groups = {
        element.get("id"): element
        for element in ElementTree.parse(whole.reports / "figures/error-vs-iteration.svg").iter()
        if element.tag.endswith("}g")
    }
    for gid in ("test-plain-20", "training-plain-20", "test-resnet-20", "training-resnet-20"):
        (path, *_) = [element for element in groups[gid].iter() if element.tag.endswith("}path")]
        assert str(path.get("d")).count("L") > 3
    for file in ("train/resnet-20/seed-0/metrics.json", "describe/resnet-20.json"):
        assert f"[{file}](../runs/{file})" in text
        assert (whole.reports / "../runs" / file).exists()
    assert "(figures/error-vs-depth.png)](figures/error-vs-depth.svg)" in text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings[:4] == ["## Results", "## Claims", "## Learning curves", "## Test error against depth"]
    assert "Not drawn: layer responses (not measured); roofline (not measured); latency by depth on a CPU" in text


def test_nothing_run_keeps_headings_and_removes_figures(whole: Any) -> None:
    whole.build()
    shutil.rmtree(whole.runs)
    text = whole.build()
    assert "**Nothing has been trained yet.**" in text
    assert list((whole.reports / "figures").iterdir()) == []
    assert "![" not in text
    assert "Not drawn: learning curves (no training run has left one); error against depth (no seed is done)" in text
    assert (whole.reports / "errors.csv").read_text() == "name,net,depth,seed,test_error\n"
    assert json.loads((whole.reports / "metrics.json").read_text()) == {}
    with (whole.reports / "table.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["plain-20", "resnet-20"]


def test_no_net_in_the_plan(files: Callable[..., Any]) -> None:
    plan = files()
    text = plan.build()
    assert "there is nothing to report" in text
    assert "##" not in text
    assert (plan.reports / "table.csv").read_text() == "name\n"


def test_a_runs_folder_far_away_is_named_and_not_linked(files: Callable[..., Any], tmp_path: Path) -> None:
    plan = files("resnet-20", seeds=1)
    plan.describe("resnet-20")
    text = build(plan.params, plan.runs, tmp_path / "a/b/c").read_text()
    assert "`describe/resnet-20.json`" in text
    assert "](" not in text.split("Result files of each net")[1]


def test_torch_is_never_imported(whole: Any) -> None:
    program = (
        "import sys; from pathlib import Path; "
        "from resnet.params import Params; from resnet.report import build; "
        "params = Params.model_validate({'models': {'resnet-20': {'net': 'resnet', 'depth': 20}}}); "
        f"build(params, Path({str(whole.runs)!r}), Path({str(whole.reports)!r})); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "False\n"


def test_a_page_leaves_out_what_is_empty(tmp_path: Path) -> None:
    drawn = Picture("line", "A line.", "a line (not drawn)", lambda: new_figure(1.0, 1.0))
    empty = Picture("nothing", "Nothing.", "nothing (no data)", lambda: None)
    (tmp_path / "nothing.svg").write_text("of an earlier report")
    sections = [
        Section("", "Top."),
        Section("Text", "words\n"),
        Section("Empty", "", (empty,)),
        Section("Figure", "", (drawn,)),
    ]
    assert render(sections, tmp_path) == (
        "Top.\n\n## Text\n\nwords\n\n## Figure\n\n[![A line.](figures/line.png)](figures/line.svg)\n\nA line.\n\n"
        "Not drawn: nothing (no data).\n"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"line.svg", "line.png"}
