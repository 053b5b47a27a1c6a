"""What every result file has in common: how it is written and read, what its numbers may be, and what it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from resnet.errors import UserError, one_line
from resnet.files import sha256_of, write_text
from resnet.params.problems import first_problem

Status = Literal["done", "interrupted", "diverged", "not run"]

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


def of_any_device(file: Path) -> Path:
    """A measurement's file: a CPU's `NAME.json` if there is one, else an accelerator's, `DEVICE/NAME.json`."""
    return file if file.exists() else min(file.parent.glob(f"*/{file.name}"), default=file)


class Record(BaseModel):
    """A result file or a part of one. Fields that are no record's any more are passed over."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

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
            raise DamagedFile(path, f"not a {cls.__name__}: {first_problem(error)}") from error


class System(Record):
    """The machine and the software that made a result."""

    device: str
    """`cpu`, `cuda` (CUDA or ROCm: `versions` names which) or `mps` (Apple)."""
    device_name: str
    """The processor's or the GPU's name as its driver gives it."""
    processor: str
    cores: Positive
    """Processor cores this process may use."""
    threads: Positive
    """Threads that PyTorch uses within an operation."""
    memory_bytes: Positive
    """Main memory of the machine."""
    device_memory_bytes: Positive | None = None
    """Memory of the GPU."""
    platform: str
    python: str
    versions: dict[str, str]
    """Package name to version: torch, torchvision, numpy, ..., cuda and cudnn where there are."""
    fused: Flag | None = None
    """On a CPU: whether the compiled operations of `resnet/nets/kernels.py` ran."""
    compiler: str | None = None
    """Of those, as it names itself; None if none ran, and in earlier files."""
    instructions: str | None = None
    """Vector instructions of the processor; None if they are not known, and in earlier files."""
    commit: str | None
    """Git commit of the working tree; None outside a checkout."""
    modified: Flag | None
    """Whether tracked files differed from that commit."""

    @property
    def timed_on(self) -> str:
        """What a time belongs to: the device; of a processor its threads too, which decide a time as much."""
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return f"{self.device_name} ({threads})" if self.device == "cpu" else self.device_name


class DataRecord(Record):
    """`data.json`: what the prepared arrays hold. Nothing here depends on where they came from."""

    model_config = ConfigDict(extra="forbid")
    name: str
    official: Flag
    """Whether both fingerprints are those of the official CIFAR-10."""
    classes: Annotated[tuple[str, ...], Field(min_length=1, max_length=256)]
    fingerprint: Annotated[dict[Literal["train", "test"], str], Field(min_length=2)]
    """Order-independent SHA-256 (hex) over pixels and labels of the source's two sets."""
    train_images: Positive
    """Images left for training after the split."""
    validation_images: Count
    test_images: Positive
    split_seed: Seed
    split_fingerprint: str
    """SHA-256 (hex) of the sorted digests of the validation images."""
    names: str | None = Field(None, exclude_if=lambda names: names is None)
    """SHA-256 (hex) of the name and the classes of other data than CIFAR-10, which nothing else holds."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the training, validation and test sets: what an identity holds of them."""
        return sha256_of([self.fingerprint, self.split_fingerprint])


class Identity(Record):
    """What a run's numbers depend on; a checkpoint continues only under the same three."""

    configuration: str
    """SHA-256 (hex) of the settings that bear on the result."""
    data: str
    """SHA-256 (hex) of the training, validation and test sets."""
    version: Count
    """Of what an iteration computes (`resnet/training/recipe.py`)."""

    def differences(self, other: Identity) -> list[str]:
        """Name the parts in which another identity is another."""
        return [part for part in Identity.model_fields if getattr(self, part) != getattr(other, part)]
