"""`params.yaml`: what to run. Every key is checked, and every mistake is one clear line.

The base sections hold for every net; an entry of `models` may override keys of three for its net alone.
"""

from resnet.params.plan import *  # noqa: F403
from resnet.params.reading import load as load
