"""What `roletune ablate` and `roletune curve` find."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from roletune.records.base import Record
from roletune.records.compared import Comparison
from roletune.records.measured import Estimate


class TrainedVariant(Record):
    """One variant with its trainings, one for each seed."""

    name: str
    about: str
    runs: tuple[str, ...] = Field(description="ids of its runs, under build/ablations/NAME/runs/")
    train_dialogues: int
    train_tokens: int
    validation_losses: tuple[float, ...] = Field(description="of each run, nats per token with loss")
    by_seed: tuple[float, ...] = Field(description="nats per token against the full recipe of the same seed")


class Ablations(Record):
    """`build/ablations/ablations.json`: each variant against the full recipe, on the same held-out lines."""

    schema_version: Literal[1] = 1
    character: str
    base: str
    variants: tuple[TrainedVariant, ...]
    failed: dict[str, str] = Field(default={}, description="variant -> why it could not be made")
    comparison: Comparison = Field(description="without the replies' texts; see docs/compare.md")


class CurvePoint(Record):
    """One size of the training data; `nll` are nats per token of the held-out lines."""

    share: float
    scenes: int
    tokens: int
    nll: Estimate


class PowerLaw(Record):
    """Loss = floor + factor * scenes ** -exponent, in nats per token."""

    floor: float
    factor: float
    exponent: float


class DataCurve(Record):
    """`build/ablations/curve.json`: the likelihood of held-out lines over the number of training scenes."""

    schema_version: Literal[1] = 1
    character: str
    base: str
    seeds: int
    base_prompt: float = Field(description="nats per token of the base model with the persona prompt")
    points: tuple[CurvePoint, ...]
    law: PowerLaw
    twice: Estimate = Field(description="what the law makes of twice the data: change in nats per token; n is scenes")
    resamples: int
