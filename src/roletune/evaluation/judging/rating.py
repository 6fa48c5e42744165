"""Method `rating`: a judge rates generated dialogues from 1 to 5 by a rubric, and the ratings fall into tiers.

The judge sees the dialogue fenced, beside what it plays by: description, style, the passage it was made from, the
turns before it, and the system message if it has one of its own. Its answer is read strictly, steps before the rating;
one that can't be read is unrated, which is counted and no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from roletune.errors import ReplyError
from roletune.evaluation.judging.answers import Ask, ask_judge, read_object, read_steps
from roletune.evaluation.judging.fence import fence
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest, chat_messages
from roletune.prompts import Prompt
from roletune.records import Dialogue, DialogueRating, Passage, Profile, Provenance, RatingTier, Turn, fingerprint
from roletune.rendering.script import render_turn

LOWEST, HIGHEST = 1, 5
KEYS = ("steps", "rating")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "steps": {"type": "array", "items": {"type": "string"}},
        "rating": {"type": "integer", "minimum": LOWEST, "maximum": HIGHEST},
    },
    "required": list(KEYS),
    "additionalProperties": False,
}


class RatingSettings(BaseModel):
    """The `rating:` block of character.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep: int = Field(default=4, ge=1, le=5, description="rating from which a dialogue is kept")
    review: int = Field(default=3, ge=1, le=5, description="rating from which it is kept, but ought to be looked at")
    attempts: int = Field(default=2, ge=1, description="askings until an answer can be read; then it is unrated")
    max_tokens: int = Field(default=400, ge=50, description="length of the judge's answer")

    @model_validator(mode="after")
    def _in_order(self) -> RatingSettings:
        if self.review > self.keep:
            raise ValueError(f"review is {self.review} and keep is {self.keep}; review must not be above keep")
        return self

    def tier(self, score: int) -> RatingTier:
        """Where a rating falls."""
        return "keep" if score >= self.keep else "review" if score >= self.review else "reject"


class Rated(NamedTuple):
    """One dialogue to rate, and the stage that made it."""

    dialogue: Dialogue
    stage: str


async def rate(
    rated: Rated,
    judge: ChatModel,
    *,
    profile: Profile,
    passage: Passage | None,
    prompt: Prompt,
    rubric: Prompt,
    settings: RatingSettings,
) -> DialogueRating:
    """Ask until the answer can be read, or the attempts are used up."""
    dialogue = rated.dialogue
    script, before = _script(dialogue.turns), _script(dialogue.shown)
    role = Profile(name=dialogue.me) if dialogue.me else profile  # another role's rows tell in `system` who that is

    def request(attempt: int) -> ChatRequest:
        messages = prompt.messages(
            profile=role,
            passage=_fenced(passage.text if passage else ""),
            situation=fence(dialogue.scene.background or dialogue.scene.title or "-"),
            told=_fenced(dialogue.system),
            before=_fenced(before),
            dialogue=fence(script),
            rubric=rubric.text(profile=role),
            again=attempt > 0,
        )
        return ChatRequest(
            messages=chat_messages(messages),
            temperature=0.0,
            max_tokens=settings.max_tokens,
            sample=attempt,
            schema=SCHEMA,
        )

    keys: list[str] = []

    def read(reply: ChatReply) -> tuple[tuple[str, ...], int]:
        keys.append(reply.key)
        return _read(reply, (script, before, dialogue.system))

    answer = await ask_judge(judge, Ask(request, read), settings.attempts)
    steps, score = answer.value or ((answer.reason,), None)
    return DialogueRating(
        id=fingerprint(dialogue.id, "rating", judge.identity),
        dialogue=dialogue.id,
        stage=rated.stage,
        score=score,
        tier=settings.tier(score) if score is not None else "unrated",
        reason=" ".join(steps),
        raw=answer.raw,
        provenance=Provenance(
            source=dialogue.provenance.source,
            prompt=prompt.hash,
            model=judge.name,
            request=keys[-1],
        ),
    )


def _script(turns: Sequence[Turn]) -> str:
    return "\n".join(render_turn(turn) for turn in turns)


def _fenced(text: str) -> str:
    """The text between its marks; nothing where there is none."""
    return fence(text) if text else ""


def _read(reply: ChatReply, shown: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    answer = read_object(reply, KEYS, shown)
    score = answer["rating"]
    if not isinstance(score, int) or isinstance(score, bool) or not LOWEST <= score <= HIGHEST:
        raise ReplyError(f"the rating is no whole number from {LOWEST} to {HIGHEST}", reply.text)
    return read_steps(answer["steps"], reply), score
