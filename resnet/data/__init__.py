"""CIFAR-10 from any source, as the same arrays in one canonical order.

    source ──► labelled images ──► canonical order ──► fingerprint ──► split ──► folder of arrays

A source is the official archive (downloaded, or a path to it), an ImageFolder tree of PNG, WebP or
JPEG files (a folder, or a zip or tar of it), or `digits`, real images that scikit-learn ships.
What comes from outside is not trusted: pickles run no code, and damage is one line that names the file.
"""

from resnet.data.images import (
    CLASSES,
    Data,
    Images,
    Source,
    canonical,
    fingerprint,
)
from resnet.data.prepared import load, prepared_classes, read, read_for_evaluation, save, split, verify
from resnet.data.sources import read_source
from resnet.results import OFFICIAL_FINGERPRINTS

__all__ = [
    "CLASSES",
    "OFFICIAL_FINGERPRINTS",
    "Data",
    "Images",
    "Source",
    "canonical",
    "fingerprint",
    "load",
    "prepared_classes",
    "read",
    "read_for_evaluation",
    "read_source",
    "save",
    "split",
    "verify",
]
