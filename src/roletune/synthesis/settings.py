"""What the settings of everything that a writer writes have in common, and the calls that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from roletune.llm.request import ChatRequest, chat_messages
from roletune.records import Message, Passage


class SamplingSettings(BaseModel):
    """How a model draws its words, in a block of character.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float = Field(default=0.7, ge=0, description="as Character-LLM")
    top_p: float = Field(default=0.95, gt=0, le=1, description="as Character-LLM")
    max_tokens: int = Field(default=900, ge=50)

    def request(self, messages: Iterable[Message], sample: int) -> ChatRequest:
        """A question drawn by these settings; `sample` numbers repetitions of it."""
        return ChatRequest(
            messages=chat_messages(messages),
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            sample=sample,
        )


class WritingSettings(SamplingSettings):
    """How the writer does, and how patient one is with it."""

    retries: int = Field(default=1, ge=0, description="times a reply that can't be read is asked for again")


class PassageCall(NamedTuple):
    """One call about a passage, and which repetition for it."""

    passage: Passage
    sample: int


def plan_calls(passages: Sequence[Passage], count: int) -> list[PassageCall]:
    """`count` calls, each passage in turn."""
    return [PassageCall(passages[k % len(passages)], k // len(passages)) for k in range(count if passages else 0)]
