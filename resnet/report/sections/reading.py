"""How to read the figures of a page."""

from resnet.report.style.drawing import Section
from resnet.report.style.markdown import bullets
from resnet.report.tables import Tables

ERRORS = (
    "Test error is the share of misclassified test images in %, of the last iterate, from a single view of "
    "each image, measured in fp32. Nothing is chosen on the test set; its curve is for plotting.",
    "Training error is that of the augmented mini-batches of the last epoch, as they were trained on.",
    "`8.51 ± 0.22 (n = 5)` is the mean and the sample standard deviation (divisor n - 1) over the n seeds "
    "that are done; one seed has no spread and is written `8.75 (n = 1)`. Seeds that diverged or have not "
    "finished do not enter the mean; they are counted under *seeds done*.",
    "The interval of a mean is Student's t, over seeds, cut at 0 and 100 %; that of a difference of means Welch's t.",
)
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


def errors_section(tables: Tables) -> Section:
    return Section("How to read this", bullets(ERRORS) if len(tables.nets) else "")


def speed_section(tables: Tables) -> Section:
    return Section("How to read this", bullets(SPEED) if len(tables.nets) else "")
