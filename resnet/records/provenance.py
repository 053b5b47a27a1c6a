"""What a result came from: the machine and the software, the data, and what its numbers depend on."""

from __future__ import annotations

from typing import Any, Literal

from resnet.records.base import Record


class System(Record):
    """The machine and the software that made a result."""

    device: str
    """`cpu`, `cuda` (CUDA or ROCm: `versions` names which) or `mps` (Apple)."""
    device_name: str
    """The processor's or the GPU's name as its driver gives it."""
    processor: str
    cores: int
    """Processor cores this process may use."""
    threads: int
    """Threads that PyTorch uses within an operation."""
    memory_bytes: int
    """Main memory of the machine."""
    device_memory_bytes: int | None = None
    """Memory of the GPU."""
    platform: str
    python: str
    versions: dict[str, str]
    """Package name to version: torch, torchvision, numpy, ..., cuda and cudnn where there are."""
    fused: bool | None = None
    """On a CPU: whether the compiled operations of `resnet/nets/fused.py` ran."""
    commit: str | None
    """Git commit of the working tree; None outside a checkout."""
    modified: bool | None
    """Whether tracked files differed from that commit."""


class DataRecord(Record):
    """`data.json`: what the prepared arrays hold. Nothing here depends on where they came from."""

    name: str
    official: bool
    """Whether both fingerprints are those of the official CIFAR-10."""
    classes: tuple[str, ...]
    fingerprint: dict[Literal["train", "test"], str]
    """Order-independent SHA-256 (hex) over pixels and labels of the source's two sets."""
    train_images: int
    """Images left for training after the split."""
    validation_images: int
    test_images: int
    split_seed: int
    split_fingerprint: str
    """SHA-256 (hex) of the sorted digests of the validation images."""


class Identity(Record):
    """What a run's numbers depend on; a checkpoint continues only under the same three."""

    configuration: str
    """SHA-256 (hex) of the settings that bear on the result."""
    data: str
    """SHA-256 (hex) of the training, validation and test sets."""
    version: int
    """Of what an iteration computes (`resnet/training/recipe.py`)."""

    def differences(self, other: Identity) -> list[str]:
        """Name the parts in which another identity is another."""
        return [part for part in Identity.model_fields if getattr(self, part) != getattr(other, part)]


FIRST_SOURCE = "34bd687c42ecbd25e5b9d7b42d0d7c7ad1bf34d1c18df1a479f42d9f007dbbb9"
"""The code whose results are version 1: results from before versions carry its sum in their identity's place."""


def with_identity(tree: Any) -> Any:
    """Give what was read of a result, or of a checkpoint's header, from before versions an identity of version 1.

    Raises:
        ValueError: other code than that of version 1 has made it.
    """
    if not (isinstance(tree, dict) and isinstance(tree.get("fingerprint"), dict)):
        return tree
    earlier = dict(tree["fingerprint"])
    source = earlier.pop("code", None)
    if source != FIRST_SOURCE:
        raise ValueError("made by code from before version 1")
    taken_over = {key: value for key, value in tree.items() if key != "fingerprint"}
    taken_over["identity"] = earlier | {"version": 1}
    if "segments" in tree:
        taken_over["segments"] = [{"source": source, **segment} for segment in tree["segments"]]
    return taken_over
