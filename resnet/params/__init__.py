"""`params.yaml`: what to run. Every key is checked, and every mistake is one clear line.

The base sections hold for every net; an entry of `models` names a net and its depth and may
override keys of `model`, `train` and `throughput` for that net alone. Defaults are the paper's.
"""

from resnet.params.plan import *  # noqa: F403
from resnet.params.reading import load as load
