"""What every result file has in common: how it is written and read, and its status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from resnet.errors import UserError
from resnet.files import write_text

Status = Literal["done", "interrupted", "diverged", "not run"]


def _from_json_number(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value


def _to_json_number(value: float) -> float | str:
    # JSON has no NaN or infinity: a diverged run's loss is stored as the string "nan" or "inf".
    return value if value - value == 0 else str(value)


Number = Annotated[float, BeforeValidator(_from_json_number), PlainSerializer(_to_json_number)]


class Record(BaseModel):
    """A result file or a part of one. Unknown fields are refused: a record means what it says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def write(self, path: Path) -> None:
        """Write as indented JSON, complete or absent."""
        write_text(path, json.dumps(self.model_dump(mode="json"), indent=2, allow_nan=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that `write` wrote.

        Raises:
            UserError: the file is absent, is not JSON, or its fields are not this record's.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise UserError(f"{path}: not a {cls.__name__}: {where}: {first['msg']}") from error
