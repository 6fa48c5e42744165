"""The base of every record, its identity, and the words that records share."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1
Split = Literal["train", "validation", "test"]
Origin = Literal["authentic", "written", "generated"]
Purpose = Literal["lived", "protective", "boundary", "instruction"]
SceneKind = Literal["chat", "debate", "discussion", "speech"]
TurnKind = Literal["speech", "thought", "action"]
Role = Literal["system", "user", "assistant"]
PairOrigin = Literal["character_vs_base", "factual_vs_counterfactual", "swipes", "votes"]
RatingTier = Literal["keep", "review", "reject", "unrated"]
Subject = Literal["fictional", "historical", "living"]


def fingerprint(*parts: Any, length: int = 16) -> str:
    """The first `length` hex digits of the SHA-256 of `parts` as canonical JSON."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


class Record(BaseModel):
    """A frozen value; unknown keys are refused, so that a file of another version is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Contestant = str
CONTESTANTS: tuple[Contestant, ...] = ("base", "base_prompt", "adapter")  # who is always measured; others by settings
