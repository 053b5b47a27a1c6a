"""The result files: every field with its unit. They are written and read only here.

Each stage leaves small JSON files (and one CSV per training run) that name what made them. The
report is a function of these files alone. A file is complete or absent; what could be derived
from a field is a property and is not stored.
"""

from resnet.results.base import *  # noqa: F403
from resnet.results.consistency import *  # noqa: F403
from resnet.results.measurements import *  # noqa: F403
from resnet.results.training import *  # noqa: F403
