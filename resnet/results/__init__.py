"""The result files: every field with its unit. They are written and read only here.

The report is a function of these files alone. A file is complete or absent; what a field says, no other repeats.
"""

from resnet.results.base import *  # noqa: F403
from resnet.results.consistency import *  # noqa: F403
from resnet.results.measurements import *  # noqa: F403
from resnet.results.training import *  # noqa: F403
