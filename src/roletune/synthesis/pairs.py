"""Method `pairs`: the character's own line is preferred to what the base model says in its place.

That is the preference of SPIN (2401.01335): lines that people wrote against the model's own generations for the same
prompt. Pairs that would teach the wrong thing are refused with a reason: a line that itself sounds like an assistant,
two replies that say the same, and, unless the settings keep it, a reply in which no style check finds a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from roletune.engine.duplicates import jaccard, word_list, words_of
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply
from roletune.records import (
    Dialogue,
    Origin,
    PairOrigin,
    PreferencePair,
    Provenance,
    Rejection,
    fingerprint,
)
from roletune.rendering.markup import harmless
from roletune.rendering.persona import Persona
from roletune.rendering.viewpoint import Exchange, compile_example, exchanges
from roletune.synthesis.settings import SamplingSettings

Inspect = Callable[[str], Sequence[str]]
"""Names of the style checks that find fault with a reply."""

STAGE = "pairs"
GRAVE = ("leaves_role", "speaks_for_the_user", "assistant_speak", "repetition")
"""Faults that a line which is held up as the better one may not have. A line of a play may break off, or be long."""


class PairSettings(SamplingSettings):
    """The `pairs:` block of character.yaml."""

    origins: tuple[PairOrigin, ...] = Field(
        default=("character_vs_base", "factual_vs_counterfactual", "swipes", "votes"),
        description="where pairs are taken from",
    )
    count: int = Field(default=100, ge=0, description="lines of the character that the base model answers for, too")
    against: Literal["base", "base_prompt"] = Field(
        default="base_prompt", description="who gives the rejected reply: the base model without or with the persona"
    )
    lines: tuple[Origin, ...] = Field(
        default=("authentic", "written"), description="origins of the dialogues whose lines are preferred"
    )
    context: int = Field(default=12, ge=1, description="messages before a line that belong to its prompt, at most")
    min_words: int = Field(default=3, ge=1, description="words of a line that is preferred, at least")
    same: float = Field(default=0.6, gt=0, le=1, description="word overlap from which two replies are the same")
    faultless: Literal["refuse", "keep"] = Field(
        default="refuse",
        description="a reply of the base model in which no style check finds a fault",
    )
    max_tokens: int = Field(default=200, ge=50)


class Line(NamedTuple):
    """A line of the character in a dialogue, and what stands before it; `number` counts the dialogue's lines from 0."""

    dialogue: Dialogue
    number: int
    exchange: Exchange


def choose_lines(
    dialogues: Iterable[Dialogue], persona: Persona, settings: PairSettings, inspect: Inspect
) -> tuple[list[Line], list[Rejection]]:
    """At most `count` lines of the train split, drawn over all of it, and those that are no example to follow."""
    lines: list[Line] = []
    refused: list[Rejection] = []
    for dialogue in dialogues:
        if dialogue.split != "train" or dialogue.origin not in settings.lines:
            continue
        example = compile_example(dialogue, persona)
        for number, exchange in enumerate(exchanges(example, settings.context) if example else ()):
            line = Line(dialogue, number, exchange)
            reason = _line_fault(exchange.reply, settings, inspect)
            if reason:
                record = {"id": fingerprint(dialogue.id, number), "dialogue": dialogue.id, "line": exchange.reply}
                refused.append(Rejection(stage=STAGE, reason=reason, record=record))
            else:
                lines.append(line)
    drawn = sorted(lines, key=lambda line: fingerprint(line.dialogue.id, line.number))
    return drawn[: settings.count], refused


def _line_fault(line: str, settings: PairSettings, inspect: Inspect) -> str:
    if len(word_list(line)) < settings.min_words:
        return "the line is too short"
    grave = [check for check in inspect(line) if check in GRAVE]
    return f"the line is flagged: {grave[0]}" if grave else ""


async def write_pair(
    line: Line, base: ChatModel, *, settings: PairSettings, persona_hash: str, inspect: Inspect
) -> PreferencePair:
    """Ask the base model what it says in the character's place. Raises ReplyError if that teaches nothing."""
    prompt, chosen = line.exchange
    asked = prompt if settings.against == "base_prompt" else tuple(one for one in prompt if one.role != "system")
    reply = await base.complete(settings.request(asked, 0))
    reason = pair_fault(chosen, reply, settings, inspect)
    if reason:
        raise ReplyError(reason, reply.text)
    source = line.dialogue.provenance.source
    told = persona_hash if settings.against == "base_prompt" else None
    return PreferencePair(
        id=fingerprint(line.dialogue.id, line.number, reply.key),
        prompt=prompt,
        chosen=chosen,
        rejected=harmless(reply.text.strip()),
        origin="character_vs_base",
        dialogue=line.dialogue.id,
        notes={"against": settings.against, "faults": ", ".join(inspect(reply.text))},
        split="train",
        provenance=line.dialogue.provenance,
        rejected_by=Provenance(source=source, prompt=told, model=base.name, request=reply.key),
    )


def pair_fault(chosen: str, reply: ChatReply, settings: PairSettings, inspect: Inspect) -> str:
    """Why the reply is not to be the rejected one, '' if it may be."""
    said = words_of(reply.text)
    if not said:
        return "an empty answer"
    if reply.finish_reason == "length":
        return "cut off"  # it would teach that short replies are the better ones
    if jaccard(said, words_of(chosen)) >= settings.same:
        return "both replies say the same"
    return "no fault in the reply" if settings.faultless == "refuse" and not inspect(reply.text) else ""
