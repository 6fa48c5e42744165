"""What is known: passages, the profile, its lorebook, who speaks, other roles."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from pydantic import Field

from roletune.records.base import Record, Subject


class Passage(Record):
    """A piece of source text about the character, with where it comes from."""

    id: str
    text: str
    heading: str = ""
    source: str = Field(description="file or URL it was read from, with its place in it")
    attribution: str = Field(default="", description="what the text itself names as its source")
    licence: str = Field(default="", description="as settings or the source itself state it")
    url: str = Field(default="", description="where the source is on the web")
    revision: str = Field(default="", description="the version of the page or file, as the source names it")
    date: str = Field(default="", description="ISO 8601, of the revision")
    start: int | None = Field(default=None, description="offset of its first character in the source's text")
    end: int | None = Field(default=None, description="offset after its last character")


class Fact(Record):
    """A field of an infobox or a character card."""

    name: str
    value: str
    source: str = Field(description="file or URL it was read from")


class KnowledgeBoundary(Record):
    """What the character can know: the basis of protective scenes and of leak checks."""

    knows: tuple[str, ...] = ()
    must_not_know: tuple[str, ...] = ()
    until: str = Field(default="", description="the end of the character's knowledge, in words: 'winter 1601'")


class Profile(Record):
    """Who the character is; `name` is how it is called in scenes, `aliases` are other spellings of it."""

    schema_version: Literal[1] = 1
    name: str
    aliases: tuple[str, ...] = ()
    language: str = "en"
    subject: Subject = "fictional"
    description: str = ""
    style: str = Field(default="", description="how the character speaks, in one or two sentences")
    catchphrases: tuple[str, ...] = ()
    boundary: KnowledgeBoundary = KnowledgeBoundary()
    passages: tuple[Passage, ...] = ()
    facts: tuple[Fact, ...] = Field(default=(), description="fields of infoboxes and cards")
    licence: str = Field(default="", description="the most restrictive one of all sources")
    commercial_use: bool = Field(default=True, description="whether no source is known to forbid it")

    def is_me(self, speaker: str) -> bool:
        """Whether `speaker` is this character, under any of its names, whatever the case and dots (J.A.R.V.I.S.)."""
        plain = _plain(speaker)  # '' is nobody, who acts in stage directions
        return plain != "" and plain in {_plain(name) for name in (self.name, *self.aliases)}


@lru_cache(maxsize=4096)  # asked of every turn of a chat, each time it is answered
def _plain(name: str) -> str:
    return " ".join(name.replace(".", "").casefold().split())


class RoleCard(Record):
    """Another role, as `ditto` pairs the character with it."""

    name: str = Field(min_length=1)
    description: str = Field(
        min_length=1, description="who it is, in a few words: all that training keeps beside the name"
    )
    aliases: tuple[str, ...] = ()
    facts: tuple[str, ...] = Field(default=(), description="claims in words: 'date of birth: 1564'")
    article: str = ""
    title: str = Field(default="", description="of its article on Wikipedia")
    source: str = ""


class Speaker(Record):
    """Somebody who speaks in the sources, under one printed name."""

    name: str
    speeches: int
    words: int
    scenes: int
    character: bool = Field(description="whether it is the character, under its name or an alias")
    hint: str = Field(default="", description="why it may be the character although it is not listed as an alias")


class Speakers(Record):
    """`build/speakers.json`: who speaks in the sources, those with most speeches first."""

    schema_version: Literal[1] = 1
    speakers: tuple[Speaker, ...] = ()


class LoreEntry(Record):
    """A piece of a character's world that is told when it is spoken of (character-card-spec V3)."""

    id: str
    title: str = Field(default="", description="what it is called, or the first word that calls it up")
    text: str
    keys: tuple[str, ...] = ()
    secondary_keys: tuple[str, ...] = ()
    logic: Literal["any", "all", "none", "not_all"] = Field(
        default="any", description="of the secondary keys: how many must be spoken of beside a key"
    )
    exclude_keys: tuple[str, ...] = Field(default=(), description="words that keep it away")
    regex: bool = Field(default=False, description="whether the keys are regular expressions")
    case_sensitive: bool = False
    constant: bool = Field(default=False, description="always told")
    order: int = Field(default=0, description="lower is told earlier")
    priority: int = Field(default=0, description="lower is left out first where the room does not suffice")
    place: Literal["before", "after"] = Field(default="after", description="of the persona prompt")
    depth: int | None = Field(default=None, description="told so many messages from the end, not with the persona")
    scan_depth: int | None = Field(default=None, description="latest messages that are searched; None: as the book")
    after_replies: int = Field(default=0, description="replies of the character before it can be told")
    every_replies: int = Field(default=1, ge=1, description="told only with every so many of them")
    keep: bool = Field(default=False, description="once it was called up, it stays")
    once: bool = Field(default=False, description="once it was called up, it is not told again")
    source: str = Field(default="", description="file it was read from")


class Lorebook(Record):
    """`build/lorebook.json`: the entries of all cards and lorebooks among the sources."""

    schema_version: Literal[1] = 1
    entries: tuple[LoreEntry, ...] = ()
    scan_depth: int | None = None
    token_budget: int | None = None
    recursive: bool = Field(default=False, description="whether what an entry tells can call up another")
