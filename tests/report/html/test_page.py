"""The page as a text: what stands in it, and that the same results give the same bytes."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from resnet.report.analysis.claims import claims

from resnet.report.html.markup import from_markdown
from resnet.report.html.page import library, page
from resnet.report.pages import TIDY
from tests.report.conftest import Files
from tests.report.made_up import a_history


def written(plan: Files, **options: Any) -> str:
    """The page without its library."""
    tables = plan.tables()
    options = {"runs": "../runs", "answers": ()} | options
    return page(tables, claims(tables), **options).replace(library(), "")


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes_in_another_process(made_up: Files) -> None:
    program = (
        "import sys; from pathlib import Path; from resnet.report import build; from tests.report.html.conftest import "
        "ERRORS; from tests.report.made_up import a_plan; runs = Path(sys.argv[1]); "
        "build(a_plan(*ERRORS), runs, runs.parent / 'again')"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", program, made_up.runs], env=environment, check=True, timeout=300)
    for name in ("index.html", "vega.js"):
        assert (made_up.runs.parent / "again" / name).read_bytes() == (made_up.reports / name).read_bytes()


def test_the_answer_of_the_summary_takes_the_top(made_up: Files) -> None:
    text = written(made_up, answers=["Depth <helps>."])
    assert '<p class="answer">Depth &lt;helps&gt;.</p>' in text
    assert text.count('class="answer"') == 1
    summary = (made_up.reports / "summary.md").read_text().splitlines()
    sentences = [str(from_markdown(line.removeprefix("- "))) for line in summary if line.startswith("- **")][:3]
    assert re.findall(r'<p class="answer">(.*?)</p>', (made_up.reports / "index.html").read_text()) == sentences
    assert sentences[0].startswith("<strong>Reproduced")


def test_the_page_leads_to_every_file_in_full_precision(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20")
    for beside in (("summary.md", *TIDY), ("summary.md", *(name for name in TIDY if name != "benchmark.csv"))):
        plan.throughput("resnet-20") if "benchmark.csv" in beside else (
            plan.runs / "throughput/resnet-20.json"
        ).unlink()
        plan.build()
        footer = re.findall(r"<footer>(.*?)</footer>", (plan.reports / "index.html").read_text())[0]
        assert re.findall(r'href="([^"]*)"', footer) == list(beside)
        assert all((plan.reports / name).exists() for name in beside)


def test_drawings_stand_in_the_page_as_they_are(made_up: Files) -> None:
    drawing = '<svg viewBox="0 0 1 1"><title>A block</title></svg>'
    text = written(made_up, drawings={"A block": drawing})
    assert f'<figure class="drawing">{drawing}<figcaption>A block</figcaption></figure>' in text
    assert "The nets</h2>" not in written(made_up)


def test_a_shorter_schedule_is_said_and_hides_published_figures_at_first(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", train={"iterations": 640, "milestones": [0.5, 0.75]})
    plan.train("resnet-20", history=a_history(640, 40.0))
    plan.build()
    text = (plan.reports / "index.html").read_text()
    assert '<p class="caution"><strong>Shortened schedule: 640 of the paper&#x27;s 64,000 iterations' in text
    (specifications,) = re.findall(r'id="specifications">(.*?)</script>', text)
    values = {param["name"]: param.get("value") for param in json.loads(specifications)["errors"]["params"]}
    assert values["published"] is False
    assert values["nets"] == ["resnet-20"]


def test_without_a_folder_of_runs_beside_it_nothing_is_linked_to_one(made_up: Files) -> None:
    addresses = set(re.findall(r'href="([^"]*)"', written(made_up, runs=None)))
    assert not {address for address in addresses if "/" in address}
    assert "claims.csv" in addresses


def test_the_library_is_small_enough_and_cannot_end_its_script() -> None:
    assert 500_000 < len(library().encode()) < 1_000_000
    assert "</script" not in library().lower()


@pytest.mark.slow
def test_the_paper_s_whole_plan_stays_below_a_megabyte_and_a_half(files: Callable[..., Any]) -> None:
    depths = (20, 32, 44, 56, 110)
    names = [*(f"{kind}-{depth}" for kind in ("plain", "resnet") for depth in depths), "resnet-1202"]
    plan = files(*names, "resnet-B-20", "resnet-B-56", seeds=5)
    for name in plan.params.models:
        depth = int(name.split("-")[-1])
        plan.describe(name)
        plan.throughput(name)
        plan.responses(name, *([math.exp(-k / depth) + 0.001 * seed for k in range(depth - 2)] for seed in range(5)))
        for seed in range(5):
            plan.train(name, seed, 8.0 + 0.1 * seed, history=a_history(64_000, 8.0, seed, rows=640))
    tables = plan.tables()
    assert len(page(tables, claims(tables), "../runs", ()).encode()) < 1_500_000
