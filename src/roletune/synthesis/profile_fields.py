"""Passages -> the structured profile of RoleLLM: description, catchphrases, speaking style, relations, timeline.

The writer reads one passage at a time and notes what it says. Every item names its passage and quotes the words that
say it; an item whose quotation is not in the passage is rejected, so a writer can add nothing that it knows, or
believes, from elsewhere. What a person wrote in the settings is never replaced.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from roletune.engine.duplicates import jaccard, words_of
from roletune.engine.quotes import find_quote
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest, chat_messages
from roletune.llm.short_answer import ask_short, read_objects
from roletune.prompts import Prompt
from roletune.records import Passage, Profile, Provenance, Record, Rejection, fingerprint

FieldKind = Literal["description", "style", "catchphrase", "relation", "event"]
KINDS: tuple[FieldKind, ...] = get_args(FieldKind)

_TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"kind": {"enum": list(KINDS)}, **dict.fromkeys(("text", "who", "when", "quote"), _TEXT)},
                "required": ["kind", "text", "who", "when", "quote"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["items"],
    "additionalProperties": False,
}
_SPELLINGS = {"timeline": "event", "relationship": "relation", "speaking style": "style", "speaking_style": "style"}


class ProfileFieldSettings(BaseModel):
    """How the writer is asked, and how much of what it says goes into the profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(default=True, description="whether a writer that is bound reads the passages, a call each")

    max_tokens: int = Field(default=900, ge=50)
    temperature: float = Field(default=0.0, ge=0, description="notes are not to be inventive")
    catchphrases: int = Field(default=10, ge=0, description="that go into the profile")
    sentences: int = Field(default=3, ge=1, description="of description and of style that go into the profile")
    duplicate: float = Field(default=0.7, gt=0, le=1, description="word overlap from which two notes are one")


class ProfileItem(Record):
    """One thing that a passage says about the character, with the words that say it."""

    schema_version: Literal[1] = 1
    id: str
    kind: FieldKind
    text: str
    who: str = Field(default="", description="of a relation: the other one")
    when: str = Field(default="", description="of an event: the date or time, in the passage's words")
    quote: str = Field(description="as the passage has it")
    provenance: Provenance


class ReadItems(BaseModel):
    """What one reply gave."""

    model_config = ConfigDict(frozen=True)

    items: tuple[ProfileItem, ...]
    rejections: tuple[Rejection, ...]


async def extract_fields(
    passage: Passage, writer: ChatModel, *, profile: Profile, prompt: Prompt, settings: ProfileFieldSettings
) -> ReadItems:
    """Ask what one passage says. Raises ReplyError if the reply holds no JSON object at all."""
    request = ChatRequest(
        messages=chat_messages(prompt.messages(profile=profile, passage=passage, kinds=KINDS)),
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        schema=SCHEMA,
    )
    return parse_fields(await ask_short(writer, request), passage, profile, prompt, writer.name)


def parse_fields(reply: ChatReply, passage: Passage, profile: Profile, prompt: Prompt, model: str) -> ReadItems:
    """The items of a reply whose quotations are in the passage; the others are rejected, each with its reason."""
    objects = read_objects(reply.text, "items")
    if not objects and not re.search(r'"items"\s*:\s*\[\s*\]', reply.text):
        raise ReplyError("no JSON object in the reply", reply.text)
    provenance = Provenance(
        source=f"passage:{passage.id}", passage=passage.id, prompt=prompt.hash, model=model, request=reply.key
    )
    items: list[ProfileItem] = []
    rejections: list[Rejection] = []
    for row in objects:
        told = _told(row)
        reason = _fault(told, passage, profile)
        if reason:
            rejections.append(Rejection(stage="profile", reason=reason, detail=f"passage {passage.id}", record=row))
        else:
            items.append(_item(told, passage, provenance))
    return ReadItems(items=tuple(items), rejections=tuple(rejections))


def _told(row: dict[str, Any]) -> dict[str, str]:
    """The fields as text, whatever was in them; nothing and lists of nothing are ''."""
    told = {}
    for name in ("kind", "text", "who", "when", "quote"):
        value = row.get(name)
        told[name] = " ".join(str(value).split()) if isinstance(value, str | int | float) else ""
    kind = told["kind"].casefold()
    told["kind"] = _SPELLINGS.get(kind, kind.rstrip("s") if kind.rstrip("s") in KINDS else kind)
    return told


def _fault(told: dict[str, str], passage: Passage, profile: Profile) -> str:
    """Why this is nothing that the passage says of the character, '' if it is."""
    kind, text = told["kind"], passage.text
    if kind not in KINDS:
        return "unknown kind"
    if not re.search(r"\w", told["text"]):
        return "says nothing"
    if not re.search(r"\w", told["quote"]):
        return "no quotation"
    if find_quote(told["quote"], text) is None:
        return "the quotation is not in the passage"
    if kind == "catchphrase" and find_quote(told["text"], told["quote"]) is None:
        return "the catchphrase is not in its quotation"
    if kind == "relation" and (not told["who"] or profile.is_me(told["who"])):
        return "a relation to nobody"
    if kind == "relation" and find_quote(told["who"], text) is None:
        return "the other one is not in the passage"
    if kind == "event" and told["when"] and find_quote(told["when"], f"{passage.heading}\n{text}") is None:
        return "the date is not in the passage"
    return ""


def _item(told: dict[str, str], passage: Passage, provenance: Provenance) -> ProfileItem:
    place = find_quote(told["quote"], passage.text)
    assert place is not None  # _fault has seen it
    told = told | {"quote": passage.text[place[0] : place[1]]}
    if told["kind"] != "relation":
        told["who"] = ""
    if told["kind"] != "event":
        told["when"] = ""
    return ProfileItem.model_validate({"id": fingerprint(passage.id, told), **told, "provenance": provenance})


def select_items(
    items: Sequence[ProfileItem], settings: ProfileFieldSettings
) -> tuple[list[ProfileItem], list[Rejection]]:
    """Drop what repeats an earlier note of its kind (of a relation: to the same one)."""
    kept: list[ProfileItem] = []
    rejected: list[Rejection] = []
    for item in items:
        earlier = next((one for one in kept if _same(one, item, settings.duplicate)), None)
        if earlier is None:
            kept.append(item)
        else:
            record = item.model_dump(mode="json")
            rejected.append(Rejection(stage="profile", reason="repeats another", detail=earlier.text, record=record))
    return kept, rejected


def _same(a: ProfileItem, b: ProfileItem, threshold: float) -> bool:
    if a.kind != b.kind or words_of(a.who) != words_of(b.who) or words_of(a.when) != words_of(b.when):
        return False
    return jaccard(words_of(a.text), words_of(b.text)) >= threshold
