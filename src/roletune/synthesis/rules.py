"""Stage `rules`: roles and rules (RNR, 2409.13733): what somebody said -> a role, rules for the reply, and a reply.

Models follow what a user says rather than what a developer's system prompt demands. So each row has a system message
with rules, and a reply that follows them. What somebody said to the character in the train split is the instruction;
the writer invents the part the character plays and the rules, then replies. Rules of a known type are checked by code,
which the caller passes in; a reply that breaks one is asked for again, then rejected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from pydantic import Field

from roletune.engine.duplicates import count_words
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.prompts import Prompt
from roletune.records import Dialogue, Profile, Provenance, Scene, Turn, fingerprint
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.experiences import provenance_of
from roletune.synthesis.labelled import read_blocks
from roletune.synthesis.quality import AnswerQuality
from roletune.synthesis.settings import WritingSettings

LABELS = {
    "rule": ("规则",),
    "type": ("kind", "类型"),
    "value": ("值",),
    "role": ("part", "角色"),
}


_QUESTION = re.compile(r"[?？]\W*$")
_ALONE = 5  # words of a question that may stand by itself; "What?" can't


class RuleSettings(WritingSettings):
    """The `rules:` block of character.yaml."""

    count: int = Field(default=40, ge=0, description="instructions to ask for rules and a reply; two calls each")
    rules: int = Field(default=3, ge=1, description="rules asked for, an instruction")
    max_tokens: int = Field(default=400, ge=50)
    retries: int = Field(default=2, ge=0, description="times a reply that can't be used is asked for again")
    quality: AnswerQuality = AnswerQuality(any_language=True)  # a rule may ask for another one


class Told(NamedTuple):
    """Something that was said to the character, with its source, and which repetition for it."""

    text: str
    speaker: str
    source: str
    sample: int = 0


class GivenRule(NamedTuple):
    """One rule in words; `broken` tells whether a reply breaks it, None if only a reader can tell."""

    text: str
    type: str
    value: str
    broken: Callable[[str], bool] | None


class Assignment(NamedTuple):
    """The part that the character plays for one instruction, and its rules."""

    role: str
    rules: tuple[GivenRule, ...]
    request: str


Checker = Callable[[str, str], Callable[[str], bool] | None]
"""Type and value of a rule -> whether a reply breaks it; None for what can't be checked."""


def plan_rules(dialogues: Sequence[Dialogue], profile: Profile, count: int) -> list[Told]:
    """What was said to the character in the train split, in turn; one line of each dialogue that stands by itself."""
    found = [
        Told(turn.text, turn.speaker, dialogue.provenance.source)
        for dialogue in dialogues
        if dialogue.split == "train"
        for turn in _told_to(dialogue, profile)[:1]
    ]
    return [found[k % len(found)]._replace(sample=k // len(found)) for k in range(count if found else 0)]


def _told_to(dialogue: Dialogue, profile: Profile) -> list[Turn]:
    """What others say that the character answers: the opening, and questions. The rest needs what came before it."""
    speech = [turn for turn in dialogue.turns if turn.kind == "speech"]
    return [
        said
        for number, (said, answered) in enumerate(pairwise(speech))
        if profile.is_me(answered.speaker) and not profile.is_me(said.speaker)
        if said.text.strip() and (not number or (_QUESTION.search(said.text) and count_words(said.text) >= _ALONE))
    ]


async def write_ruled(
    told: Told,
    writer: ChatModel,
    *,
    profile: Profile,
    prompts: tuple[Prompt, Prompt, Prompt],
    checker: Checker,
    types: Sequence[str],
    settings: RuleSettings,
    again: Again | None = None,
) -> Dialogue:
    """Ask for role and rules, then for the reply under them; `prompts`: for the rules, the system message, the reply.

    Raises ReplyError if there are no rules, or the reply breaks one that code can check.
    """
    rules_prompt, system_prompt, answer_prompt = prompts

    def request(asked: Prompt, **values: object) -> ChatRequest:
        return settings.request(asked.messages((), profile=profile, told=told.text, **values), told.sample)

    given = await ask_until_read(
        writer,
        request(rules_prompt, count=settings.rules, types=list(types)),
        lambda reply: parse_rules(reply, checker, settings.rules),
        again,
        rules_prompt.example,
    )
    system = system_prompt.text(profile=profile, role=given.role, rules=[rule.text for rule in given.rules])
    answer = await ask_until_read(
        writer, request(answer_prompt, system=system), lambda reply: read_ruled(reply, given.rules), again
    )
    asked = Provenance(source=told.source, prompt=rules_prompt.hash, model=writer.name, request=given.request)
    return _row(told, given, system, profile, asked, provenance_of(asked, answer_prompt, writer, answer), answer.text)


def parse_rules(reply: ChatReply, checker: Checker, count: int) -> Assignment:
    """Role and rules of a reply, at most `count`. Raises ReplyError if there is no rule, or no role."""
    blocks = read_blocks(reply, LABELS)
    role = next((block["role"] for block in blocks if re.search(r"\w", block.get("role", ""))), "")
    told = [block for block in blocks if re.search(r"\w", block.get("rule", ""))][:count]
    if not told or not role:
        raise ReplyError("no rule in the reply" if role else "no role in the reply", reply.text)
    texts = {block["rule"].casefold(): block for block in reversed(told)}  # one that is said twice is one
    rules = tuple(
        GivenRule(one["rule"], kind, value, checker(kind, value))
        for one in reversed(texts.values())
        for kind, value in [(one.get("type", "").casefold().replace(" ", "_"), one.get("value", ""))]
    )
    return Assignment(role, rules, reply.key)


def read_ruled(reply: ChatReply, rules: Sequence[GivenRule]) -> ChatReply:
    """The reply, if it breaks no rule that code can check. Raises ReplyError with the first that it breaks."""
    if not re.search(r"\w", reply.text):
        raise ReplyError("an empty answer", reply.text)
    if reply.finish_reason == "length":
        raise ReplyError("cut off", reply.text)
    broken = next((rule.text for rule in rules if rule.broken and rule.broken(reply.text.strip())), "")
    if broken:
        raise ReplyError(f"it breaks the rule: {broken}", reply.text)
    return reply


def _row(
    told: Told, given: Assignment, system: str, profile: Profile, asked: Provenance, answered: Provenance, answer: str
) -> Dialogue:
    """The row; its scene comes from the call that gave the rules, its turns from the one that gave the answer."""
    rules = [
        {"rule": rule.text, "type": rule.type, "value": rule.value, "checked": bool(rule.broken)}
        for rule in given.rules
    ]
    return Dialogue(
        id=fingerprint(answered.request, system),
        scene=Scene(
            id=fingerprint(given.request, system),
            title=told.text,
            present=(told.speaker, profile.name),
            provenance=asked,
        ),
        turns=(Turn(speaker=told.speaker, text=told.text), Turn(speaker=profile.name, text=answer.strip())),
        system=system,
        origin="generated",
        purpose="instruction",
        category="rules",
        notes={
            "method": "RoleNRules",
            "role": given.role,
            "rules": json.dumps(rules, ensure_ascii=False),
        },
        split="train",
        provenance=answered,
    )
