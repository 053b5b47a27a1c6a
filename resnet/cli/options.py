"""The options that commands share, and how parameters are read for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from resnet.errors import UserError
from resnet.params import Params, Settings, load
from resnet.runs.live import Viewer

DEFAULT_PARAMS = Path("params.yaml")

ParamsFile = Annotated[Path, typer.Option("--params", help="Parameters; without the default file, the paper's.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, such as train.iterations=400.")]
Net = Annotated[str | None, typer.Option(help="resnet or plain [resnet].")]
Depth = Annotated[int | None, typer.Option(help="6n + 2: 8, 14, 20, ..., 1202 [20].")]
Name = Annotated[str | None, typer.Option(help="Entry of the parameters' models whose settings hold [NET-DEPTH].")]
Runs = Annotated[Path, typer.Option(help="Folder of result files.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Move aside what other settings, data or code made.")]
Pipeline = Annotated[Path, typer.Argument(help="The dvc.yaml of a plan.")]
Live = Annotated[Viewer | None, typer.Option("--live", envvar="RESNET_LIVE", help="Write curves while it trains.")]
Format = Annotated[Literal["table", "json"], typer.Option("--format", help="For people or for programs.")]


def read_params(path: Path, assignments: list[str] | None) -> Params:
    """Read the parameters; the default file may be absent.

    Raises:
        UserError: they are not valid; or a stage of DVC runs this, and a section is left out.
    """
    absent = path == DEFAULT_PARAMS and not path.exists()
    params = load(None if absent else path, assignments or ())
    left_out = Params.model_fields.keys() - params.model_fields_set - {"report", "sweep"}
    if left_out and "DVC_STAGE" in os.environ:  # which fails for want of them when the stage has run
        added = ", ".join(f"`{name}: {{}}`" for name in sorted(left_out))
        raise UserError(f"{path}: dvc.yaml names these sections, which may be empty: add {added}")
    return params


def one_net(plan: Params, net: str | None, depth: int | None, name: str | None) -> Settings:
    """Give what holds for one net: ResNet-20 if none is named."""
    return plan.settings_for("resnet" if net is None else net, 20 if depth is None else depth, name)


def nets(plan: Params, net: str | None, depth: int | None, name: str | None) -> tuple[list[Settings], bool]:
    """Give what holds for the net that is named, or for every net of the plan; and whether one is named.

    Raises:
        UserError: no net is named, and the plan has none.
    """
    if not (net is None and depth is None and name is None):
        return [one_net(plan, net, depth, name)], True
    if not plan.models:
        raise UserError("the parameters have no models: name a net, such as --net resnet --depth 20")
    return [plan.settings(entry) for entry in plan.models], False
