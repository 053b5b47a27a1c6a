"""The learning curve of a run, derived from what every iteration left behind."""

from __future__ import annotations

from resnet.params import Settings
from resnet.results import HistoryRow
from resnet.training.checkpoint import Progress
from resnet.training.recipe import learning_rate


class History:
    """The rows of a run's learning curve; those that cannot change any more are computed once.

    Args:
        settings: of the run.
        train_images: in an epoch.
    """

    def __init__(self, settings: Settings, train_images: int) -> None:
        self._recipe = settings.train
        self._train_images = train_images
        self._settled: list[HistoryRow] = []

    def rows(self, progress: Progress) -> list[HistoryRow]:
        """The curve up to the progress's iteration: a row every `log_every` iterations and at every evaluation."""
        recipe, batch_size = self._recipe, self._recipe.batch_size
        start = self._settled[-1].iteration if self._settled else 0
        logged = range(recipe.log_every, progress.iteration + 1, recipe.log_every)
        ends = sorted(end for end in {*logged, *progress.evaluations} if end > start)
        losses, wrong = (
            values[start : progress.iteration].cpu().double() for values in (progress.losses, progress.wrong)
        )
        first, rows = start, []
        for end in ends:
            validation, test = progress.evaluations.get(end, (None, None))
            warming_up = recipe.warmup and (progress.warmup_iterations is None or end <= progress.warmup_iterations)
            rows.append(
                HistoryRow(
                    iteration=end,
                    epoch=end * batch_size / self._train_images,
                    learning_rate=learning_rate(end - 1, recipe, warming_up=warming_up),
                    training_loss=float(losses[start - first : end - first].mean()),
                    training_error=100 * float(wrong[start - first : end - first].mean()) / batch_size,
                    validation_error=validation,
                    test_error=test,
                )
            )
            start = end
        # The last row may still be given its evaluation.
        self._settled += rows[:-1]
        return self._settled + rows[-1:]
