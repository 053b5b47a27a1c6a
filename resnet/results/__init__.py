"""The result files: every field with its unit. They are written and read only here.

Each stage leaves small JSON files (and one CSV per training run) that name what made them. The
report is a function of these files alone. A file is complete or absent; what could be derived
from a field is a property and is not stored.
"""

from resnet.results.base import DamagedFile, Number, Record, Status
from resnet.results.facts import FACTS, Facts
from resnet.results.nets import DescriptionRecord, Layer
from resnet.results.provenance import (
    OFFICIAL_FINGERPRINTS,
    DataRecord,
    Identity,
    System,
)
from resnet.results.quality import (
    EvaluationRecord,
    PublishedRecord,
    PublishedRecords,
    PublishedResponses,
    ResponsesRecord,
    SeedResponses,
)
from resnet.results.speed import (
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
from resnet.results.stored import (
    HISTORY,
    PREDICTIONS,
    WEIGHTS,
    HistoryRow,
    StoredFile,
    StoredName,
    file_digest,
    read_history,
    read_predictions,
    write_history,
)
from resnet.results.sweep import SweepRecord, SweepState, SweepTrial, SweepValues
from resnet.results.training import Segment, TrainingRecord

__all__ = [
    "FACTS",
    "HISTORY",
    "OFFICIAL_FINGERPRINTS",
    "PREDICTIONS",
    "WEIGHTS",
    "DamagedFile",
    "DataRecord",
    "DescriptionRecord",
    "Energy",
    "EvaluationRecord",
    "Facts",
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
    "StoredFile",
    "StoredName",
    "SweepRecord",
    "SweepState",
    "SweepTrial",
    "SweepValues",
    "System",
    "ThroughputRecord",
    "Timing",
    "TrainingRecord",
    "UsualLoopRecord",
    "file_digest",
    "read_history",
    "read_predictions",
    "write_history",
]
