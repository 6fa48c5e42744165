"""What the ledger tells of the calls in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roletune.llm.request import ChatReply


@dataclass(frozen=True)
class BillRow:
    """What one stage asked of one model: numbers of calls and tokens, and seconds of waiting."""

    stage: str
    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    identity: str = ""


@dataclass(frozen=True)
class StoredCall:
    """One call as it was stored: `request` are the fields of a ChatRequest; `created` is ISO 8601, UTC."""

    stage: str
    model: str
    identity: str
    request: dict[str, Any]
    reply: ChatReply
    created: str


@dataclass(frozen=True)
class Usual:
    """What a model's calls took until now: tokens a character of request, and tokens a reply; None if unknown."""

    prompt_tokens_per_character: float | None
    completion_tokens: float | None
