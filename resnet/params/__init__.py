"""`params.yaml`: what to run. Every key is checked, and every mistake is one clear line.

The base sections hold for every net; an entry of `models` names a net and its depth and may
override keys of `model`, `train` and `throughput` for that net alone. Defaults are the paper's.
"""

from resnet.params.plan import ModelEntry, Params, Settings
from resnet.params.reading import load
from resnet.params.sections import (
    DataParams,
    Depth,
    EvaluateParams,
    LatencyParams,
    LimitsParams,
    ModelParams,
    Net,
    PublishedWeights,
    ReportParams,
    ResponsesParams,
    Section,
    SweepParams,
    ThroughputParams,
    TrainParams,
)

__all__ = [
    "DataParams",
    "Depth",
    "EvaluateParams",
    "LatencyParams",
    "LimitsParams",
    "ModelEntry",
    "ModelParams",
    "Net",
    "Params",
    "PublishedWeights",
    "ReportParams",
    "ResponsesParams",
    "Section",
    "Settings",
    "SweepParams",
    "ThroughputParams",
    "TrainParams",
    "load",
]
