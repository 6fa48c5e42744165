"""Stage `traps`: questions that take a false fact for granted, and what the character says (ERABAL, 2409.14710).

One attribute in a passage is tampered with: `old` becomes `new`, and nothing else. A question presupposes `new`; the
same writer answers it once with the true passage before it and once with the tampered one. So the two answers differ
in that fact only: the first is a training row, both together are a preference pair, and the question with `old` put
back is its clean twin. What became of the false fact in an answer is told by its words, not by a model.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from pydantic import Field

from roletune.engine.duplicates import count_words
from roletune.engine.quotes import find_quote
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.prompts import Prompt
from roletune.records import Dialogue, Passage, PreferencePair, Provenance, Scene, Turn, fingerprint
from roletune.rendering.markup import harmless
from roletune.rendering.persona import Persona
from roletune.rendering.viewpoint import compile_example, exchanges
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.experiences import provenance_of
from roletune.synthesis.labelled import read_blocks
from roletune.synthesis.quality import AnswerQuality
from roletune.synthesis.settings import PassageCall, WritingSettings

LABELS = {
    "old": ("true", "original", "原文", "真"),
    "new": ("false", "changed", "改为", "假"),
    "question": ("q", "问题", "提问"),
}
LONGEST = 12  # words of an attribute, of Chinese characters: what is longer is a statement
_NOT = re.compile(
    r"\b(no|not|never|none|nobody|nothing|neither|nor|mistaken|wrong|untrue|cannot)\b|n['’]t\b|[不没非错未]", re.I
)

Outcome = Literal["corrects", "denies", "accepts", "evades"]


class TrapSettings(WritingSettings):
    """The `traps:` block of character.yaml."""

    count: int = Field(default=40, ge=0, description="false facts to ask for, spread over the passages")
    partner: str = Field(default="Visitor", min_length=1, description="who asks")
    max_tokens: int = Field(default=300, ge=50)
    quality: AnswerQuality = AnswerQuality()


class Tampering(NamedTuple):
    """`old`, at `start` to `end` of the passage, becomes `new` in `text`; `question` takes `new` for granted."""

    text: str
    start: int
    end: int
    old: str
    new: str
    question: str
    twin: str
    provenance: Provenance


class Trap(NamedTuple):
    """What one false fact gave."""

    rows: tuple[Dialogue, Dialogue]
    pair: PreferencePair


async def write_trap(
    call: PassageCall,
    writer: ChatModel,
    *,
    persona: Persona,
    prompt: Prompt,
    answer_prompt: Prompt,
    settings: TrapSettings,
    again: Again | None = None,
) -> Trap:
    """Four calls: the false fact, then three answers. Raises ReplyError if one of them can't be used."""

    def request(asked: Prompt, **values: Any) -> ChatRequest:
        return settings.request(
            asked.messages(profile=persona.profile, partner=settings.partner, **values), call.sample
        )

    async def answer(known: str, question: str, wanted: tuple[Outcome, ...]) -> ChatReply:
        asked = request(answer_prompt, known=known, question=question)
        return await ask_until_read(writer, asked, lambda reply: read_answer(reply, fact, wanted), again)

    def read(reply: ChatReply) -> Tampering:
        return parse_tampering(reply, call.passage, prompt, writer.name)

    fact = await ask_until_read(writer, request(prompt, passage=call.passage), read, again, prompt.example)
    factual = await answer(call.passage.text, fact.question, ("corrects", "denies"))
    counterfactual = await answer(fact.text, fact.question, ("accepts", "evades"))
    clean = await answer(call.passage.text, fact.twin, ("corrects", "evades"))  # with the true fact, or no word of it
    return _trap(fact, (factual, counterfactual, clean), answer_prompt, writer, persona, settings.partner)


def parse_tampering(reply: ChatReply, passage: Passage, prompt: Prompt, model: str) -> Tampering:
    """The false fact of a reply. Raises ReplyError unless it changes one attribute that is in the passage."""
    block = next(iter(read_blocks(reply, LABELS)), {})
    told = {name: block.get(name, "").strip("\"'“”‘’「」") for name in LABELS}
    place = find_quote(told["old"], passage.text)
    reason = _fault(told, passage, place)
    if reason or place is None:
        raise ReplyError(reason, reply.text)
    old, new = passage.text[slice(*place)], told["new"]
    asked = find_quote(new, told["question"])
    assert asked is not None  # _fault has seen it
    return Tampering(
        text=_everywhere(old, new, passage.text),  # a passage that is half tampered with would contradict itself
        start=place[0],
        end=place[1],
        old=old,
        new=new,
        question=told["question"],
        twin=told["question"][: asked[0]] + old + told["question"][asked[1] :],
        provenance=Provenance(
            source=f"passage:{passage.id}", passage=passage.id, prompt=prompt.hash, model=model, request=reply.key
        ),
    )


