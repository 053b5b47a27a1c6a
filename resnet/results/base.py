"""What every result file has in common: how it is written and read, what its numbers may be, and its status."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sized
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from resnet.errors import UserError, one_line
from resnet.files import write_text

Status = Literal["done", "interrupted", "diverged", "not run"]

MOST_BYTES = 16 * 2**20
"""Of a JSON file: ResNet-1202's description, the largest, has half a MiB."""

Count = Annotated[int, Field(strict=True, ge=0, lt=2**53)]
Positive = Annotated[int, Field(strict=True, ge=1, lt=2**53)]
Error = Annotated[float, Field(strict=True, ge=0, le=100)]
"""In %."""
Seconds = Annotated[float, Field(strict=True, ge=1e-12, le=1e12)]
Quantity = Annotated[float, Field(strict=True, ge=1e-30, le=1e30)]
"""A physical quantity that is never zero, such as bytes a second."""
Amount = Annotated[float, Field(strict=True, ge=0, le=1e30)]
Flag = Annotated[bool, Field(strict=True)]


def _from_json_number(value: Any) -> Any:
    return float(value) if value in ("nan", "inf", "-inf") else value


def _to_json_number(value: float) -> float | str:
    # JSON has no NaN or infinity: a diverged run's loss is stored as the string "nan" or "inf".
    return value if value - value == 0 else str(value)


Number = Annotated[
    float, Field(strict=True, allow_inf_nan=True), BeforeValidator(_from_json_number), PlainSerializer(_to_json_number)
]
"""May be NaN or infinite."""


class DamagedFile(UserError):
    """A result file that is not what its writer left."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem = path, one_line(problem, 200)
        super().__init__(f"{path}: {self.problem}")


def read_contents(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a result file, which may be anything: nothing is read of what is no file, or larger than `most` bytes.

    Raises:
        DamagedFile: it cannot be read, is no file, or is too large.
    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise DamagedFile(path, "not a file")
        if state.st_size > most:
            raise DamagedFile(path, f"{state.st_size:,} bytes, too large for a result")
        return path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and os.path.islink(path)
        raise DamagedFile(path, f"cannot be read ({'a broken link' if missing else error.strerror})") from error


def same_lengths(**values: Sized | None) -> None:
    """Check that the figures of one measurement are as many as each other; None was not measured.

    Raises:
        ValueError: they are not.
    """
    lengths = {name: len(value) for name, value in values.items() if value is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(" and ".join(f"{length} {name}" for name, length in lengths.items()))


class Record(BaseModel):
    """A result file or a part of one. Unknown fields are refused: a record means what it says."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_max_length=10_000)

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
