"""Nets as files for other programs: torch.export, ONNX and TorchScript, each read back and held against the net.

The file maps images float32 (N, 3, 32, 32), per-pixel mean subtracted as in training, to logits (N, classes), for
any N. It holds PyTorch's plain operations, evaluation mode and float32.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from resnet.errors import UserError
from resnet.files import complete_or_absent

Program = Callable[[Tensor], Tensor]

TOLERANCE = 1e-4
"""The largest difference from the net's logits, as a share of the largest logit: rounding in another order."""

_EXAMPLES, _OTHERS = 2, 5
"""Images that the file is made with, and other numbers that it is tried on."""


def _torch_export(net: nn.Module, images: Tensor, path: Path) -> None:
    program = torch.export.export(net, (images,), dynamic_shapes=({0: torch.export.Dim("images", min=1)},))
    torch.export.save(program, path)


def _read_torch_export(path: Path) -> Program:
    return torch.export.load(path).module()


def _torchscript(net: nn.Module, images: Tensor, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and still what many runtimes load
        torch.jit.save(torch.jit.trace(net, images, check_trace=False), path)  # type: ignore[no-untyped-call]


def _read_torchscript(path: Path) -> Program:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Program = torch.jit.load(path)  # type: ignore[no-untyped-call]
    return program


def _onnx(net: nn.Module, images: Tensor, path: Path) -> None:
    shapes = ({0: torch.export.Dim("images", min=1)},)
    torch.onnx.export(
        net,
        (images,),
        path,
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=shapes,
        external_data=False,
        verbose=False,
    )


def _read_onnx(path: Path) -> Program:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])

    return run


FORMATS: dict[str, tuple[Callable[[nn.Module, Tensor, Path], None], Callable[[Path], Program]]] = {
    ".pt2": (_torch_export, _read_torch_export),
    ".onnx": (_onnx, _read_onnx),
    ".torchscript": (_torchscript, _read_torchscript),
}
"""By the file's suffix: what writes it, and what reads it back."""


@torch.no_grad()
def export(net: nn.Module, path: Path) -> float:
    """Write a net to a file of the suffix's format, and return how far its logits are from the net's.

    Args:
        net: on the CPU, in float32; left in evaluation mode.
        path: ends with .pt2, .onnx or .torchscript.

    Returns:
        The largest difference of a logit, as a share of the largest logit.

    Raises:
        UserError: the suffix is none of these, a package is missing, or the file does not compute what the net does;
            an earlier file is left as it was.
    """
    if path.suffix not in FORMATS:
        raise UserError(f"{path}: the suffix says the format, one of {', '.join(FORMATS)}")
    write, read = FORMATS[path.suffix]
    net.eval()
    shape = (_OTHERS, 3, 32, 32)
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with complete_or_absent(path) as partial:
        named = partial.with_suffix(path.suffix)  # the writers go by the suffix
        try:
            write(net, images[:_EXAMPLES], named)
            program = read(named)
            differences = []
            for part in (images[:1], images):
                ours, theirs = net(part), program(part)
                differences.append(float((ours - theirs).abs().max() / ours.abs().max()))
            named.replace(partial)
        except ImportError as error:
            raise UserError(f"{path}: {error.name} is not installed: pip install 'resnet-depth[onnx]'") from error
        finally:
            named.unlink(missing_ok=True)
        if not max(differences) <= TOLERANCE:
            raise UserError(f"{path}: its logits are {max(differences):.1e} from the net's; nothing was written")
    return max(differences)
