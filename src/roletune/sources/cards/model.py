"""The character card: one model for V1, V2 and V3, as V3 has them all.

Formats: character-card-spec V1 and V2 (malfoyslastname), V3 (kwaroran); beside them the flat names of Pygmalion and of
plain YAML cards. Every key that is not named here stays in the card, where it was.
"""

from __future__ import annotations

import copy
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from roletune.sources.cards.kept import Kept, Object, Text, Texts, Whole
from roletune.sources.cards.lorebook import Lorebook

V2 = ("chara_card_v2", "2.0")
V3 = ("chara_card_v3", "3.0")

# What a flat card of another kind calls the fields of V1.
FLAT_NAMES = {
    "char_name": "name",
    "char_persona": "description",
    "context": "description",
    "world_scenario": "scenario",
    "char_greeting": "first_mes",
    "greeting": "first_mes",
    "example_dialogue": "mes_example",
}
# Readers want every one of these, SillyTavern's check refuses a V2 card that lacks one; the last is V3's alone.
_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("name", "description", "personality", "scenario", "first_mes", "mes_example"), ""),
    **dict.fromkeys(("creator_notes", "system_prompt", "post_history_instructions"), ""),
    "alternate_greetings": [],
    "tags": [],
    "creator": "",
    "character_version": "",
    "extensions": {},
    "group_only_greetings": [],
}
_BOOK_DEFAULTS: dict[str, Any] = {"extensions": {}, "entries": []}
_ENTRY_DEFAULTS: dict[str, Any] = {
    "keys": [],
    "content": "",
    "extensions": {},
    "enabled": True,
    "insertion_order": 0,
    "use_regex": False,
}


def _as_book(value: Any) -> Any:
    """Some tools write the entries by number."""
    if isinstance(value, dict) and isinstance(value.get("entries"), dict):
        return {**value, "entries": list(value["entries"].values())}
    return value


class CardData(Kept):
    """Who the character is. Texts may hold macros such as {{char}}; `card_script.expand` replaces them."""

    name: Text = ""
    description: Text = ""
    personality: Text = ""
    scenario: Text = ""
    first_mes: Text = Field(default="", description="the greeting: the character speaks first")
    mes_example: Text = Field(default="", description="blocks of example dialogue after <START> lines")
    creator_notes: Text = ""
    system_prompt: Text = ""
    post_history_instructions: Text = ""
    alternate_greetings: Whole = Field(default=[])
    group_only_greetings: Whole = Field(default=[])
    tags: Texts = Field(default=[])
    creator: Text = ""
    character_version: Text = ""
    extensions: Object = Field(default={})
    character_book: Annotated[Lorebook | None, BeforeValidator(_as_book)] = None
    nickname: Text = ""
    source: Whole = Field(default=[], description="where the card comes from: URLs or ids")
    creation_date: Any = Field(default=None, description="seconds since 1970, UTC")
    modification_date: Any = Field(default=None, description="seconds since 1970, UTC")
    assets: Any = Field(default=None, description="list of {type, uri, name, ext}; None is the picture itself")
    creator_notes_multilingual: Any = None


class Card(Kept):
    """A card with its envelope."""

    spec: Text = V3[0]
    spec_version: Text = V3[1]
    data: CardData

    @property
    def called(self) -> str:
        """What {{char}} stands for: the nickname if there is one."""
        return self.data.nickname.strip() or self.data.name.strip()

    def as_v3(self) -> dict[str, Any]:
        """The V3 document, with every key that readers insist on."""
        document = self._complete(V3)
        if self.spec == V3[0] and 3 <= _version(self.spec_version) < 4:
            document["spec_version"] = self.spec_version
        return document

    def as_v2(self) -> dict[str, Any]:
        """The V2 document: the same keys, but lorebook entries without the decorators that V2 would print."""
        document = self._complete(V2)
        book = self.data.character_book
        if book:
            written = document["data"]["character_book"]["entries"]
            for entry, fields in zip(book.entries, written, strict=True):
                if entry.decorators:
                    fields["content"] = entry.text
        return document

    def _complete(self, spec: tuple[str, str]) -> dict[str, Any]:
        document = self.document()
        envelope = {"spec": spec[0], "spec_version": spec[1]}
        document = {**{key: value for key, value in envelope.items() if key not in document}, **document, **envelope}
        _fill(document["data"], _DEFAULTS)
        book = document["data"].get("character_book")
        if book:
            _fill(book, _BOOK_DEFAULTS)
            for entry in book["entries"]:
                _fill(entry, _ENTRY_DEFAULTS)
        elif book is None:
            document["data"].pop("character_book", None)  # readers want an object or nothing
        return document


def enveloped(document: dict[str, Any]) -> dict[str, Any]:
    """Any card's document as {spec, spec_version, data}; a flat one becomes `data`, with all its keys."""
    data = document.get("data")
    if isinstance(data, dict) and ("spec" in document or "name" in data):
        return document if "spec" in document else {"spec": V2[0], "spec_version": V2[1], **document}
    flat: dict[str, Any] = {}
    for key, value in document.items():
        field = FLAT_NAMES.get(key, key)
        flat[key if field in document or field in flat else field] = value
    return {"spec": "chara_card_v1", "spec_version": "1.0", "data": flat}


def newer(card: Card) -> bool:
    """Whether the card follows a later specification than V3."""
    return _version(card.spec_version) >= 4 or (card.spec == V3[0] and _version(card.spec_version) > 3)


def _version(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _fill(values: dict[str, Any], defaults: dict[str, Any]) -> None:
    for key, default in defaults.items():
        if values.get(key) is None:
            values[key] = copy.copy(default)
