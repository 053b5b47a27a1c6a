"""index.html in a real browser: what a reader sees, and that nothing is asked of anyone else."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from resnet.report.analysis.claims import claims
from resnet.report.tables import read_tables

from resnet.params import Params, load
from resnet.report.html.page import page
from resnet.report.pages import SUMMARY, TIDY
from tests.pipeline.project import ROOT, commit, run
from tests.report.conftest import Files
from tests.report.html.conftest import ERRORS, Opened
from tests.report.made_up import a_plan, a_system, some_data

Open = Callable[..., Opened]

TOOLTIP = "#vg-tooltip-element.visible"
WIDTHS = (400, 700, 1280)


def marks(opened: Opened, chart: str, layer: str) -> int:
    """Marks of a layer of a chart, by its place and kind as Vega names them."""
    return opened.count(f"#{chart} svg g.{layer}_marks path")


def test_every_chart_draws_what_was_made_up(made_up: Files, open_page: Open) -> None:
    opened = open_page(made_up.reports / "index.html")
    nets, seeds = 4, 3  # the fifth net, of another shortcut, waits for a click
    assert marks(opened, "errors", "kinds") == 2  # a line a kind
    assert marks(opened, "errors", "dots") == nets * seeds
    assert marks(opened, "errors", "means") == nets
    assert marks(opened, "curves", "lines") == nets * seeds
    assert marks(opened, "responses", "lines") == nets
    for chart in ("errors", "curves", "responses"):
        box = opened.page.locator(f"#{chart} svg").bounding_box()
        assert box
        assert box["width"] > 800
        assert box["height"] > 300
    paths = [opened.page.locator("#curves svg g.lines_marks path").nth(k).get_attribute("d") for k in range(3)]
    assert [str(path).count("L") for path in paths] == [15, 15, 15]  # 16 measured errors; blanks are left out
    assert opened.complaints == []


def test_nothing_is_loaded(made_up: Files, open_page: Open) -> None:
    file = made_up.reports / "index.html"
    opened = open_page(file)
    assert opened.requests == [file.resolve().as_uri()]
    text = file.read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"<(link|iframe|img|object)\b", text.split("<script", 1)[0])
    assert opened.count(".vega-actions, details[title]") == 0  # no menu that leads out


def test_a_point_answers_with_its_seeds_and_interval(made_up: Files, open_page: Open) -> None:
    opened = open_page(made_up.reports / "index.html")
    (place,) = [k for k, name in enumerate(descriptions(opened, "errors", "means")) if name == "resnet-56"]
    opened.page.locator("#errors svg g.means_marks path").nth(place).hover(force=True)
    opened.page.wait_for_selector(TOOLTIP)
    said = " ".join(opened.page.locator(TOOLTIP).inner_text().split())
    half = 4.302652729749464 * 0.3 / 3**0.5
    interval = f"{7 - half:.2f} to {7 + half:.2f} %"
    assert said == f"net resnet-56 test error 7.00 ± 0.30 % 95 % interval {interval} seeds 3 (0, 1, 2) at 56"


def test_a_curve_answers_with_its_seed(made_up: Files, open_page: Open) -> None:
    opened = open_page(made_up.reports / "index.html")
    opened.page.locator("#curves svg g.points_marks path").last.hover(force=True)
    opened.page.wait_for_selector(TOOLTIP)
    said = opened.page.locator(TOOLTIP).inner_text()
    assert re.search(r"seed\s+[012]\s+iteration\s+\d+\s+test error, %\s+[\d.]+\s+training error, %\s+[\d.]+", said)


def descriptions(opened: Opened, chart: str, layer: str) -> list[str | None]:
    found = opened.page.locator(f"#{chart} svg g.{layer}_marks path")
    return [found.nth(k).get_attribute("aria-label") for k in range(found.count())]


def test_a_switch_takes_a_net_out_of_every_chart_and_brings_it_back(made_up: Files, open_page: Open) -> None:
    opened = open_page(made_up.reports / "index.html")
    switch = opened.page.locator("button.net", has_text="plain-56")
    assert switch.get_attribute("aria-pressed") == "true"
    switch.click()
    opened.page.wait_for_function("document.querySelectorAll('#curves svg g.lines_marks path').length === 9")
    assert switch.get_attribute("aria-pressed") == "false"
    assert "plain-56" not in descriptions(opened, "errors", "means")
    assert marks(opened, "responses", "lines") == 3
    switch.click()
    opened.page.wait_for_function("document.querySelectorAll('#errors svg g.means_marks path').length === 4")
    other = opened.page.locator("button.net", has_text="resnet-B-20")
    assert other.get_attribute("aria-pressed") == "false"
    other.focus()
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_function("document.querySelectorAll('#errors svg g.means_marks path').length === 5")
    assert opened.complaints == []


def test_published_figures_stand_where_nothing_has_run(tmp_path: Path, open_page: Open) -> None:
    files = Files(a_plan("resnet-20", "resnet-110", seeds=2), tmp_path / "runs")
    for seed in range(2):
        files.train("resnet-20", seed, 8.5 + 0.1 * seed)
    files.build()
    opened = open_page(files.reports / "index.html")

    def places() -> set[int]:
        """Of the hollow marks, in pixels across."""
        transforms = opened.page.locator("#errors svg g.hollow_marks path").all()
        return {int(float(str(x.get_attribute("transform")).split("(")[1].split(",")[0])) for x in transforms}

    assert {"20", "110"} <= set(opened.page.locator("#errors svg g.role-axis-label text").all_text_contents())
    shallow, deep = sorted(places())
    assert deep - shallow > 500
    opened.page.locator("button.net", has_text="resnet-20").click()
    opened.page.wait_for_function("document.querySelectorAll('#errors svg g.means_marks path').length === 0")
    assert len(places()) == 1  # those of a net without a switch stay
    opened.page.locator("#errors-controls input").click()
    opened.page.wait_for_function("document.querySelectorAll('#errors svg g.hollow_marks path').length === 0")
    assert opened.complaints == []


def test_error_is_drawn_against_what_is_chosen(made_up: Files, open_page: Open) -> None:
    opened = open_page(made_up.reports / "index.html")
    choice = opened.page.locator("#errors-controls select")
    axes = choice.locator("option").all_inner_texts()
    assert [axis.split(",")[0] for axis in axes] == [
        *("depth", "parameters", "multiply-adds", "inference an image", "training time", "training energy")
    ]
    for axis in axes[1:]:
        choice.select_option(axis)
        opened.page.wait_for_selector(f"#errors svg text:text-is('{axis}')")
        assert marks(opened, "errors", "means") == 4
    assert opened.complaints == []


def test_training_error_and_the_order_of_layers_are_chosen(made_up: Files, open_page: Open) -> None:
    opened = open_page(made_up.reports / "index.html")
    path = "#curves svg g.lines_marks path"
    before = opened.page.locator(path).first.get_attribute("d")
    opened.page.locator("#curves-controls select").first.select_option("training error")
    opened.page.wait_for_function(
        "([path, before]) => document.querySelector(path).getAttribute('d') !== before", arg=[path, before]
    )
    assert str(opened.page.locator(path).first.get_attribute("d")).count("L") == 63
    opened.page.locator("#responses-controls select").select_option("sorted by magnitude")
    assert marks(opened, "responses", "lines") == 4
    assert opened.complaints == []


def test_a_heading_sorts_and_sorts_back(made_up: Files, open_page: Open) -> None:
    opened = open_page(made_up.reports / "index.html")
    nets = "#results tbody td:first-child"
    assert opened.texts(nets) == [*ERRORS]
    heading = opened.page.locator("#results th", has_text="test error, %").first
    heading.locator("button").click()
    rising = sorted(ERRORS, key=ERRORS.__getitem__)
    assert opened.texts(nets) == rising
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").click()
    assert opened.texts(nets) == rising[::-1]
    # Numbers sort by their values and not as text, and what is missing comes last both ways.
    for _ in range(2):
        opened.page.locator("#results th", has_text="paper").locator("button").click()
        assert set(opened.texts(nets)[2:]) == {"plain-20", "plain-56", "resnet-B-20"}
    opened.page.locator("#results th", has_text="training images/s").locator("button").click()
    assert [name.split("-")[-1] for name in opened.texts(nets)] == ["56", "56", "20", "20", "20"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_a_screen_by_day_and_night(made_up: Files, open_page: Open, scheme: str) -> None:
    for width in WIDTHS:
        opened = open_page(made_up.reports / "index.html", width, scheme)
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        ink, ground = opened.page.evaluate(
            "[document.querySelector('#errors .role-axis-label text'), document.body].map((x, k) =>"
            " getComputedStyle(x)[k ? 'backgroundColor' : 'fill'])"
        )
        light = [sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in (ink, ground)]
        assert light[scheme == "light"] > 200, (ink, ground)
        assert light[scheme == "dark"] < 60, (ink, ground)


def test_a_reader_who_cannot_see_is_told_what_is_drawn(made_up: Files, open_page: Open) -> None:
    opened = open_page(made_up.reports / "index.html")
    for chart in ("errors", "curves", "responses"):
        drawing = opened.page.locator(f"#{chart} svg")
        assert len(str(drawing.get_attribute("aria-label") or drawing.locator("..").get_attribute("aria-label"))) > 40
        axes = opened.page.locator(f"#{chart} svg [aria-roledescription='axis']")
        assert axes.count() == 2
        assert all(axes.nth(k).get_attribute("aria-label") for k in range(2))
        assert opened.page.locator(f"#{chart}").locator("xpath=..").get_attribute("aria-labelledby") == f"{chart}-title"
        controls = opened.page.locator(f"#{chart}-controls label")
        assert controls.count() == opened.count(f"#{chart}-controls :is(select, input)") > 0
    assert descriptions(opened, "curves", "lines").count("resnet-20") == 3
    assert opened.count("th:not([scope=col])") == 0
    assert opened.count("h1") == 1


def broken_links(opened: Opened, folder: Path) -> list[str]:
    """Links to files that are not there, or to no place on the page."""
    addresses = {str(link.get_attribute("href")) for link in opened.page.locator("a").all()}
    names = opened.page.evaluate("[...document.querySelectorAll('[id]')].map((x) => x.id)")
    outside = [address for address in addresses if urlsplit(address).scheme]
    here = [address for address in addresses if address.startswith("#") and unquote(address[1:]) not in names]
    files = [x for x in addresses if not x.startswith("#") and not (folder / unquote(x)).is_file()]
    return outside + here + files


def test_every_number_leads_to_its_file(made_up: Files, open_page: Open) -> None:
    opened = open_page(made_up.reports / "index.html")
    assert broken_links(opened, made_up.reports) == []
    for place in range(1, 5):
        cell = opened.page.locator(f"#runs tbody tr:first-child td:nth-child({place + 1}) a")
        expected = [] if place == 2 else ["../runs/train/plain-20/seed-0/metrics.json"]
        assert [cell.nth(k).get_attribute("href") for k in range(cell.count())] == expected
    counted = opened.page.locator("#results tbody tr:first-child a", has_text="269,722")
    assert counted.get_attribute("href") == "../runs/describe/plain-20.json"


@pytest.mark.slow
@pytest.mark.parametrize("plan", [".", "tenth", "short"])
def test_the_pages_of_this_repository(plan: str, open_page: Open, tmp_path: Path) -> None:
    """The real results, on a copy: an earlier report stays as it is."""
    runs, reports = ROOT / plan / "runs", tmp_path / "reports"
    if not any(runs.glob("train/*/*/metrics.json")):
        pytest.skip(f"{plan}: no run in this checkout")
    tables = read_tables(load(ROOT / plan / "params.yaml"), runs)
    shutil.copytree(ROOT / plan / "reports", reports)
    relative = Path(os.path.relpath(runs, reports)).as_posix()
    beside = [SUMMARY, *(name for name in TIDY if (reports / name).exists())]
    (reports / "index.html").write_text(page(tables, claims(tables), relative, (), files=beside))
    assert (reports / "index.html").stat().st_size < 1_500_000
    for width in (400, 1280):
        opened = open_page(reports / "index.html", width)
        assert opened.complaints == []
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        assert len(opened.requests) == 1
        done = tables.runs[tables.runs["status"] == "done"]
        assert opened.count("#runs tbody tr") >= len(done) > 0
        assert marks(opened, "errors", "means") > 0 or marks(opened, "errors", "dots") > 0
        assert broken_links(opened, reports) == []


HOSTILE = "</script><b>$x$`|\"'&amp;"


def test_names_from_outside_come_out_as_text(tmp_path: Path, open_page: Open) -> None:
    params = Params.model_validate({"train": {"seeds": 2}, "models": {"resnet-20": {"net": "resnet", "depth": 20}}})
    files = Files(params, tmp_path / "runs")
    files.describe("resnet-20")
    files.throughput("resnet-20", system=a_system(device_name=HOSTILE))
    for seed in range(2):
        files.train("resnet-20", seed, 8.0 + seed, data=some_data(name=HOSTILE, official=False))
    files.responses("resnet-20", [1.0] * 18, [1.1] * 18)
    files.build()
    opened = open_page(files.reports / "index.html")
    assert opened.complaints == []
    assert opened.count("b") == 0
    assert opened.texts("#results tbody td:first-child") == ["resnet-20"]
    assert opened.texts("button.net") == ["resnet-20"]
    assert descriptions(opened, "errors", "means") == ["resnet-20"]
    opened.page.locator("#errors svg g.means_marks path").first.hover(force=True)
    opened.page.wait_for_selector(TOOLTIP)
    assert "resnet-20" in opened.page.locator(TOOLTIP).inner_text()
    assert opened.count("b") == 0
    assert HOSTILE in opened.page.locator(".caution").first.inner_text()
    assert broken_links(opened, files.reports) == []


def test_nothing_run_is_a_page_too(tmp_path: Path, open_page: Open) -> None:
    files = Files(load(None), tmp_path / "runs")
    files.build()
    opened = open_page(files.reports / "index.html")
    assert opened.complaints == []
    assert opened.count("figure") == 0
    assert opened.count("h1") == 1


@pytest.mark.slow
def test_dvc_draws_one_line_a_net(made_up: Files, tmp_path: Path, open_page: Open) -> None:
    project = tmp_path / "project"
    shutil.copytree(made_up.reports, project / "reports")
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    (project / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}))
    run(project, "git", "init", "-q")
    run(project, "dvc", "init", "-q")
    shutil.copytree(ROOT / ".dvc/plots", project / ".dvc/plots")
    shutil.copy(ROOT / ".dvc/config", project / ".dvc/config")
    commit(project, "results")
    run(project, "dvc", "plots", "show")
    drawn = f"body > div:nth-of-type({len(plots)}) svg"
    opened = open_page(project / "dvc_plots/index.html", drawn=drawn)
    assert opened.complaints == []
    assert {Path(urlsplit(address).path).name for address in opened.requests} == {"index.html", "vega.js"}
    charts = opened.page.locator("body > div svg")
    assert charts.count() == len(plots) == 3
    lines = [charts.nth(k).locator(f"g.{name}_marks path") for k, name in enumerate(("lines", "lines", "points"))]
    assert [line.count() for line in lines] == [len(ERRORS), len(ERRORS), 3 * len(ERRORS)]
    assert str(lines[0].first.get_attribute("d")).count("L") == 15  # rows without a test error are left out
    assert str(lines[1].first.get_attribute("d")).count("L") == 63
    colours = {lines[2].nth(k).get_attribute("fill") for k in range(3 * len(ERRORS))}
    assert len(colours) == len(ERRORS)

    # Two revisions: a line each.
    (project / "reports/curves.csv").write_text((project / "reports/curves.csv").read_text().replace(".", ".1"))
    run(project, "dvc", "plots", "diff", "HEAD")
    opened = open_page(project / "dvc_plots/index.html", drawn=drawn)
    first = opened.page.locator("body > div svg").first
    assert first.locator("g.lines_marks path").count() == 2 * len(ERRORS)
    assert opened.complaints == []
