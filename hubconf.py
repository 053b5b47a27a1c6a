"""Entry points for torch.hub: `torch.hub.load("OWNER/resnet-depth", "resnet20")`. Names with an underscore are none."""

from collections.abc import Callable as _Callable
from pathlib import Path as _Path

from resnet.nets.model import DepthNet as _DepthNet

dependencies = ["torch", "numpy", "pydantic", "ruamel", "safetensors", "psutil", "rich", "PIL"]

_ROOT = _Path(__file__).parent
_DEPTHS = {"resnet": (20, 32, 44, 56, 110, 1202), "plain": (20, 32, 44, 56, 110)}
_WORDS = {"resnet": "residual net", "plain": "plain net"}


def _entry_point(net: str, depth: int) -> _Callable[..., _DepthNet]:
    def build(
        pretrained: bool = False,
        weights: str | None = None,
        seed: int | None = None,
        progress: bool = True,
        **options: object,
    ) -> _DepthNet:
        from resnet.training import pretrained as trained

        built = _DepthNet(net, depth, **options)  # type: ignore[arg-type]
        if weights is not None:
            trained.load_pretrained(built, _Path(weights))
        elif pretrained:
            trained.load_pretrained(built, trained.pretrained(_ROOT, built, seed))
            built.eval()
        return built

    build.__name__ = build.__qualname__ = f"{net}{depth}"
    build.__doc__ = f"""The {_WORDS[net]} of {depth} layers for CIFAR-10 (He et al., CVPR 2016, section 4.2).

    It maps images (N, 3, 32, 32) to logits (N, classes). With weights of this project it has `preprocess`, which makes
    such images of a PIL image or of uint8 arrays (N, 32, 32, 3), `classes`, the names of the logits, and `facts`:
    test error, seed, iterations, commit. If nothing is known of the weights these three are None.

    Args:
        pretrained: take weights of a finished run of this checkout's plan; the net is then in evaluation mode.
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
