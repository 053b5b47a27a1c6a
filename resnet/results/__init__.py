"""The result files: every field with its unit. They are written and read only here.

Each stage leaves small JSON files (and one CSV per training run) that name what made them. The
report is a function of these files alone. A file is complete or absent; what could be derived
from a field is a property and is not stored.
"""

from resnet.results.base import OFFICIAL_FINGERPRINTS as OFFICIAL_FINGERPRINTS
from resnet.results.base import DamagedFile as DamagedFile
from resnet.results.base import DataRecord as DataRecord
from resnet.results.base import Identity as Identity
from resnet.results.base import Record as Record
from resnet.results.base import Status as Status
from resnet.results.base import System as System
from resnet.results.consistency import HistoryRow as HistoryRow
from resnet.results.consistency import read_history as read_history
from resnet.results.consistency import write_history as write_history
from resnet.results.measurements import DescriptionRecord as DescriptionRecord
from resnet.results.measurements import EvaluationRecord as EvaluationRecord
from resnet.results.measurements import ForecastRecord as ForecastRecord
from resnet.results.measurements import ForecastRow as ForecastRow
from resnet.results.measurements import LatencyRecord as LatencyRecord
from resnet.results.measurements import LatencyRow as LatencyRow
from resnet.results.measurements import Layer as Layer
from resnet.results.measurements import Passes as Passes
from resnet.results.measurements import Peaks as Peaks
from resnet.results.measurements import PublishedRecord as PublishedRecord
from resnet.results.measurements import PublishedRecords as PublishedRecords
from resnet.results.measurements import PublishedResponses as PublishedResponses
from resnet.results.measurements import ResponsesRecord as ResponsesRecord
from resnet.results.measurements import SeedResponses as SeedResponses
from resnet.results.measurements import StepWork as StepWork
from resnet.results.measurements import SweepRecord as SweepRecord
from resnet.results.measurements import SweepState as SweepState
from resnet.results.measurements import SweepTrial as SweepTrial
from resnet.results.measurements import SweepValues as SweepValues
from resnet.results.measurements import ThroughputRecord as ThroughputRecord
from resnet.results.measurements import Timing as Timing
from resnet.results.measurements import UsualLoopRecord as UsualLoopRecord
from resnet.results.training import FACTS as FACTS
from resnet.results.training import HISTORY as HISTORY
from resnet.results.training import PREDICTIONS as PREDICTIONS
from resnet.results.training import WEIGHTS as WEIGHTS
from resnet.results.training import Facts as Facts
from resnet.results.training import Segment as Segment
from resnet.results.training import StoredFile as StoredFile
from resnet.results.training import StoredName as StoredName
from resnet.results.training import TrainingRecord as TrainingRecord
