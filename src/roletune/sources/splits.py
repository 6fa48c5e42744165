"""Splits come first: a source item is train, validation or test from the moment it is read.

The split is a function of the source's id and a seed, so adding an item never moves another, every machine agrees, and
everything made from one source stays on one side.
"""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict, Field, model_validator

from roletune.records import Split


class SplitSettings(BaseModel):
    """Shares of the sources; what is neither validation nor test is train."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    validation: float = Field(default=0.1, ge=0, lt=1, description="share used to choose the best checkpoint")
    test: float = Field(default=0.1, ge=0, lt=1, description="share that only the evaluation sees")
    seed: int = Field(default=0, description="another seed, another split")

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> SplitSettings:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must be less than 1")
        return self


def split_of(source: str, settings: SplitSettings) -> Split:
    """The split of everything that comes from `source`."""
    digest = hashlib.sha256(f"{settings.seed}:{source}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    if point < settings.test:
        return "test"
    return "validation" if point < settings.test + settings.validation else "train"
