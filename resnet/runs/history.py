"""The learning curve of a run, from what every iteration has left."""

from __future__ import annotations

from resnet.params import TrainParams
from resnet.results import HistoryRow
from resnet.training.checkpoint import Progress
from resnet.training.recipe import learning_rate


def history(progress: Progress, recipe: TrainParams, train_images: int) -> list[HistoryRow]:
    """The curve up to the present iteration: a row every `log_every` iterations and at every evaluation.

    Args:
        progress: of the run.
        recipe: its settings.
        train_images: in an epoch.
    """
    losses, wrong = (values[: progress.iteration].cpu().double() for values in (progress.losses, progress.wrong))
    logged = range(recipe.log_every, progress.iteration + 1, recipe.log_every)
    start, rows = 0, []
    for end in sorted({*logged, *progress.evaluations}):
        validation, test = progress.evaluations.get(end, (None, None))
        warming_up = recipe.warmup and (progress.warmup_iterations is None or end <= progress.warmup_iterations)
        rows.append(
            HistoryRow(
                iteration=end,
                epoch=end * recipe.batch_size / train_images,
                learning_rate=learning_rate(end - 1, recipe, warming_up=warming_up),
                training_loss=float(losses[start:end].mean()),
                training_error=100 * float(wrong[start:end].mean()) / recipe.batch_size,
                validation_error=validation,
                test_error=test,
            )
        )
        start = end
    return rows
