"""The mixture of the train split: which shares of its dialogues people spoke, wrote, and a model generated.

Shares are kept by leaving dialogues out, as few as possible, drawn by a seed; held-out dialogues are never touched.
What the mixture then is, in dialogues and in tokens with loss, is a figure of the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import floor
from typing import get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from roletune.errors import DatasetError
from roletune.records import Dialogue, Origin, OriginShare, Rejection, fingerprint

ORIGINS: tuple[Origin, ...] = get_args(Origin)
REASON = "left out by the mixture"


class MixtureSettings(BaseModel):
    """The `mixture:` block of `dataset:` in character.yaml: shares of the train dialogues, which add up to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    authentic: float = Field(default=0.0, ge=0, le=1)
    written: float = Field(default=0.0, ge=0, le=1)
    generated: float = Field(default=0.0, ge=0, le=1)
    seed: int = Field(default=0, description="which dialogues are left out")

    @model_validator(mode="after")
    def _whole(self) -> MixtureSettings:
        total = sum(self.shares.values())
        if abs(total - 1) > 0.001:
            raise ValueError(f"the shares add up to {total:g}; authentic, written and generated together must be 1")
        return self

    @property
    def shares(self) -> dict[Origin, float]:
        """By origin."""
        return {"authentic": self.authentic, "written": self.written, "generated": self.generated}


def mix(dialogues: Sequence[Dialogue], settings: MixtureSettings | None) -> tuple[list[Dialogue], list[Rejection]]:
    """The dialogues in their order, of the train split as many as the shares allow, and those left out.

    Raises DatasetError if an origin that has a share has too few dialogues for it.
    """
    if settings is None:
        return list(dialogues), []
    train = [dialogue for dialogue in dialogues if dialogue.split == "train"]
    wanted = _counts(Counter(dialogue.origin for dialogue in train), settings)
    drawn = sorted(train, key=lambda dialogue: fingerprint(settings.seed, dialogue.id))
    chosen = {
        dialogue.id
        for origin in ORIGINS
        for dialogue in [one for one in drawn if one.origin == origin][: wanted[origin]]
    }
    kept = [dialogue for dialogue in dialogues if dialogue.split != "train" or dialogue.id in chosen]
    left_out = [dialogue for dialogue in train if dialogue.id not in chosen]
    return kept, [
        Rejection(stage="dataset", reason=REASON, detail=dialogue.origin, record=dialogue.model_dump(mode="json"))
        for dialogue in left_out
    ]


def _counts(there: Mapping[Origin, int], settings: MixtureSettings) -> dict[Origin, int]:
    """How many of each origin: the largest dataset with these shares, rounded down."""
    shares = {origin: share for origin, share in settings.shares.items() if share}
    total = min(there.get(origin, 0) / share for origin, share in shares.items())
    counts = {origin: floor(total * share + 1e-9) for origin, share in shares.items()}
    empty = [origin for origin, count in counts.items() if not count]
    if empty:
        scarce = min(shares, key=lambda origin: there.get(origin, 0) / shares[origin])
        have = ", ".join(f"{there.get(origin, 0)} {origin}" for origin in ORIGINS)
        raise DatasetError(
            f"The train split can't have the shares of dataset.mixture: there are {have} dialogues. Get more {scarce} "
            f"ones, lower dataset.mixture.{scarce} (0 leaves them out), or remove the mixture to use all that there is."
        )
    return {origin: counts.get(origin, 0) for origin in ORIGINS}


def shares_of(dialogues: Mapping[Origin, int], tokens: Mapping[Origin, int]) -> dict[str, OriginShare]:
    """What the train split is made of, from counts by origin."""
    all_dialogues, all_tokens = sum(dialogues.values()), sum(tokens.values())
    return {
        origin: OriginShare(
            dialogues=dialogues.get(origin, 0),
            supervised_tokens=tokens.get(origin, 0),
            dialogue_share=dialogues.get(origin, 0) / max(1, all_dialogues),
            token_share=tokens.get(origin, 0) / max(1, all_tokens),
        )
        for origin in ORIGINS
    }
