"""Stage `instructions`: what is known -> questions, answers, confidence, rationale (Context-Instruct of RoleLLM).

What is known about the character is cut into segments. Description and passages give questions that need no script
(`script_agnostic`), scenes of the train split those about what happened in them (`script_based`). What the writer is
not sure of, and what asks the same again, is rejected. The rest are instruction rows (see `rocit`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from roletune.engine.duplicates import words_of
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply
from roletune.prompts import Prompt
from roletune.records import Dialogue, Profile, Provenance, Record, Rejection, fingerprint
from roletune.rendering.script import render_turn
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.duplicates import DuplicateSettings, find_duplicates
from roletune.synthesis.labelled import read_blocks
from roletune.synthesis.quality import AnswerQuality
from roletune.synthesis.settings import WritingSettings

Knowledge = Literal["script_based", "script_agnostic"]
Variant = Literal["persona", "system", "retrieval"]

LABELS = {
    "question": ("q", "instruction", "问题", "提问", "问"),
    "answer": ("a", "reply", "response", "回答", "答案", "答"),
    "confidence": ("confidence score", "score", "置信度", "把握"),
    "rationale": ("reason", "confidence rationale", "理由", "依据", "原因"),
}


_OVERLAP = 0.7  # of the words of two questions, from which they are one


class InstructionSettings(WritingSettings):
    """The `instructions:` block of character.yaml."""

    count: int = Field(default=200, ge=0, description="questions to ask for; RoleLLM keeps about 200 a role")
    per_call: int = Field(default=5, ge=1, description="questions asked for in one call")
    segment_words: int = Field(default=300, ge=20, description="words of the profile or of scenes in one call, at most")
    confidence: float = Field(default=8, ge=0, le=10, description="least confidence of the writer, of 10, that is kept")
    duplicates: DuplicateSettings = DuplicateSettings()
    variant: Variant = Field(default="persona", description="what the model is told before the question, see docs")
    retrieved: int = Field(default=5, ge=0, description="exchanges shown in the variant `retrieval`")
    partner: str = Field(default="Visitor", min_length=1, description="who asks")
    quality: AnswerQuality = AnswerQuality()


class Segment(NamedTuple):
    """A piece of what is known, small enough for one call; `source` decides what may never be shown with it."""

    knowledge: Knowledge
    text: str
    source: str
    passage: str | None = None


class SegmentCall(NamedTuple):
    """One question to the writer: a segment, how many questions, and which repetition for it."""

    segment: Segment
    questions: int
    sample: int


class Instruction(Record):
    """A question to the character with its answer, and how sure the writer was."""

    id: str
    question: str
    answer: str
    confidence: float = Field(description="of 10")
    rationale: str
    knowledge: Knowledge
    provenance: Provenance


def segments_of(profile: Profile, dialogues: Sequence[Dialogue], words: int) -> list[Segment]:
    """What is known, in pieces of about `words` words at most: the portrait, passages, scenes of the train split."""
    portrait = " ".join(filter(None, (profile.description, profile.style, *profile.catchphrases)))
    found = [Segment("script_agnostic", portrait, "profile")] if portrait else []
    for passage in profile.passages:
        pieces = _pieces(re.split(r"(?<=[.!?。！？])\s*", passage.text), words, " ")
        found += [Segment("script_agnostic", piece, f"passage:{passage.id}", passage.id) for piece in pieces]
    for dialogue in dialogues:
        if dialogue.split == "train":
            lines = [line for line in (dialogue.scene.background, *map(render_turn, dialogue.turns)) if line]
            pieces = _pieces(lines, words, "\n")
            found += [Segment("script_based", piece, dialogue.provenance.source) for piece in pieces]
    return list({one.text: one for one in reversed(found)}.values())[::-1]  # a description may be the first passage


def _pieces(parts: Sequence[str], words: int, glue: str) -> list[str]:
    """The parts in as few pieces as possible; a part that is longer than a piece stays whole."""
    pieces: list[list[str]] = []
    size = 0
    for part in filter(None, parts):
        length = len(part.split()) if part.isascii() else max(len(part.split()), len(part) // 2)
        if not pieces or size + length > words:
            pieces.append([])
            size = 0
        pieces[-1].append(part)
        size += length
    return [glue.join(piece) for piece in pieces]


def plan_segments(segments: Sequence[Segment], settings: InstructionSettings) -> list[SegmentCall]:
    """As many calls as `count` questions need, both kinds of knowledge in turn, and each kind's segments in turn."""
    kinds = [[one for one in segments if one.knowledge == kind] for kind in ("script_agnostic", "script_based")]
    kinds = [kind for kind in kinds if kind]
    calls: list[SegmentCall] = []
    left = settings.count
    while left > 0 and kinds:
        turn, kind = divmod(len(calls), len(kinds))
        sample, place = divmod(turn, len(kinds[kind]))
        count = min(left, settings.per_call)
        calls.append(SegmentCall(kinds[kind][place], count, sample))
        left -= count
    return calls


