"""What the paper and others have published, read from `published.yaml` beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from resnet.records import Record
from resnet.report.statistics import Spread


class Origin(Record):
    title: str
    where: str
    conditions: str


class PublishedError(Record):
    source: str
    mean: float
    std: float | None = None
    n: int | None = None
    """Runs; None where the source does not say."""
    note: str = ""

    def __str__(self) -> str:
        if self.std is not None and self.n is not None:
            return str(Spread(self.mean, self.std, self.n))
        return f"{self.mean:.2f}" + (f" (n = {self.n})" if self.n else "")


class Published(Record):
    sources: dict[str, Origin]
    recipe: dict[str, dict[str, Any]]
    parameters: dict[str, str]
    errors: dict[str, list[PublishedError]]

    def paper_error(self, name: str) -> PublishedError | None:
        """The paper's test error of a net, where it prints one."""
        return next((error for error in self.errors.get(name, []) if error.source == "paper"), None)


@cache
def published() -> Published:
    text = Path(__file__).with_name("published.yaml").read_text(encoding="utf-8")
    return Published.model_validate(yaml.safe_load(text))
