"""Entry points for torch.hub: `torch.hub.load("OWNER/resnet-depth", "resnet20")`. Names with an underscore are none."""

from collections.abc import Callable as _Callable
from pathlib import Path as _Path

from resnet.errors import UserError as _UserError
from resnet.nets.model import DepthNet as _DepthNet

dependencies = ["torch"]

_ROOT = _Path(__file__).parent
_FOLDERS = ("weights", "runs/train")  # where a plan trains to, and where Git keeps the weights of some finished runs
_DEPTHS = {"resnet": (20, 32, 44, 56, 110, 1202), "plain": (20, 32, 44, 56, 110)}
_WORDS = {"resnet": "residual net", "plain": "plain net"}


def _pretrained(name: str, seed: int | None) -> _Path:
    """Find weights that the plan of this checkout trained."""
    pattern = f"seed-{'*' if seed is None else seed}/model.safetensors"
    for folder in _FOLDERS:
        for path in sorted((_ROOT / folder / name).glob(pattern)):
            return path
    of_seed = "" if seed is None else f", seed {seed},"
    raise _UserError(
        f"no weights of {name}{of_seed} in this checkout: `dvc pull` or `dvc repro train@{name}` brings them, "
        "weights=FILE takes others"
    )


def _entry_point(net: str, depth: int) -> _Callable[..., _DepthNet]:
    name = f"{net}-{depth}"

    def build(
        pretrained: bool = False,
        weights: str | None = None,
        seed: int | None = None,
        progress: bool = True,
        **options: object,
    ) -> _DepthNet:
        path = _Path(weights) if weights is not None else _pretrained(name, seed) if pretrained else None
        built = _DepthNet(net, depth, **options)  # type: ignore[arg-type]
        if path is not None:
            from resnet.nets.weights import check_record, load_weights

            check_record(path, built)
            load_weights(built, path)
        return built

    build.__name__ = build.__qualname__ = f"{net}{depth}"
    build.__doc__ = f"""The {_WORDS[net]} of {depth} layers for CIFAR-10 (He et al., CVPR 2016, section 4.2).

    It maps images (N, 3, 32, 32), per-pixel mean subtracted, to logits (N, classes).

    Args:
        pretrained: take weights that this checkout's plan trained, of weights/{name} or else runs/train/{name}.
        weights: or those of this file, safetensors or PyTorch's format.
        seed: whose weights are taken with `pretrained`; None: the first that there are.
        progress: for torch.hub's callers; nothing is downloaded.
        options: shortcut ("A", "B", "C"), zero_padding ("both", "end"), classes (10).

    Raises:
        UserError: there are no such weights, or they are another net's.
        ValueError: an option is none.
    """
    return build


for _net, _depths in _DEPTHS.items():
    for _depth in _depths:
        globals()[f"{_net}{_depth}"] = _entry_point(_net, _depth)
