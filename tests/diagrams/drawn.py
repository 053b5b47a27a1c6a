"""A drawing, read back."""

from __future__ import annotations

from collections import Counter
from functools import cache
from xml.etree import ElementTree

from resnet.diagrams import Part, draw
from resnet.nets.layers import describe
from resnet.params import load
from resnet.results import DescriptionRecord

SVG = "{http://www.w3.org/2000/svg}"


@cache
def described(net: str, depth: int, *assignments: str) -> DescriptionRecord:
    return describe(load(None, assignments).settings_for(net, depth))


def parsed(record: DescriptionRecord, part: Part = Part.net, alone: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(draw(record, part, alone))


def texts(record: DescriptionRecord, part: Part = Part.net) -> Counter[str]:
    """The lines of text of a drawing, and how often each stands there."""
    return Counter(element.text or "" for element in parsed(record, part).iter(f"{SVG}text"))
