"""The claims of section 4.2 as they are stated before anything is run: they depend on the plan alone.

The primary family is three claims on two depths of both kinds of nets: depth costs a plain net more than a residual
one, plain nets degrade, residual nets gain. A plan that names the two depths (`report.primary_depths`) has a fourth:
the error falls over all depths of the residual nets. All others are secondary.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, NamedTuple

from resnet.report.analysis.nets import DEEPEST, main_nets, precisions
from resnet.report.tables import Tables

Quantity = Literal["test_error", "training_error", "response"]
PRECISION = "train.precision"
Contrast = dict[str, int]
"""Nets with the coefficients of their means, which add up to 0."""


class Claim(NamedTuple):
    """That each contrast of a quantity lies on one side of a bound."""

    sentence: str
    """Without its full stop."""
    quantity: Quantity
    contrasts: tuple[Contrast, ...]
    sign: Literal[-1, 1]
    """1: above the bound, -1: below."""
    bound: float = 0.0
    """In points."""
    family: Literal["primary", "secondary"] = "secondary"
    varied: str | None = None
    """The setting that the claim is about, in which its nets may differ."""
    trend: Mapping[str, int] = MappingProxyType({})
    """Nets with their depths, if the claim is on the trend over all their runs. Those of the contrast must have two."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The nets that must have two runs."""
        return tuple(dict.fromkeys(name for contrast in self.contrasts for name in contrast))

    @property
    def nets(self) -> tuple[str, ...]:
        return tuple(self.trend) or self.needed


def change(first: str, second: str) -> Contrast:
    """The second net's mean minus the first's."""
    return {first: -1, second: 1}


class Ends(NamedTuple):
    """The shallowest and the deepest net of a kind that claims are about."""

    shallow: str
    deep: str


def planned_seeds(tables: Tables, name: str) -> int:
    return len(tables.seeds(name))


def main_ends(tables: Tables) -> dict[str, Ends]:
    """The ends of each kind for the primary family; a kind with fewer than two depths has none.

    They lie among the depths up to 110 for which the plan has several seeds, since one seed shows no spread; and where
    two such depths are shared by both kinds, the ends are shared.
    """
    ladders = {}
    for kind in ("plain", "resnet"):
        upto = [name for name in main_nets(tables, kind) if tables.net(name).depth <= DEEPEST]
        several = [name for name in upto if planned_seeds(tables, name) > 1]
        ladders[kind] = {int(tables.net(name).depth): name for name in (several if len(several) > 1 else upto)}
    shared = sorted(ladders["plain"].keys() & ladders["resnet"].keys())
    ends = {}
    for kind, names in ladders.items():
        depths = shared if len(shared) > 1 else sorted(names)
        depths = [depth for depth in tables.params.report.primary_depths if depth in names] or depths
        if len(depths) > 1:
            ends[kind] = Ends(names[depths[0]], names[depths[-1]])
    return ends


def interaction(plain: Ends, residual: Ends) -> Claim:
    sentence = (
        f"Depth costs a plain net more than a residual one: ({plain.deep} - {plain.shallow}) - "
        f"({residual.deep} - {residual.shallow}) in test error is above 0"
    )
    contrast = {plain.shallow: -1, plain.deep: 1, residual.shallow: 1, residual.deep: -1}
    return Claim(sentence, "test_error", (contrast,), 1)


def plain_degrade(plain: Ends, quantity: Literal["test_error", "training_error"]) -> Claim:
    sentence = f"Plain nets degrade: {quantity.replace('_', ' ')} rises from {plain.shallow} to {plain.deep}"
    return Claim(sentence, quantity, (change(*plain),), 1)


def depth_helps(residual: Ends) -> Claim:
    sentence = f"Test error falls from {residual.shallow} to {residual.deep}"
    return Claim(sentence, "test_error", (change(*residual),), -1)


def trend(depths: Mapping[str, int], residual: Ends) -> Claim:
    first, *_, last = depths
    sentence = f"Test error falls with depth from {first} to {last}"
    return Claim(sentence, "test_error", (change(*residual),), -1, trend=depths)


