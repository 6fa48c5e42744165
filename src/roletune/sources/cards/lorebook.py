"""Lorebooks: the world of a card, entry by entry; inside a card or as a file of their own.

Formats: `character_book` of V2 and V3 cards, the stand-alone `lorebook_v3`, and SillyTavern's World Info (entries by
number, under its own names). Keys that nobody here knows stay where they are. V3 decorators (`@@depth 4` lines at the
top of an entry) stay in `content`; `text` is what is told without them.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from roletune.sources.cards.kept import Flag, Kept, Object, Text, Texts, build
from roletune.sources.reading import Paragraph

_DECORATOR = re.compile(r"^(?P<at>@{2,3})(?P<name>[a-z_]+)(?:[ \t]+(?P<value>.*))?$")
# World Info's names -> ours; `disable` is turned around.
_WORLD_INFO = {"key": "keys", "keysecondary": "secondary_keys", "order": "insertion_order", "uid": "id"}


class Decorator(Kept):
    """One `@@name value` line; a `fallback` (`@@@name`) stands in where the one before it is not understood."""

    name: str
    value: str = ""
    fallback: bool = False


class Entry(Kept):
    """One piece of knowledge and the words that call it up. What only front ends use may be of any type."""

    keys: Texts = Field(default=[])
    content: Text = ""
    extensions: Object = Field(default={})
    enabled: Flag = True
    insertion_order: Any = Field(default=0, description="lower is earlier in a prompt")
    use_regex: Flag = False
    case_sensitive: Any = None
    constant: Any = None
    name: Text = ""
    comment: Text = ""
    id: Any = None
    priority: Any = None
    selective: Any = None
    secondary_keys: Texts = Field(default=[])
    position: Any = None

    @property
    def title(self) -> str:
        """What the entry is called, or the first word that calls it up."""
        return self.name or self.comment or next(iter(self.keys), "")

    @property
    def decorators(self) -> tuple[Decorator, ...]:
        """The decorators at the top of the content, in order."""
        return _split(self.content)[0]

    @property
    def text(self) -> str:
        """The content without its decorators."""
        return _split(self.content)[1]


class Lorebook(Kept):
    """Entries in the order of the file."""

    name: Text = ""
    description: Text = ""
    scan_depth: Any = None
    token_budget: Any = None
    recursive_scanning: Any = None
    extensions: Object = Field(default={})
    entries: list[Entry] = Field(default=[])


def is_lorebook(document: dict[str, Any]) -> bool:
    """Whether a JSON document is a lorebook of its own and not a card."""
    return document.get("spec") == "lorebook_v3" or ("entries" in document and "name" not in document.get("data", {}))


def parse_lorebook(document: dict[str, Any], name: str) -> Lorebook:
    """A stand-alone lorebook. Raises SourceError with the places that are wrong."""
    inside = document.get("data") if document.get("spec") == "lorebook_v3" else document
    if isinstance(inside, dict) and isinstance(inside.get("entries"), dict):
        inside = {**inside, "entries": [_from_world_info(entry) for entry in inside["entries"].values()]}
    return build(Lorebook, inside, name)


def paragraphs_of(book: Lorebook) -> tuple[tuple[Paragraph, ...], int]:
    """The entries that are in use as paragraphs, and how many are not."""
    told = [Paragraph(entry.text, entry.title) for entry in book.entries if entry.enabled and entry.text]
    return tuple(told), sum(1 for entry in book.entries if not entry.enabled)


def _from_world_info(entry: Any) -> Any:
    if not isinstance(entry, dict) or "key" not in entry:
        return entry
    renamed = {_WORLD_INFO.get(key, key): value for key, value in entry.items() if key != "disable"}
    return {**renamed, "enabled": not entry.get("disable", False)}


def _split(content: str) -> tuple[tuple[Decorator, ...], str]:
    lines = content.strip().splitlines()
    decorators: list[Decorator] = []
    for line in lines:
        match = _DECORATOR.match(line.strip())
        if not match:
            break
        value = (match["value"] or "").strip()
        decorators.append(Decorator(name=match["name"], value=value, fallback=match["at"] == "@@@"))
    return tuple(decorators), "\n".join(lines[len(decorators) :]).strip()
