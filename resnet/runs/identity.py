"""What a trained net depends on, as three SHA-256 sums: configuration, data and code.

A checkpoint goes on only under the fingerprint that it was made with, and a finished run counts as
this plan's only if its fingerprint is the plan's.
"""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

from resnet.params import Settings
from resnet.records import DataRecord, Fingerprint

CODE = (
    "depth",
    "nets/model",
    "nets/fused",
    "training/recipe",
    "training/draws",
    "training/batches",
    "training/trainer",
)
"""The modules whose code, with the kernels of `csrc`, decides what the trained weights are."""

NEUTRAL = {"seeds", "seeds_at_once", "device", "checkpoint_every", "recompute"}
"""Keys of `train` that do not bear on what one seed's run computes."""


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class _WithoutDocstrings(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Bare strings are docstrings, of modules, functions, classes and constants.
            kept = [
                statement
                for statement in body
                if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            ]
            node.body = kept  # type: ignore[attr-defined]
        return node


def parsed_source(source: str) -> str:
    """The source's syntax tree as text: comments, docstrings and layout leave it as it is."""
    return ast.dump(_WithoutDocstrings().visit(ast.parse(source)))


@cache
def code_fingerprint() -> str:
    folder = Path(__file__).parent.parent
    sources = [parsed_source((folder / f"{name}.py").read_text(encoding="utf-8")) for name in CODE]
    kernels = [path.read_text(encoding="utf-8") for path in sorted((folder / "nets" / "csrc").iterdir())]
    return _sha256(json.dumps([dict(zip(CODE, sources, strict=True)), kernels]))


def fingerprint(settings: Settings, data: DataRecord, precision: str) -> Fingerprint:
    """The fingerprint of a run of these settings; `precision` is the one that `auto` came to."""
    train = settings.train.model_dump(mode="json", exclude=NEUTRAL) | {"precision": precision}
    configuration = {
        "net": settings.net,
        "depth": settings.depth,
        "model": settings.model.model_dump(mode="json") if settings.net != "plain" else {},
        "train": train,
    }
    return Fingerprint(
        configuration=_sha256(json.dumps(configuration, sort_keys=True)),
        data=_sha256(json.dumps([data.fingerprint, data.split_fingerprint], sort_keys=True)),
        code=code_fingerprint(),
    )
