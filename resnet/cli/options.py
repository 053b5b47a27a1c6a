"""The options that commands share, and how parameters are read for them."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from resnet.errors import UserError
from resnet.params import Params, Settings, load
from resnet.runs.live import Viewer

DEFAULT_PARAMS = Path("params.yaml")
SECTIONS = ("data", "model", "train", "throughput", "responses", "evaluate", "latency", "limits", "models")
"""Those that the stages of dvc.yaml name."""


class Format(StrEnum):
    table = "table"
    json = "json"


ParamsOption = Annotated[
    Path, typer.Option("--params", help="Parameters; without the default file, the paper's protocol holds.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a parameter, such as train.iterations=400."),
]
NetOption = Annotated[str, typer.Option(help="resnet or plain.")]
DepthOption = Annotated[int, typer.Option(help="6n + 2: 8, 14, 20, ..., 1202.")]
NameOption = Annotated[
    str | None, typer.Option(help="Entry of the parameters' models whose settings hold [NET-DEPTH].")
]
PlanNetOption = Annotated[
    str | None,
    typer.Option("--net", help="resnet or plain. Without --net, --depth and --name: every net of the parameters."),
]
PlanDepthOption = Annotated[int | None, typer.Option("--depth", help="6n + 2: 8, 14, 20, ..., 1202.")]
RunsOption = Annotated[Path, typer.Option(help="Folder of result files.")]
ResultOption = Annotated[Path, typer.Option(help="Result file.")]
WeightsFileOption = Annotated[Path, typer.Option(help="A state dict: safetensors or PyTorch's format.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Move aside what other settings, data or code made.")
]
PipelineArgument = Annotated[Path, typer.Argument(help="The dvc.yaml of a plan.")]
LiveOption = Annotated[
    Viewer | None,
    typer.Option("--live", envvar="RESNET_LIVE", help="Write curves for a program that shows them during training."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="For people or for programs.")]


def read_params(path: Path, assignments: list[str] | None) -> Params:
    """Read the parameters; the default file may be absent.

    Raises:
        UserError: they are not valid; or a stage of DVC runs this, and a section is left out.
    """
    absent = path == DEFAULT_PARAMS and not path.exists()
    params = load(None if absent else path, assignments or ())
    left_out = [name for name in SECTIONS if name not in params.model_fields_set]
    if left_out and "DVC_STAGE" in os.environ:  # which fails for want of them when the stage has run
        added = ", ".join(f"`{name}: {{}}`" for name in left_out)
        raise UserError(f"{path}: dvc.yaml names these sections, which may be empty: add {added}")
    return params


def read_settings(path: Path, assignments: list[str] | None, net: str, depth: int, name: str | None = None) -> Settings:
    """Read the parameters, and give what holds for one net."""
    return read_params(path, assignments).settings_for(net, depth, name)


def named_net(plan: Params, net: str | None, depth: int | None, name: str | None) -> Settings | None:
    """Give what holds for the net that is named; None if none is, which stands for every net of the plan.

    Raises:
        UserError: no net is named, and the plan has none.
    """
    if net is not None or depth is not None or name is not None:
        return plan.settings_for(net or "resnet", depth or 20, name)
    if not plan.models:
        raise UserError("the parameters have no models: name a net, such as --net resnet --depth 20")
    return None


def print_json(value: Any) -> None:
    """Print a value for programs."""
    print(json.dumps(value, indent=2))
