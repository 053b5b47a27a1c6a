"""What the report says about runs that are not the paper's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resnet.report.analysis.published import FILE, published


def test_published_figures_are_the_papers() -> None:
    known = published()
    paper = {depth: known.paper("resnet", depth) for depth in (20, 32, 44, 56, 110, 1202)}
    assert [figure.error for figure in paper.values() if figure] == [8.75, 7.51, 7.17, 6.97, 6.61, 7.93]
    assert paper[110] is not None
    assert (paper[110].std, paper[110].n, paper[110].best) == (0.16, 5, 6.43)
    assert known.paper("plain", 20) is None
    assert known.parameters[1202] == "19.4M"
    assert all(source.url.startswith("https://") for source in known.sources.values())
    assert FILE.name == "published.yaml"


def test_papers_protocol_is_said_to_differ_in_nothing(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", "resnet-110", "resnet-1202", seeds=1)
    for name in of.params.models:
        of.train(name)
    written = of.build()
    assert "not the paper's experiment" not in written
    assert "schedule" not in written.split("## Results")[0]
    assert of.row("resnet-110")["net"] == "resnet-110"


def test_shortened_schedule_of_all_nets(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", seeds=1, train={"iterations": 400})
    of.train("plain-20")
    written = of.build()
    line = "**Shortened schedule: 400 of the paper's 64,000 iterations; errors are not the paper's experiment.**"
    assert line in written
    assert of.row("plain-20")["net"] == "plain-20"


def test_shortened_schedule_of_one_net_marks_its_row(files: Callable[..., Any]) -> None:
    of = files("resnet-20", "resnet-1202", seeds=1)
    of.train("resnet-20")
    of.train("resnet-1202", train={"iterations": 20})
    written = of.build()
    assert (
        "**resnet-1202: shortened schedule: 20 of the paper's 64,000 iterations; "
        "its errors are not the paper's experiment.**"
    ) in written
    assert of.row("resnet-1202")["net"] == "resnet-1202 (20 iterations)"
    assert of.row("resnet-20")["net"] == "resnet-20"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("batch_size", 64, "batch size 64 (the paper: 128)"),
        ("learning_rate", 0.05, "learning rate 0.05 (the paper: 0.1)"),
        ("milestones", [0.4, 0.8], "milestones [0.4, 0.8] (the paper: [0.5, 0.75])"),
        ("momentum", 0.8, "momentum 0.8 (the paper: 0.9)"),
        ("weight_decay", 5e-4, "weight decay 0.0005 (the paper: 0.0001)"),
        ("warmup", True, "a warm-up (the paper: none)"),
        ("iterations", 80_000, "Lengthened schedule: 80,000 iterations, the paper's 64,000"),
    ],
)
def test_every_setting_that_the_paper_states_is_compared(
    files: Callable[..., Any], key: str, value: object, said: str
) -> None:
    of = files("resnet-20", seeds=1, train={key: value})
    of.train("resnet-20")
    assert said in of.build().split("## Results")[0]


def test_resnet_110_without_its_warm_up(files: Callable[..., Any]) -> None:
    of = files("resnet-110", seeds=1)
    of.train("resnet-110", train={"warmup": False})
    assert "no warm-up (the paper: at 0.01 until the training error is below 80 %)" in of.build()


def test_another_split_and_another_shortcut(files: Callable[..., Any]) -> None:
    of = files("resnet-B-20", "resnet-20", seeds=1)
    whole = of.data(train_images=50_000, validation_images=0)
    of.train("resnet-B-20", data=whole)
    of.train("resnet-20", data=whole)
    written = of.build()
    said = "50,000 training and 0 validation images (the paper: 45,000 and 5,000)"
    assert f"**Not the paper's protocol: {said}; errors are not the paper's experiment.**" in written
    assert "**resnet-B-20: shortcut option B (the paper: A)" in written
    # The paper's figure is of option A: it does not stand beside another net.
    assert of.row("resnet-B-20")["paper's test error, %"] == "–"
    assert of.row("resnet-20")["paper's test error, %"] == "8.75"


def test_not_the_official_data(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", seeds=1)
    for name in of.params.models:
        of.train(name, data=of.data(official=False))
    written = of.build()
    assert "The data are digits, not the official CIFAR-10" in written
    assert "are NOT comparable with the paper's" in written
    assert "official CIFAR-10 (" not in written
    assert "8.75 (n = 1)" in written  # our own
    assert "paper's test error" not in written
    assert "Published elsewhere" not in written
    assert "9.78" not in written


def test_one_net_on_other_data_spoils_the_comparison(files: Callable[..., Any]) -> None:
    of = files("plain-20", "resnet-20", seeds=1)
    of.train("plain-20")
    of.train("resnet-20", data=of.data(official=False))
    written = of.build()
    assert "the errors of resnet-20 are NOT comparable" in written
    assert "paper's test error" not in written


def test_official_data_are_named_so(files: Callable[..., Any]) -> None:
    of = files("resnet-20", seeds=1)
    of.train("resnet-20")
    written = of.build()
    assert "Data: official CIFAR-10 (45,000 training, 5,000 validation and 10,000 test images)." in written
    assert "NOT comparable" not in written
    assert "| resnet-20 | 8.51 ± 0.22 (n = 5) | 8.64 ± 0.16 (n = 5) | 8.27 (n = 1) |" in written
