"""CIFAR-10 from any source, as the same arrays in one canonical order.

    source ──► labelled images ──► canonical order ──► fingerprint ──► split ──► folder of arrays

A source is the official archive (downloaded, or a path to it), a tree of PNG, WebP or JPEG files (a folder,
or a zip or tar of it), or `digits`, real images that scikit-learn ships. A pickle is read only if it is an
official batch, and damage is one line that names the file.
"""

from resnet.data.images import CLASSES, PIXEL_MEAN, PIXEL_MEAN_OF, Data, Images, Source
from resnet.data.prepared import load, prepared_classes, read, save, split

__all__ = [
    "CLASSES", "PIXEL_MEAN", "PIXEL_MEAN_OF", "Data", "Images", "Source", "load", "prepared_classes", "read", "save",
    "split",
]  # fmt: skip