def _fault(told: dict[str, str], passage: Passage, place: tuple[int, int] | None) -> str:
    """Why this is no false fact to ask about, '' if it is one."""
    lacking = next((name for name in LABELS if not re.search(r"\w", told[name])), "")
    if lacking:
        return f"no {lacking}"
    if place is None:
        return "the true fact is not in the passage"
    if max(count_words(told[name]) for name in ("old", "new")) > LONGEST:
        return "more than an attribute is changed"
    if find_quote(told["new"], passage.text) is not None:
        return "the false fact is in the passage, too"
    if find_quote(told["new"], told["question"]) is None:
        return "the question does not hold the false fact"
    return "the question holds the true fact" if find_quote(told["old"], told["question"]) else ""


def _everywhere(old: str, new: str, text: str) -> str:
    done, rest = "", text
    while place := find_quote(old, rest):
        done, rest = done + rest[: place[0]] + new, rest[place[1] :]
    return done + rest


def outcome_of(reply: str, fact: Tampering) -> Outcome:
    """What became of the false fact: put right, denied, taken for granted, or passed over."""
    if find_quote(fact.old, reply):
        return "corrects"
    if _NOT.search(reply):
        return "denies"
    return "accepts" if find_quote(fact.new, reply) else "evades"


def read_answer(reply: ChatReply, fact: Tampering, wanted: tuple[Outcome, ...]) -> ChatReply:
    """The reply, if it does what is wanted of it. Raises ReplyError if not, if it is cut off, or empty."""
    if not re.search(r"\w", reply.text):
        raise ReplyError("an empty answer", reply.text)
    if reply.finish_reason == "length":
        raise ReplyError("cut off", reply.text)
    outcome = outcome_of(reply.text, fact)
    if outcome not in wanted:
        raise ReplyError(f"the answer {outcome} the false fact", reply.text)
    return reply


def _trap(
    fact: Tampering,
    answers: tuple[ChatReply, ChatReply, ChatReply],
    prompt: Prompt,
    writer: ChatModel,
    persona: Persona,
    partner: str,
) -> Trap:
    profile = persona.profile
    factual, counterfactual, clean = answers
    notes = {
        "method": "ERABAL",
        "old": fact.old,
        "new": fact.new,
        "span": f"{fact.start}-{fact.end}",
    }

    def row(question: str, reply: ChatReply, category: str, twin: str = "") -> Dialogue:
        provenance = provenance_of(fact.provenance, prompt, writer, reply)
        scene = Scene(
            id=fingerprint(reply.key, question),
            title=question,
            present=(partner, profile.name),
            provenance=fact.provenance,
        )
        turns = (Turn(speaker=partner, text=question), Turn(speaker=profile.name, text=reply.text.strip()))
        return Dialogue(
            id=fingerprint(reply.key, category),
            scene=scene,
            turns=turns,
            origin="generated",
            purpose="boundary",
            category=category,
            twin=twin,
            notes=notes if twin else {**notes, "outcome": outcome_of(reply.text, fact)},
            split="train",
            provenance=provenance,
        )

    trapped = row(fact.question, factual, "false premise")
    pair = _pair(trapped, counterfactual, notes, persona)
    return Trap((trapped, row(fact.twin, clean, "clean twin", twin=fact.question)), pair)


def _pair(trapped: Dialogue, counterfactual: ChatReply, notes: dict[str, str], persona: Persona) -> PreferencePair:
    """The answer from the true passage, preferred to the one from the tampered passage."""
    example = compile_example(trapped, persona)
    assert example is not None  # the character answers in it
    (asked,) = exchanges(example)
    return PreferencePair(
        id=fingerprint(trapped.id, counterfactual.key),
        prompt=asked.prompt,
        chosen=asked.reply,
        rejected=harmless(counterfactual.text.strip()),
        origin="factual_vs_counterfactual",
        dialogue=trapped.id,
        notes=notes,
        split="train",
        provenance=trapped.provenance,
        rejected_by=trapped.provenance.model_copy(update={"request": counterfactual.key}),
    )
