"""summary.md from made-up result files: what a reader of it sees."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def a_whole_plan(of: Any) -> None:
    for name in of.params.models:
        of.describe(name)
        of.throughput(name)
        for seed, error in enumerate([8.0, 9.0, 10.0]):
            of.train(name, seed, error)


def test_the_table_by_hand(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20")
    a_whole_plan(of)
    of.build()
    assert of.row("resnet-20") == {
        "net": "resnet-20",
        "parameters": "0.27M (269,722)",
        "paper's parameters": "0.27M",
        "multiply-adds": "40.55M",
        "seeds done": "3 of 3",
        "test error, %": "9.00 ± 1.00 (n = 3)",
        "paper's test error, %": "8.75",
        "training error, %": "0.50 ± 0.00 (n = 3)",
        # 128 / 0.0125 s = 10,240; the repeats are 12,800, 10,240 and 8,000: their std is 2,402.3
        "training images/s": "10,240 ± 2,402",
        # 128 / 0.004 s = 32,000; 32,000 twice and 25,600: 3,695.0
        "inference images/s": "32,000 ± 3,695",
        "peak memory": "2.0 GiB",
        "training time a seed": "20.0 ± 0.0 min (n = 3)",
    }
    assert of.row("plain-20")["paper's test error, %"] == "–"


def test_every_seed_and_its_interval(files: Callable[..., Any]) -> None:
    of = files("resnet-20")
    a_whole_plan(of)
    # 9 ± 4.302653 / sqrt(3)
    line = "| resnet-20 | 8.00 (seed 0), 9.00 (seed 1), 10.00 (seed 2) | 9.00 ± 1.00 (n = 3) | 6.52 to 11.48 |"
    assert line in of.build()


def test_interval_stays_among_possible_errors(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=2)
    of.train("resnet-20", 0, 20.0)
    of.train("resnet-20", 1, 40.0)
    assert "| 30.00 ± 14.14 (n = 2) | 0.00 to 100.00 |" in of.build()


def test_forecast_in_a_folder_of_its_own(files: Callable[..., Any]) -> None:
    of = files("resnet-20")
    path = of.forecast()
    (of.runs / "forecast").mkdir()
    path.rename(of.runs / "forecast" / "forecast.json")
    assert "Forecast before the plan began" in of.build()


def test_nothing_run_is_a_full_table(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", "resnet-1202")
    written = of.build()
    assert "**Nothing has been trained yet.**" in written
    for name in of.params.models:
        row = of.row(name)
        assert row["test error, %"] == "not run"
        assert row["seeds done"] == "0 of 3"
        assert row["training images/s"] == "not measured"
        assert row["parameters"] == "not counted"
    assert not list((of.reports / "figures").glob("*"))
    assert "Not drawn: learning curves" in written
    assert "![" not in written


def test_no_net_in_the_plan(files: Callable[..., Any]) -> None:
    assert "there is nothing to report" in files().build()


def test_one_seed_has_no_spread(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=3)
    of.train("resnet-20", 1, 8.75)
    written = of.build()
    assert of.row("resnet-20")["test error, %"] == "8.75 (n = 1)"
    assert of.row("resnet-20")["seeds done"] == "1 of 3"
    assert "- resnet-20: seeds 0 and 2 not run." in written
    assert "| resnet-20 | 8.75 (seed 1) | 8.75 (n = 1) | – |" in written


def test_mixed_numbers_of_seeds(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-32", seeds=2)
    of.train("resnet-20", 0, 8.0)
    of.train("resnet-20", 1, 9.0)
    of.train("resnet-32", 0, 7.5)
    of.build()
    assert of.row("resnet-20")["test error, %"] == "8.50 ± 0.71 (n = 2)"
    assert of.row("resnet-32")["test error, %"] == "7.50 (n = 1)"


def test_diverged_seed_is_counted_and_not_averaged(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=5)
    for seed in range(4):
        of.train("resnet-20", seed, 8.0 + seed)
    of.train("resnet-20", 4, status="diverged", iteration=1234)
    written = of.build()
    assert of.row("resnet-20")["seeds done"] == "4 of 5 (1 diverged)"
    assert of.row("resnet-20")["test error, %"] == "9.50 ± 1.29 (n = 4)"
    assert "- resnet-20: diverged at 1,234 of 64,000 (seed 4)." in written


def test_interrupted_and_diverged_rows_say_where(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-32", "resnet-44", seeds=1)
    of.train("resnet-20", status="interrupted", iteration=12_000)
    of.train("resnet-32", status="diverged", iteration=300, training_error=None)
    of.train("resnet-44", status="interrupted", iteration=0)
    of.build()
    assert of.row("resnet-20")["test error, %"] == "interrupted at 12,000 of 64,000"
    assert of.row("resnet-32")["test error, %"] == "diverged at 300 of 64,000"
    assert of.row("resnet-44")["test error, %"] == "interrupted at 0 of 64,000"
    assert of.row("resnet-20")["training time a seed"] == "–"


def test_different_settings_are_marked_loudly(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=2)
    of.train("resnet-20", 0, 8.0)
    of.train("resnet-20", 1, 9.0, train={"learning_rate": 0.05})
    written = of.build()
    assert of.row("resnet-20")["test error, %"] == "**mixed settings, not averaged**"
    assert "8.50" not in written
    assert "8.00 (seed 0), 9.00 (seed 1)" in written


def test_peak_memory_of_the_runs_where_no_throughput_was_measured(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.train("resnet-20")
    of.build()
    assert of.row("resnet-20")["peak memory"] == "3.0 GiB (whole run)"


def test_single_repeat_has_no_spread(files: Callable[..., Any]) -> None:
    of = files("resnet-1202", seeds=1)
    of.throughput("resnet-1202", training_seconds=[2.0], inference_seconds=[0.5])
    written = of.build()
    assert of.row("resnet-1202")["training images/s"] == "64.0"
    assert of.row("resnet-1202")["inference images/s"] == "256"
    assert "Images/s and memory of resnet-1202: batch 128, bf16, 1 repeat of 5 steps" in written


def test_machines_versions_and_commits_name_what_they_made(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-32", seeds=1)
    cpu = of.system(device="cpu", device_name="Other processor", processor="Other processor", modified=True)
    of.train("resnet-20")
    of.train("resnet-32", systems=[of.system(), cpu])
    of.throughput("resnet-32", system=cpu)
    written = of.build()
    assert "- Example GPU (cuda, 80.0 GiB); Example processor, 16 cores, 8 threads" in written
    assert ": training of resnet-20 and resnet-32\n" in written
    assert ": training of resnet-32; images/s of resnet-32\n" in written
    assert "- Training time of resnet-20: on Example GPU.\n" in written
    assert "- Training time of resnet-32: on Example GPU and Other processor.\n" in written
    assert "**with uncommitted changes**" in written
    assert "torch 2.11.0" in written


def test_seeds_precision_data_and_forecast_are_said(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-32", seeds=[3, 4])
    of.train("resnet-20", 3)
    of.forecast(12.34)
    written = of.build()
    assert "- all nets: 3, 4" in written
    assert "- resnet-20: bf16" in written
    assert of.data().fingerprint["test"] in written
    assert "on Example GPU: 12.3 h for 5 training runs (limit 24.0 h)." in written
    assert "| `train.momentum` | 0.9 | 0.9 |" in written


def test_result_files_are_linked_from_the_reports(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.train("resnet-20")
    of.describe("resnet-20")
    written = of.build()
    for file in ("train/resnet-20/seed-0/metrics.json", "describe/resnet-20.json"):
        assert f"[{file}](../runs/{file})" in written
        assert (of.reports / "../runs" / file).exists()


def test_same_files_give_the_same_bytes_anywhere(files: Callable[..., Any], tmp_path: Path) -> None:
    of = files("plain-20", "resnet-20")
    a_whole_plan(of)
    of.build()
    first = contents(of.reports)
    assert {"summary.md", "table.csv", "curves.csv", "errors.csv", "metrics.json"} < first.keys()
    assert {
        f"figures/{name}.{kind}"
        for name in ("error-vs-iteration", "error-vs-depth", "throughput-vs-depth")
        for kind in ("svg", "png")
    } < (first.keys())
    of.build()
    assert contents(of.reports) == first

    from resnet.report import build

    elsewhere = tmp_path / "some" / "where else"
    shutil.copytree(of.runs, elsewhere / "runs")
    build(of.params, elsewhere / "runs", elsewhere / "reports")
    assert contents(elsewhere / "reports") == first
    assert str(tmp_path).encode() not in b"".join(first.values())


def test_no_times_but_the_records(files: Callable[..., Any]) -> None:
    of = files("resnet-20")
    a_whole_plan(of)
    of.build()
    for name, content in contents(of.reports).items():
        if name.endswith(".svg"):
            assert b"<dc:date>" not in content
        if name.endswith(".png"):
            assert b"tEXtSoftware" not in content
            assert b"Creation" not in content


def test_torch_is_never_imported(files: Callable[..., Any]) -> None:
    of = files("resnet-20")
    a_whole_plan(of)
    program = (
        "import sys; from pathlib import Path; "
        "from resnet.params import Params; from resnet.report import build; "
        "params = Params.model_validate({'models': {'resnet-20': {'net': 'resnet', 'depth': 20}}}); "
        f"build(params, Path({str(of.runs)!r}), Path({str(of.reports)!r})); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "False\n"


def test_names_from_files_cannot_break_the_markdown(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.train("resnet-20", data=of.data(official=False, name="a|b <script>"))
    written = of.build()
    assert "a\\|b \\<script\\>" in written
    assert "<script>" not in written
