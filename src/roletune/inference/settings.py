"""How a character talks when it is on stage: the `chat:` block of `character.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from roletune.inference.conversation import Conversation, chat_scene
from roletune.inference.transcript import speaker_name
from roletune.llm.request import ChatRequest, chat_messages
from roletune.records import Message
from roletune.rendering.persona import Persona

_MOST_STOPS = 4  # an endpoint may refuse more


def stops(partners: Sequence[str], given: Sequence[str] = ()) -> tuple[str, ...]:
    """Where a reply ends: at those `given`, and where the model begins to speak for somebody else."""
    own = [f"\n{partner}:" for partner in partners]
    return (*given, *[stop for stop in own if stop not in given][: max(0, _MOST_STOPS - len(given))])


class KnowledgeSettings(BaseModel):
    """What of the profile's passages is told with a message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passages: int = Field(default=0, ge=0, le=20, description="passages told with a message, those most like it")
    tokens: int = Field(default=300, ge=0, description="room for them")
    meaning: bool = Field(default=True, description="search by meaning, too, where MiniLM is installed (English)")


class ExampleSettings(BaseModel):
    """Answers of the character from its training split that are shown with a message, after RoleGPT."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["none", "prompt", "turns"] = Field(
        default="none", description="not at all, in the persona prompt, or as turns before the chat"
    )
    number: int = Field(default=5, ge=1, le=20, description="answers shown, those to what is most like the message")
    tokens: int = Field(default=600, ge=0, description="room for them; never more than half of what is left")


class MemorySettings(BaseModel):
    """What is remembered of the person, and recalled when the chat has outgrown the prompt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="notice what the person tells, and keep it")
    tokens: int = Field(default=300, ge=0, description="room for memories, earlier turns and the summary together")
    summaries: bool = Field(default=True, description="sum up what no longer fits, if models.writer is bound")


class GroupSettings(BaseModel):
    """How a scene with several goes on; those of the first character count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    next: Literal["rule", "model"] = Field(
        default="rule",
        description="who speaks if nobody was named: the one who was silent longest, or a model's choice",
    )
    narrator: bool = Field(default=False, description="a narrator without adapter tells now and then what happens")


class ChatSettings(BaseModel):
    """Sampling, room for the conversation, and how it opens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=0.7, ge=0, le=2, description="0 always takes the likeliest token")
    top_p: float = Field(default=0.95, gt=0, le=1, description="share of the probability that tokens are drawn from")
    min_p: float | None = Field(
        default=None, ge=0, le=1, description="least probability of a token, relative to the likeliest; null: not sent"
    )
    repeat_penalty: float | None = Field(
        default=None, gt=0, description="above 1 avoids repetition, a catchphrase's too; null: not sent"
    )
    max_tokens: int = Field(default=200, ge=1, description="length of one reply")
    context_tokens: int = Field(
        default=1800, ge=64, description="room for the prompt; a reply's max_tokens come on top of it"
    )
    partner: str = Field(default="Guest", description="whom the character believes it is talking with")
    location: str = Field(default="", description="where the opening scene takes place")
    background: str = Field(default="", description="the situation of the opening scene")
    thoughts: bool = Field(default=False, description="show what the character thinks and does not say")
    knowledge: KnowledgeSettings = KnowledgeSettings()
    examples: ExampleSettings = ExampleSettings()
    memory: MemorySettings = MemorySettings()
    group: GroupSettings = GroupSettings()
    lorebook_tokens: int = Field(default=400, ge=0, description="room for lorebook entries; a book may ask for less")
    autosave: bool = Field(default=True, description="keep every chat as a script in journal/chats")

    @field_validator("partner")
    @classmethod
    def _can_speak_in_a_script(cls, partner: str) -> str:
        return speaker_name(partner)

    @property
    def extra(self) -> dict[str, Any]:
        """What is sent beside the common fields, under llama.cpp's names; endpoints refuse fields they don't know."""
        fields = {"min_p": self.min_p, "repeat_penalty": self.repeat_penalty}
        return {name: value for name, value in fields.items() if value is not None}

    def begin(self, persona: Persona) -> Conversation:
        """The opening scene, with nothing said yet. Raises ProjectError if the partner is the character itself."""
        present = (persona.profile.name, self.partner)
        return Conversation(persona, chat_scene(self.location, self.background, present), self.partner)

    def request(self, messages: Sequence[Message], partners: Sequence[str], sample: int = 0) -> ChatRequest:
        """`messages` with this sampling; the reply ends where the model begins to speak for somebody else."""
        return ChatRequest(
            messages=chat_messages(messages),
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            stop=stops(partners),
            sample=sample,
            extra=self.extra,
        )
