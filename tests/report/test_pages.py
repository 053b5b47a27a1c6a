"""The whole report from made-up result files: what is written, and that it is the same anywhere."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from resnet.errors import UserError
from resnet.params import load
from resnet.report import build
from resnet.report.pages import MARKERS, make, put, where, with_headline
from resnet.report.results import read_results
from resnet.report.section import Block, Picture, Section, render
from resnet.report.topics import curves
from tests.pipeline.project import ROOT

pytestmark = pytest.mark.usefixtures("unsaved")
SVG = "{http://www.w3.org/2000/svg}"


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


def test_same_files_give_the_same_bytes_anywhere(whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    text = whole.build()
    first = contents(whole.reports)
    figures = ("error-vs-iteration", "error-vs-depth", "throughput-vs-depth", "published-curves")
    assert {x for x in first if "/" in x} == {f"figures/{name}.{kind}" for name in figures for kind in ("svg", "png")}
    assert "(figures/error-vs-depth.png)](figures/error-vs-depth.svg)" in text
    svg = first["figures/error-vs-iteration.svg"]
    assert b"<dc:date>" not in svg
    assert b"tEXtSoftware" not in first["figures/error-vs-iteration.png"]
    groups = {x.get("id"): x for x in ElementTree.fromstring(svg).iter(f"{SVG}g")}
    for gid in ("test-plain-20", "training-plain-20", "test-resnet-20", "training-resnet-20"):
        (path, *_) = groups[gid].iter(f"{SVG}path")
        assert str(path.get("d")).count("L") > 3
    elsewhere = tmp_path / "some" / "where else"
    shutil.copytree(whole.runs, elsewhere / "runs")
    build(whole.params, elsewhere / "runs", elsewhere / "reports")
    assert contents(elsewhere / "reports") == first
    assert str(tmp_path).encode() not in b"".join(first.values())


def test_nothing_run_leaves_out_what_is_empty_and_removes_what_it_made(whole: Any) -> None:
    whole.build()
    assert (whole.reports / "statistics.md").exists()
    (whole.reports / "figures/mine.png").write_text("a user's own")
    (whole.reports / "notes.md").write_text("a user's own")
    shutil.rmtree(whole.runs)
    text = whole.build()
    assert "**No run is done yet.**" in text
    assert [path.name for path in (whole.reports / "figures").iterdir()] == ["mine.png"]
    assert (whole.reports / "notes.md").exists()
    assert "![" not in text
    assert (whole.reports / "errors.csv").read_text() == "name,net,depth,seed,test_error\n"
    assert json.loads((whole.reports / "metrics.json").read_text()) == {"done": 0, "planned": 6}


def test_a_section_that_fails_leaves_the_earlier_report_whole(whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole.build()
    before = contents(whole.reports)
    whole.train("resnet-20", 0, 5.0)

    broken = Section("", (Picture("line", "", lambda: 1 / 0),))  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(curves, "learning_curves", lambda *_: broken)
    with pytest.raises(ZeroDivisionError):
        whole.build()
    assert contents(whole.reports) == before


def test_a_full_disk_leaves_the_earlier_files(tmp_path: Path) -> None:
    put({"summary.md": b"old", "figures/a.png": b"old"}, (), tmp_path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            put({"summary.md": b"new", "figures/a.png": b"new" * 100_000}, ["summary.md"], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert contents(tmp_path) == {"summary.md": b"old", "figures/a.png": b"old"}


def test_the_headline_goes_between_a_files_markers(whole: Any) -> None:
    readme = whole.reports.parent / "README.md"
    start, end = (marker.format("reports") for marker in MARKERS)
    readme.write_text(f"# Mine\n\n{start}\nold\n{end}\n\nMore.\n")
    build(whole.params, whole.runs, whole.reports, readme)
    text = readme.read_text()
    assert text.startswith(f"# Mine\n\n{start}\n\n- **Reproduced")
    assert text.endswith(f"\n\n{end}\n\nMore.\n")
    assert "](reports/figures/error-vs-depth.png)](reports/figures/error-vs-depth.svg)" in text
    build(whole.params, whole.runs, whole.reports, readme)
    assert readme.read_text() == text

    before = contents(whole.reports)
    readme.write_text(f"{start}\n")
    whole.train("resnet-20", 0, 5.0)
    with pytest.raises(UserError, match="must have the lines"):
        build(whole.params, whole.runs, whole.reports, readme)
    assert contents(whole.reports) == before


def test_the_readme_of_this_repository_has_what_its_results_say() -> None:
    readme, runs = ROOT / "README.md", ROOT / "runs"
    results, tenth = (read_results(load(x / "params.yaml"), x / "runs", 1) for x in (ROOT, ROOT / "tenth"))
    _, _, head = make(results, tenth, runs, ROOT / "reports")
    assert readme.read_text() == with_headline(readme, head, ROOT / "reports"), "resnet report --readme README.md"


def test_dvc_draws_errors_and_curves_of_the_committed_plans_on_a_page_below_2_mb(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "dvc", "plots", "show", "--out", str(tmp_path)]
    subprocess.run(program, cwd=ROOT, capture_output=True, check=True, env=os.environ | {"DVC_NO_ANALYTICS": "1"})
    page = (tmp_path / "index.html").read_text()
    assert len(page) < 2_000_000
    for plan in ("", "tenth/"):
        means = (ROOT / plan / "reports/mean-curves.csv").read_text().splitlines()
        seeds = (ROOT / plan / "reports/errors.csv").read_text().splitlines()
        assert page.count(f'"filename": "{plan}reports/mean-curves.csv"') == 2 * (len(means) - 1)
        assert page.count(f'"filename": "{plan}reports/errors.csv"') == len(seeds) - 1
    for column in ("name", "seeds", "iteration", "training_error", "test_error", "depth", "seed"):
        assert f'"{column}": "' in page


def test_another_plan_is_read_from_its_folder(whole: Any, tmp_path: Path) -> None:
    params = whole.params.model_copy(update={"report": whole.params.report.model_copy(update={"other_plan": "short"})})
    with pytest.raises(UserError, match=r"params\.yaml"):
        build(params, whole.runs, whole.reports, plan=tmp_path)
    assert not whole.reports.exists()


@pytest.mark.parametrize(
    ("runs", "reports", "expected"),
    [
        ("runs", "reports", ("../runs", "../docs", "")),
        ("the runs", "a/b/c", ("../../../the runs", "../../../docs", "a/b/dvc.yaml")),
        ("a b/runs", "a b/reports", ("../runs", "../../docs", "'a b/dvc.yaml'")),
        ("../elsewhere", "reports", (None, "../docs", "")),
    ],
)
def test_what_pages_link_to_and_the_plan_below_the_root(
    runs: str, reports: str, expected: tuple[str | None, str, str], tmp_path: Path
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / ".dvc", root / "docs", root / runs, outside / "runs"):
        folder.mkdir(parents=True)
    assert where(root / runs, root / reports) == expected
    assert where(outside / "runs", outside / "reports") == ("../runs", None, "")


def test_a_page_leaves_out_what_is_empty() -> None:
    drawn = Picture("line", "A line.", Figure)
    empty = Picture("nothing", "Nothing.", lambda: None)
    contents: dict[str, Block] = {"": "Top.", "Text": "words\n", "Empty": empty, "Figure": drawn}
    sections = [Section(title, (block,)) for title, block in contents.items()]
    text = "Top.\n\n## Text\n\nwords\n\n## Figure\n\n[![line](figures/line.png)](figures/line.svg)\n\nA line.\n"
    assert render(sections, ["line"]) == text
    assert render(sections[2:3]) == ""
