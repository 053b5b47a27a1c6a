"""The result files: every field with its unit. They are written and read only here.

Each stage leaves small JSON files (and one CSV per training run) that name what made them. The
report is a function of these files alone. A file is complete or absent; what could be derived
from a field is a property and is not stored.
"""

from resnet.records.base import Number, Record, Status
from resnet.records.nets import DescriptionRecord, Layer
from resnet.records.provenance import FIRST_SOURCE, DataRecord, Identity, System, with_identity
from resnet.records.quality import (
    EvaluationRecord,
    PublishedRecord,
    PublishedRecords,
    PublishedResponses,
    ResponsesRecord,
    SeedResponses,
)
from resnet.records.speed import (
    Energy,
    ForecastRecord,
    ForecastRow,
    LatencyRecord,
    LatencyRow,
    Passes,
    Peaks,
    StepWork,
    ThroughputRecord,
    Timing,
    UsualLoopRecord,
)
from resnet.records.sweep import SweepRecord, SweepState, SweepTrial, SweepValues
from resnet.records.training import (
    HistoryRow,
    Segment,
    TrainingRecord,
    read_history,
    read_predictions,
    write_history,
)

__all__ = [
    "FIRST_SOURCE",
    "DataRecord",
    "DescriptionRecord",
    "Energy",
    "EvaluationRecord",
    "ForecastRecord",
    "ForecastRow",
    "HistoryRow",
    "Identity",
    "LatencyRecord",
    "LatencyRow",
    "Layer",
    "Number",
    "Passes",
    "Peaks",
    "PublishedRecord",
    "PublishedRecords",
    "PublishedResponses",
    "Record",
    "ResponsesRecord",
    "SeedResponses",
    "Segment",
    "Status",
    "StepWork",
    "SweepRecord",
    "SweepState",
    "SweepTrial",
    "SweepValues",
    "System",
    "ThroughputRecord",
    "Timing",
    "TrainingRecord",
    "UsualLoopRecord",
    "read_history",
    "read_predictions",
    "with_identity",
    "write_history",
]