def _primary(tables: Tables, ends: dict[str, Ends]) -> Iterator[Claim]:
    if len(ends) == 2:
        yield interaction(ends["plain"], ends["resnet"])
    if "plain" in ends:
        yield plain_degrade(ends["plain"], "training_error")
    if "resnet" in ends:
        yield depth_helps(ends["resnet"])
        names = [name for name in main_nets(tables, "resnet") if tables.net(name).depth <= DEEPEST]
        if tables.params.report.primary_depths and len(names) > 2:
            yield trend({name: int(tables.net(name).depth) for name in names}, ends["resnet"])


def _deep(tables: Tables, names: list[str]) -> list[Ends]:
    """The shallowest net with each of the deeper ones that claims are about.

    These have 56 and 110 layers, or are the deepest that there is up to 110.
    """
    deeper = [name for name in names[1:] if tables.net(name).depth <= DEEPEST]
    chosen = [name for name in deeper if tables.net(name).depth in (56, DEEPEST)] or deeper[-1:]
    return [Ends(names[0], name) for name in chosen]


def _secondary(tables: Tables) -> Iterator[Claim]:
    margin = tables.params.report.margin
    plain, residual = main_nets(tables, "plain"), main_nets(tables, "resnet")
    deep_plain, deep_residual = _deep(tables, plain), _deep(tables, residual)
    upto, beyond = ([x for x in residual if (tables.net(x).depth <= DEEPEST) == side] for side in (True, False))
    residual_at = {tables.net(name).depth: name for name in residual}
    twins = {name: twin for name in plain if (twin := residual_at.get(tables.net(name).depth))}
    for ends in deep_plain:
        if ends.shallow in twins and ends.deep in twins:
            yield interaction(ends, Ends(twins[ends.shallow], twins[ends.deep]))
    yield from map(depth_helps, deep_residual)
    # One planned seed will never show a spread: the order is stated of the depths that can be tested.
    ladder = [name for name in upto if planned_seeds(tables, name) > 1] or upto
    if len(ladder) > 2:
        sentence = f"The order of the depths holds: test error falls at every step {' to '.join(ladder)}"
        yield Claim(sentence, "test_error", tuple(change(*step) for step in pairwise(ladder)), -1)
    if beyond and upto:
        sentence = f"Test error rises again from {upto[-1]} to {beyond[0]}"
        yield Claim(sentence, "test_error", (change(upto[-1], beyond[0]),), 1)
    for ends in deep_plain:
        yield plain_degrade(ends, "training_error")
        yield plain_degrade(ends, "test_error")
    for ends in deep_residual:
        less = f"training error rises by less than {margin:g} points from {ends.shallow} to {ends.deep}"
        yield Claim(f"Residual nets do not degrade: {less}", "training_error", (change(*ends),), -1, margin)
    for name in (ends.deep for ends in deep_plain if ends.deep in twins):
        sentence = f"{twins[name]} has a lower test error than {name}"
        yield Claim(sentence, "test_error", (change(name, twins[name]),), -1)
    for name in filter(twins.get, [*plain[:1], *(ends.deep for ends in deep_plain)]):
        sentence = f"Residual nets respond less: the layers of {twins[name]} less than those of {name}"
        yield Claim(sentence, "response", (change(name, twins[name]),), -1)
    for first, other in precisions(tables):
        # Two one-sided tests: neither is worse than the other by the margin.
        sentence = f"Precision does not matter: {other} and {first} differ by less than {margin:g} points in test error"
        yield Claim(sentence, "test_error", (change(first, other), change(other, first)), -1, margin, varied=PRECISION)
    for ends in deep_residual:
        sentence = f"Deeper residual nets respond less per layer: {ends.deep} less than {ends.shallow}"
        yield Claim(sentence, "response", (change(*ends),), -1)


def stated(tables: Tables) -> list[Claim]:
    """Every claim that the plan's nets allow, the primary family first, the interaction before all."""
    primary = [claim._replace(family="primary") for claim in _primary(tables, main_ends(tables))]
    sentences = {claim.sentence for claim in primary}
    return [*primary, *(claim for claim in _secondary(tables) if claim.sentence not in sentences)]


def planned_tests(tables: Tables, claims: list[Claim], family: str) -> int:
    """How many claims of a family the plan lets test: those on nets with several planned seeds."""
    ours = (claim for claim in claims if claim.family == family)
    return sum(all(planned_seeds(tables, name) > 1 for name in claim.nets) for claim in ours)
