"""What `roletune compare` finds: several runs, characters or files of replies side by side."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from roletune.records.base import Record
from roletune.records.measured import Estimate


class Entrant(Record):
    """One of those compared; `settings` are those in which runs differ."""

    name: str
    what: str
    settings: dict[str, str] = Field(default={})


class ComparedFigure(Record):
    """One figure of all who have it, each with its own interval; items without a score are counted in `unscored`."""

    figure: str
    area: str
    unit: Literal["share", "mean", "nats"]
    better: Literal["low", "high", ""]
    estimates: dict[str, Estimate]
    unscored: dict[str, int]


class PairedDifference(Record):
    """`entrant` minus `against` over the `n` items that both have a score for.

    The interval is a bootstrap over `units` (scenes, else items), `p` a sign-flip test of the same units, `p_holm` the
    same after Holm's correction for all differences of the comparison. `clear`: p_holm is below 0.05.
    """

    figure: str
    entrant: str
    against: str
    difference: float
    ci_low: float
    ci_high: float
    n: int
    units: int
    p: float
    p_holm: float
    clear: bool
    direction: Literal["better", "worse", ""] = Field(description="empty: the interval holds 0, or neither is better")


class ComparedReply(Record):
    """One question with everybody's reply, and the checks that found something in it."""

    character: str
    question: str
    topic: str = ""
    replies: dict[str, str]
    found: dict[str, tuple[str, ...]] = Field(default={})


class Comparison(Record):
    """`compare.json`: a stable interface, see docs/compare.md."""

    schema_version: Literal[1] = 1
    created: str = Field(description="UTC, ISO 8601")
    against: str
    entrants: tuple[Entrant, ...]
    figures: tuple[ComparedFigure, ...]
    differences: tuple[PairedDifference, ...]
    notes: tuple[str, ...] = Field(default=(), description="what is missing, and how to get it")
    replies: tuple[ComparedReply, ...] = ()
