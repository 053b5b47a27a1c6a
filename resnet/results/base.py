"""What every result file has in common: how it is written and read, what its numbers may be, and its status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from resnet.errors import UserError, one_line
from resnet.files import write_text

Status = Literal["done", "interrupted", "diverged", "not run"]

RETIRED = {"energy_joules", "inference_energy", "processes", "training_energy"}
"""Fields of earlier files that nothing reads: they are passed over."""

Count = Annotated[int, Field(strict=True, ge=0, lt=2**53)]
Positive = Annotated[int, Field(strict=True, ge=1, lt=2**53)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Error = Annotated[float, Field(strict=True, ge=0, le=100)]
"""In %."""
Seconds = Annotated[float, Field(strict=True, ge=1e-12, le=1e12)]
Quantity = Annotated[float, Field(strict=True, ge=1e-30, le=1e30)]
"""A physical quantity that is never zero, such as bytes a second."""
Amount = Annotated[float, Field(strict=True, ge=0, le=1e30)]
Flag = Annotated[bool, Field(strict=True)]


def _to_json_number(value: float) -> float | str:
    # JSON has no NaN or infinity: a diverged run's loss is stored as the string "nan" or "inf".
    return value if value - value == 0 else str(value)


Number = Annotated[float, Field(allow_inf_nan=True), PlainSerializer(_to_json_number)]
"""May be NaN or infinite."""


class DamagedFile(UserError):
    """A result file that is not what its writer left."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem = path, one_line(problem, 200)
        super().__init__(f"{path}: {self.problem}")


def read_contents(path: Path) -> bytes:
    """Read a result file.

    Raises:
        DamagedFile: it is missing, is no file, or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise DamagedFile(path, "not a file")
        return path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise DamagedFile(path, "missing" if missing else f"cannot be read ({error.strerror})") from error


class Record(BaseModel):
    """A result file or a part of one. Unknown fields are refused: a record means what it says."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_max_length=10_000)

    @model_validator(mode="before")
    @classmethod
    def _without_retired(cls, tree: Any) -> Any:
        return {key: tree[key] for key in tree if key not in RETIRED} if isinstance(tree, dict) else tree

    def write(self, path: Path) -> None:
        """Write as indented JSON, complete or absent."""
        write_text(path, json.dumps(self.model_dump(mode="json"), indent=2, allow_nan=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that `write` wrote.

        Raises:
            DamagedFile: the file is absent, is not JSON, or its fields are not this record's.
        """
        contents = read_contents(path)
        try:
            return cls.model_validate_json(contents)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))[:80] or "the file"
            raise DamagedFile(path, f"not a {cls.__name__}: {where}: {first['msg']}") from error
