"""The result files: every field with its unit. They are written and read only here.

Each stage leaves small JSON files (and one CSV per training run) that name what made them. The
report is a function of these files alone. A file is complete or absent; what could be derived
from a field is a property and is not stored.
"""

from resnet.results.base import DamagedFile as DamagedFile
from resnet.results.base import Record as Record
from resnet.results.base import Status as Status
from resnet.results.consistency import HistoryRow as HistoryRow
from resnet.results.consistency import read_history as read_history
from resnet.results.consistency import write_history as write_history
from resnet.results.provenance import OFFICIAL_FINGERPRINTS as OFFICIAL_FINGERPRINTS
from resnet.results.provenance import DataRecord as DataRecord
from resnet.results.provenance import Identity as Identity
from resnet.results.provenance import System as System
from resnet.results.quality import EvaluationRecord as EvaluationRecord
from resnet.results.quality import PublishedRecord as PublishedRecord
from resnet.results.quality import PublishedRecords as PublishedRecords
from resnet.results.quality import PublishedResponses as PublishedResponses
from resnet.results.quality import ResponsesRecord as ResponsesRecord
from resnet.results.quality import SeedResponses as SeedResponses
from resnet.results.speed import DescriptionRecord as DescriptionRecord
from resnet.results.speed import ForecastRecord as ForecastRecord
from resnet.results.speed import ForecastRow as ForecastRow
from resnet.results.speed import LatencyRecord as LatencyRecord
from resnet.results.speed import LatencyRow as LatencyRow
from resnet.results.speed import Layer as Layer
from resnet.results.speed import Passes as Passes
from resnet.results.speed import Peaks as Peaks
from resnet.results.speed import StepWork as StepWork
from resnet.results.speed import ThroughputRecord as ThroughputRecord
from resnet.results.speed import Timing as Timing
from resnet.results.speed import UsualLoopRecord as UsualLoopRecord
from resnet.results.sweep import SweepRecord as SweepRecord
from resnet.results.sweep import SweepState as SweepState
from resnet.results.sweep import SweepTrial as SweepTrial
from resnet.results.sweep import SweepValues as SweepValues
from resnet.results.training import FACTS as FACTS
from resnet.results.training import HISTORY as HISTORY
from resnet.results.training import PREDICTIONS as PREDICTIONS
from resnet.results.training import WEIGHTS as WEIGHTS
from resnet.results.training import Facts as Facts
from resnet.results.training import Segment as Segment
from resnet.results.training import StoredFile as StoredFile
from resnet.results.training import StoredName as StoredName
from resnet.results.training import TrainingRecord as TrainingRecord
