"""Where numbers come from: cautions, what does not count, how to repeat a result, and what made it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from resnet.report.samples import Evidence
from resnet.report.table import Table
from resnet.report.topics import provenance as topic
from resnet.report.topics.claims import Claim
from resnet.results.iteration_time import IterationTime
from tests.report.conftest import Files

TESTED = Evidence(2.0, 2 - 4.302653, 2 + 4.302653, 0.2, "Welch's t")


def test_the_papers_protocol_has_no_caution(files: Callable[..., Files]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-110", "resnet-1202", seeds=1)
    assert plan.written(topic.what_was_run) == "4 nets; 0 of 4 planned runs are done."
    for name in plan.params.models:
        plan.train(name)
    images = "(45,000 training, 5,000 validation and 10,000 test images)"
    expected = f"4 nets; 4 of 4 planned runs are done. Data: official CIFAR-10 {images}."
    assert plan.written(topic.what_was_run) == expected
    assert plan.topic(topic.what_was_run({}, None)) == ""


def test_what_deviates_in_all_nets_and_in_some(files: Callable[..., Files]) -> None:
    plan = files("resnet-B-20", "resnet-B-32", "resnet-20", seeds=1, train={"iterations": 400}, data={"validation": 0})
    plan.train("resnet-20", data=plan.data(train_images=50_000, validation_images=0))
    text = plan.written(topic.what_was_run)
    assert "**400 iterations (the paper: 64,000).**" in text
    assert "**resnet-B-20 and resnet-B-32: option B (the paper: option A).**" in text
    assert "**resnet-20: 50k images (the paper: 45k).**" in text


def test_other_data_are_named(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20", 0, data=plan.data(official=False, name="a|b <script>"))
    assert "**The data are a\\|b \\<script\\>, not the official CIFAR-10.**" in plan.written(topic.what_was_run)


def test_what_is_not_counted_has_its_reason(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", seeds=1)
    left_out = [("train/resnet-20/seed-7/metrics.json", "no seed of the plan")]
    assert "| train/resnet-20/seed-7/metrics.json | no seed of the plan |" in plan.topic(topic.not_counted(left_out))
    assert plan.topic(topic.not_counted([])) == ""


def test_claims_and_nets_by_command_hours_and_tolerance(files: Callable[..., Files]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-32", seeds=3)
    for seed, error in enumerate([8.0, 9.0, 10.0]):
        plan.train("resnet-20", seed, error, seconds=7200.0)
    plan.train("plain-20", 0, status="interrupted", iteration=24_000, seconds=3600.0)
    claims = [
        SimpleNamespace(claim=Claim(sentence, "test_error", 1, {"plain-20": 1, other: -1}), tested=tested)
        for sentence, other, tested in (("a", "resnet-20", TESTED), ("b", "resnet-32", None))
    ]
    times = {name: IterationTime(0.1125, "Example GPU") for name in ("plain-20", "resnet-20")}
    (shown, _) = topic.repeat(plan.results().nets, claims, times, 0.95, "tenth/dvc.yaml").blocks
    assert isinstance(shown, Table)
    one, two, plain, whole, tested, untested = ([cell.text for cell in row[1:]] for row in shown.rows)
    # 9 ± 4.302653 * 1 * sqrt(4/3), one more run. Left of plain-20: 3 * 64,000 - 24,000 iterations of 0.1125 s.
    command = "`dvc repro tenth/dvc.yaml:train@"
    assert one == [f"{command}resnet-20`", "3 of 3", "6.0", "0.0", "9.00 ± 1.00 (n = 3)", "4.03 to 13.97"]
    assert two == [f"{command}resnet-32`", "0 of 3", "–", "–", "not run", "–"]
    assert plain == [f"{command}plain-20`", "0 of 3", "6.0", "5.2", "not run", "–"]
    assert whole == ["`dvc repro tenth/dvc.yaml`", "3 of 9", "–", "–", "", ""]
    # 2 ± 4.302653 is larger by the square root of 2.
    both = f"{command}plain-20 tenth/dvc.yaml:train@resnet-20`"
    assert tested == [both, "3 of 6", "12.0", "5.2", "+2.00 points", "-4.08 to +8.08"]
    assert untested[2:] == ["–", "–", "not tested yet", "–"]
    assert plan.topic(topic.repeat({}, [], {}, 0.95)) == ""


def test_machines_name_what_they_made(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-32", seeds=1)
    assert "|" not in plan.written(topic.made_by)
    cpu = plan.system(device="cpu", processor="<b>a_b", fused=True, compiler="g++ 12", versions={"torch": "x_y"})
    plan.train("resnet-20", systems=[plan.system(modified=True)])
    plan.train("resnet-32", systems=[plan.system(), cpu])
    plan.throughput("resnet-32", system=cpu)
    plan.responses("resnet-20", [1.0])
    text = plan.written(topic.made_by, "../docs")
    machine, other = ([*row.values()] for row in plan.rows_of(text))
    made = "training of resnet-20 and resnet-32; layer responses of resnet-20"
    software = "Python 3.11.7, numpy 2.2.0, torch 2.11.0"
    assert machine == ["Example GPU (cuda); Example processor", "not recorded", "8", "–", software, made]
    made = "training of resnet-32; images/s of resnet-32"
    written = ["not recorded", "8", "compiled by g++ 12", "Python 3.11.7, torch x\\_y", made]
    assert other == ["\\<b\\>a\\_b", *written]
    assert plan.data().fingerprint["test"] in text
    assert "[protocol.md](../docs/protocol.md)" in text


def test_every_run_has_its_file_precision_and_commits(files: Callable[..., Files]) -> None:
    plan = files("resnet-20", "resnet-110", seeds=2)
    assert plan.topic(topic.every_run(plan.results().nets, None)) == ""
    commits = [plan.system(modified=True), plan.system(commit=None), plan.system(commit=None)]
    plan.train("resnet-20", 0, 8.0, systems=commits)
    plan.train("resnet-20", 1, status="diverged", iteration=1234)
    plan.train("resnet-110", 0)
    nets = plan.results().nets
    done, diverged, warm = plan.rows_of(plan.topic(topic.every_run(nets, "../runs")))
    assert done["result file"].endswith("](../runs/train/resnet-20/seed-0/metrics.json)")
    assert f"| {nets['resnet-20'].runs[0].file} |" in plan.topic(topic.every_run(nets, None))
    values = ["done", "64,000 of 64,000", "8.00", "0.50", "8.00", "20.0 min", "bf16"]
    assert [*done.values()][2:] == [*values, "0123456789ab, changed; no checkout"]
    assert (diverged["iterations"], diverged["test error, %"]) == ("1,234 of 64,000", "–")
    assert warm["iterations"] == "64,000 of 64,000, warm-up 400"
