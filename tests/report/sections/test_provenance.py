"""What made the results, as it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.provenance import section


def test_machines_versions_and_commits_name_what_they_made(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=1)
    cpu = plan.system(device="cpu", device_name="Other processor", processor="Other processor", modified=True)
    plan.train("resnet-20")
    plan.train("resnet-32", systems=[plan.system(), cpu])
    plan.throughput("resnet-32", system=cpu)
    text = plan.text(section, runs=None)
    assert "- Example GPU (cuda, 80.0 GiB); Example processor, 16 cores, 8 threads" in text
    assert ": training of resnet-20 and resnet-32\n" in text
    assert ": training of resnet-32; images/s of resnet-32\n" in text
    assert "**with uncommitted changes**" in text
    assert "torch 2.11.0" in text


def test_seeds_precision_data_and_forecast_are_said(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=[3, 4])
    plan.train("resnet-20", 3)
    plan.forecast(12.34)
    text = plan.text(section, runs=None)
    assert "- all nets: 3, 4" in text
    assert "- resnet-20: bf16" in text
    assert plan.data().fingerprint["test"] in text
    assert "Forecast before the plan began, on Example GPU: 12.3 h for 5 training runs (limit 24.0 h)." in text


def test_the_recipe_stands_beside_the_papers(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-110", seeds=1, train={"momentum": 0.8})
    text = plan.text(section, runs=None)
    assert "| `train.momentum` | 0.8 | 0.9 |" in text
    assert "| `train.milestones` | 0.5 and 0.75 | 0.5 and 0.75 |" in text
    assert "| `train.log_every` | 100 | – |" in text  # not the paper's to say
    assert "| `train.precision` | auto | not said |" in text
    assert "- resnet-110: `train.warmup` yes" in text
    assert "data.dir" not in text


def test_every_run_has_its_version_and_files(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-110", seeds=2)
    plan.train("resnet-20", 0, 8.0, version=7)
    plan.train("resnet-20", 1, status="diverged", iteration=1234)
    plan.train("resnet-110", 0)
    text = plan.text(section, runs="../runs")
    (done,) = [line for line in text.splitlines() if line.startswith("| resnet-20 |") and "| done |" in line]
    # 64,000 iterations of 128 images in 0.9 x 1200 s.
    assert "| 0 | done | 64,000 of 64,000 | 8.00 | 0.50 | 8.00 | – | 7,585 | 20.0 min | `" in done
    assert done.endswith("`, 7 |")
    assert "| 1 | diverged | 1,234 of 64,000 | – | 0.50 | – | – |" in text
    assert (
        "| resnet-110 | [train/resnet-110/seed-0/metrics.json](../runs/train/resnet-110/seed-0/metrics.json) |" in text
    )
    assert "| 400 |" in text  # iterations of warm-up
    assert "resnet-20: [train/resnet-20/seed-0/metrics.json](../runs/train/" in text


def test_names_of_machines_are_escaped(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20", systems=[plan.system(processor="<b>a_b", commit=None)])
    text = plan.text(section, runs=None)
    assert "\\<b\\>a\\_b" in text
    assert "outside a checkout" in text
