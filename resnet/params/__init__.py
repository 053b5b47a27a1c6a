"""`params.yaml`: what to run. Every key is checked, and every mistake is one clear line.

The base sections hold for every net; an entry of `models` names a net and its depth and may
override keys of `model`, `train` and `throughput` for that net alone. Defaults are the paper's.
"""

from resnet.params.plan import DataParams as DataParams
from resnet.params.plan import ModelParams as ModelParams
from resnet.params.plan import Params as Params
from resnet.params.plan import PublishedWeights as PublishedWeights
from resnet.params.plan import ReportParams as ReportParams
from resnet.params.plan import Settings as Settings
from resnet.params.plan import SweepParams as SweepParams
from resnet.params.plan import TrainParams as TrainParams
from resnet.params.reading import load as load
