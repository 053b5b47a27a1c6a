"""How to read the figures of a page."""

from resnet.report.markdown import bullets
from resnet.report.style import Section
from resnet.report.tables import Tables

SPEED = (
    "Multiply-adds are those of the convolutions and the fully connected layer, for one image.",
    "Images/s is the median over the repeats ± their standard deviation, all within minutes: another hour of a shared "
    "machine gives another figure. Training is augmentation, forward pass, backward pass and update, inference a "
    "forward pass in evaluation mode.",
    "Peak memory is that of the throughput measurement's training steps: on a GPU the most that the "
    "framework held, on a CPU the process's peak resident size. `(whole run)` marks the peak of the training "
    "runs, shown where no throughput was measured.",
    "Training time is wall-clock time of a whole run, evaluations included; seeds that trained side by side on one "
    "device each count all of it. Times of different machines, or numbers of a processor's threads, are not averaged. "
    "What else ran on the machine, and the code's version of the day, are in them: they tell what the runs took, and "
    "benchmarks tell how fast a net is.",
)


def speed_section(tables: Tables) -> Section:
    return Section("How to read this", bullets(SPEED) if len(tables.nets) else "")
