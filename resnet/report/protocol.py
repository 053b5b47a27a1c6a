"""How what was run deviates from the paper's protocol, in plain words."""

from collections.abc import Iterable
from typing import NamedTuple

from resnet.report.published import published
from resnet.report.results import Net
from resnet.results import DataRecord


class Deviation(NamedTuple):
    """One way in which a net's runs are not the paper's."""

    key: str
    mark: str
    """What is ours, in a word or two, for a table's cell."""
    papers: str

    @property
    def sentence(self) -> str:
        return f"{self.mark} (the paper: {self.papers})"


def deviations(net: Net, data: DataRecord | None) -> list[Deviation]:
    """How a net of the plan deviates; `data`: what its runs were trained on."""
    paper, settings, found = published().protocol, net.flat, list[Deviation]()
    if net.iterations != paper.iterations:
        found.append(Deviation("iterations", f"{net.iterations:,} iterations", f"{paper.iterations:,}"))
    for key, theirs in paper.train.items():
        if (ours := settings[f"train.{key}"]) != theirs:
            found.append(Deviation(key, f"{key.replace('_', ' ')} {ours}", str(theirs)))
    # The paper warms up one net, and says nothing about deeper ones; shallower ones need no warm-up.
    warms_up, papers = net.settings.train.warmup, "none"
    unlike = warms_up and net.depth < paper.warmup_depth
    if net.kind == "resnet" and net.depth == paper.warmup_depth:
        papers = "at {} until the training error is below {:g} %".format(*paper.warmup.values())
        unlike = not warms_up or any(settings[f"train.{key}"] != theirs for key, theirs in paper.warmup.items())
    if unlike:
        found.append(Deviation("warmup", "its own warm-up" if warms_up else "no warm-up", papers))
    if net.kind == "resnet" and net.shortcut != paper.shortcut:
        found.append(Deviation("shortcut", f"option {net.shortcut}", f"option {paper.shortcut}"))
    if (width := settings["model.width"]) != 1:
        found.append(Deviation("width", f"width {width}", "1"))
    if data and net.runs and data.official and data.train_images != paper.train_images:
        mark, papers = (f"{images / 1000:g}k" for images in (data.train_images, paper.train_images))
        found.append(Deviation("split", f"{mark} images", papers))
    return found


def shared_deviations(nets: Iterable[Net], data: DataRecord | None) -> list[Deviation]:
    """How every net of the plan deviates in the same way."""
    first, *others = [deviations(net, data) for net in nets] or [[]]
    return [deviation for deviation in first if all(deviation in other for other in others)]


def official(data: DataRecord | None) -> bool:
    """Whether what was trained was trained on the official CIFAR-10."""
    return data is None or data.official


def on_the_papers_schedule(nets: Iterable[Net], data: DataRecord | None) -> list[str]:
    """Nets with a finished seed that published errors apply to. Others train on 45k or 50k images, which is said."""
    done = [net for net in nets if net.done] if official(data) else []
    return [net.name for net in done if all(d.key in ("split", "shortcut") for d in deviations(net, data))]
