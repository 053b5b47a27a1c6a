"""The top of the statistics: what was run, and what keeps it from being the paper's experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnet.report.sections.opening import section


def test_papers_protocol_is_said_to_deviate_in_nothing(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", "resnet-110", "resnet-1202", seeds=1)
    for name in plan.params.models:
        plan.train(name)
    text = plan.text(section)
    assert "4 nets; 4 of 4 planned training runs are done." in text
    assert "**" not in text


def test_runs_of_other_settings_are_counted_apart(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=3)
    plan.train("resnet-20", 0)
    plan.train("resnet-20", 1, train={"momentum": 0.8})
    counted = (
        "2 of 3 planned training runs are done. Made with other settings, or by another version, than the plan's: 1."
    )
    assert counted in plan.text(section)


def test_shortened_schedule_of_all_nets(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", seeds=1, train={"iterations": 400})
    plan.train("plain-20")
    line = "**Shortened schedule: 400 of the paper's 64,000 iterations; errors are not the paper's experiment.**"
    assert line in plan.text(section)


def test_shortened_schedules_of_single_nets_are_grouped(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", "resnet-56", "resnet-1202", seeds=1)
    plan.train("resnet-20")
    plan.train("resnet-1202", train={"iterations": 20})
    line = (
        "**resnet-1202: shortened schedule: 20 of the paper's 64,000 iterations; its errors are not the paper's "
        "experiment.**"
    )
    assert line in plan.text(section)
    plan.train("resnet-56", train={"iterations": 20})
    assert "**resnet-56 and resnet-1202: shortened schedule: 20 of" in plan.text(section)
    assert "; their errors are not the paper's experiment.**" in plan.text(section)


def test_another_split_and_another_shortcut(files: Callable[..., Any]) -> None:
    plan = files("resnet-B-20", "resnet-20", seeds=1)
    whole = plan.data(train_images=50_000, validation_images=0)
    plan.train("resnet-B-20", data=whole)
    plan.train("resnet-20", data=whole)
    text = plan.text(section)
    split = "50,000 training and 0 validation images (the paper: 45,000 and 5,000)"
    assert f"**Not the paper's protocol: {split}; errors are not the paper's experiment.**" in text
    assert "**resnet-B-20: shortcut option B (the paper: A)" in text


def test_not_the_official_data(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", seeds=1)
    for name in plan.params.models:
        plan.train(name, data=plan.data(official=False))
    text = plan.text(section)
    assert "The data are digits, not the official CIFAR-10: the errors of all nets are NOT comparable" in text
    assert "official CIFAR-10 (" not in text


def test_one_net_on_other_data_spoils_the_comparison(files: Callable[..., Any]) -> None:
    plan = files("plain-20", "resnet-20", seeds=1)
    plan.train("plain-20")
    plan.train("resnet-20", data=plan.data(official=False))
    assert "the errors of resnet-20 are NOT comparable" in plan.text(section)


def test_official_data_are_named_so(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20")
    text = plan.text(section)
    assert "Data: official CIFAR-10 (45,000 training, 5,000 validation and 10,000 test images)." in text
    assert "NOT comparable" not in text


def test_nothing_run_and_no_net(files: Callable[..., Any]) -> None:
    assert "1 net, 3 training runs planned. **Nothing has been trained yet.**" in files("resnet-20").text(section)
    assert "there is nothing to report" in files().text(section)


def test_names_from_files_are_escaped(files: Callable[..., Any]) -> None:
    plan = files("resnet-20", seeds=1)
    plan.train("resnet-20", data=plan.data(official=False, name="a|b <script>"))
    assert "a\\|b \\<script\\>" in plan.text(section)
    assert "<script>" not in plan.text(section)