async def write_instructions(
    call: SegmentCall,
    writer: ChatModel,
    *,
    profile: Profile,
    prompt: Prompt,
    settings: InstructionSettings,
    again: Again | None = None,
) -> tuple[list[Instruction], list[Rejection]]:
    """Ask for questions about one segment. Raises ReplyError if the reply holds none at all."""
    request = settings.request(
        prompt.messages(
            profile=profile, segment=call.segment.text, knowledge=call.segment.knowledge, count=call.questions
        ),
        call.sample,
    )
    return await ask_until_read(
        writer,
        request,
        lambda reply: parse_instructions(reply, call, prompt, writer.name, settings),
        again,
        prompt.example,
    )


def parse_instructions(
    reply: ChatReply, call: SegmentCall, prompt: Prompt, model: str, settings: InstructionSettings
) -> tuple[list[Instruction], list[Rejection]]:
    """The questions of a reply, at most as many as were asked for; those that lack a part are rejected."""
    segment = call.segment
    provenance = Provenance(
        source=segment.source, passage=segment.passage, prompt=prompt.hash, model=model, request=reply.key
    )
    blocks = read_blocks(reply, LABELS)
    if not blocks:
        raise ReplyError("no question in the reply", reply.text)
    good: list[Instruction] = []
    rejected: list[Rejection] = []
    for block in blocks[: call.questions]:
        reason = _fault(block, settings)
        if reason:
            record = {**block, "request": reply.key}
            rejected.append(Rejection(stage="instructions", reason=reason, detail=segment.source, record=record))
        else:
            good.append(_instruction(block, segment, provenance))
    return good, rejected


def _fault(block: dict[str, str], settings: InstructionSettings) -> str:
    """Why a block is no instruction, '' if it is one."""
    lacking = next((name for name in LABELS if not re.search(r"\w", block.get(name, ""))), "")
    if lacking:
        return f"no {lacking}"
    sure = confidence_of(block["confidence"])
    if sure is None:
        return "no confidence"
    return "the writer is not sure" if sure < settings.confidence else ""


def confidence_of(text: str) -> float | None:
    """A confidence of 10: '8', '8/10', '80 %', '0.8', 'high'; None if it is none."""
    words = {"high": 9.0, "medium": 5.0, "low": 2.0, "高": 9.0, "中": 5.0, "低": 2.0}
    match = re.search(r"(\d+(?:[.,]\d+)?)\s*(%|/\s*\d+)?", text)
    if not match:
        return next((value for word, value in words.items() if word in text.casefold()), None)
    value, unit = float(match[1].replace(",", ".")), match[2] or ""
    if unit == "%":
        value /= 10
    elif unit:
        value = 10 * value / max(1.0, float(unit.strip("/ ")))
    elif "." in match[1] and value <= 1:
        value *= 10
    return value if 0 <= value <= 10 else None


def _instruction(block: dict[str, str], segment: Segment, provenance: Provenance) -> Instruction:
    confidence = confidence_of(block["confidence"])
    assert confidence is not None  # _fault has seen it
    return Instruction(
        id=fingerprint(provenance.request, block),
        question=block["question"],
        answer=block["answer"],
        confidence=confidence,
        rationale=block["rationale"],
        knowledge=segment.knowledge,
        provenance=provenance,
    )


def select_instructions(
    instructions: Sequence[Instruction], settings: InstructionSettings
) -> tuple[list[Instruction], list[Rejection]]:
    """One of those that ask the same: the one the writer was surest of, then the first by id, whatever their order."""
    places = sorted(range(len(instructions)), key=lambda k: (-instructions[k].confidence, instructions[k].id))
    ranked = [instructions[k] for k in places]
    plain = [" ".join(sorted(words_of(one.question))) for one in ranked]  # the empty set of words is like none
    same = {k: plain.index(text) for k, text in enumerate(plain) if plain.index(text) < k}
    questions = [one.question for one in ranked]
    same |= {pair.later: pair.earlier for pair in find_duplicates(questions, settings.duplicates, _OVERLAP)}
    kept = [instructions[k] for k in sorted(set(places) - {places[later] for later in same})]
    rejected = [
        Rejection(
            stage="instructions",
            reason="asks the same again",
            detail=ranked[earlier].question,
            record=ranked[later].model_dump(mode="json"),
        )
        for later, earlier in sorted(same.items())
    ]
    return kept, rejected
