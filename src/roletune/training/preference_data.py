"""What preference training takes: its settings, pairs and thumbs as token ids, and where it starts from. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from roletune.records import Adapter


class PreferSettings(BaseModel):
    """The `prefer:` block of character.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["dpo", "kto"] = Field(
        default="dpo", description="dpo: learns from pairs of replies; kto: from replies liked or disliked one by one"
    )
    beta: float = Field(default=0.1, gt=0, description="how strongly it is held to the adapter that it starts from")
    learning_rate: float = Field(default=5e-5, gt=0, description="highest learning rate; far below that of `train`")
    epochs: int = Field(default=2, ge=1, description="times each pair is seen")
    batch: int = Field(default=4, ge=2, description="pairs, or for kto replies, in one optimizer step")
    held_out: float = Field(
        default=0.2, ge=0.0, lt=1.0, description="share of the training pairs to measure on where no pair is held out"
    )
    seed: int = Field(default=0, ge=0, description="decides the order and what is held out")


@dataclass(frozen=True)
class TokenPair:
    """Two replies to one prompt as token ids, each reply with its end token."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]


@dataclass(frozen=True)
class TokenThumb:
    """One reply to a prompt as token ids, with its end token, and whether somebody liked it."""

    prompt: tuple[int, ...]
    reply: tuple[int, ...]
    liked: bool


@dataclass(frozen=True)
class Start:
    """What is trained on: the adapter in `folder` by its record, and the base model's folder."""

    folder: Path
    adapter: Adapter
    base: Path


def preference_recipe(start: Adapter, settings: PreferSettings) -> dict[str, Any]:
    """The recipe of the adapter that it starts from, with what is done to it."""
    return {**start.recipe, "preference": {**settings.model_dump(mode="json"), "starts_from": start.run}}


def rows_of(items: Sequence[TokenPair] | Sequence[TokenThumb], batch: int) -> list[dict[str, Any]]:
    """The columns that TRL's collators take.

    KTO estimates how far the policy has drifted from replies to other prompts: within a batch each prompt also gets the
    reply of its neighbour, as TRL would do.
    """
    rows: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, TokenPair):
            ids = {"prompt_ids": item.prompt, "chosen_ids": item.chosen, "rejected_ids": item.rejected}
        else:
            ids = {"prompt_ids": item.prompt, "completion_ids": item.reply}
        row: dict[str, Any] = {name: list(value) for name, value in ids.items()}
        rows.append(row if isinstance(item, TokenPair) else {**row, "label": item.liked})
    for first in range(0, len(rows), batch):
        part = rows[first : first + batch]
        for row, other in zip(part, [part[-1], *part[:-1]], strict=True):
            if "completion_ids" in row:
                row["KL_completion_ids"] = other["completion_ids"]
    return rows
