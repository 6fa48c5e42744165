"""What a reader of one format gives: the seam between formats and records.

A reader is a function of bytes (`READERS` in `formats.py` has them by name). Everything in a source ends in exactly one
of three places: a paragraph about the character, a scene with its turns, or a line that could not be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from roletune.records import Lorebook, Turn
from roletune.rendering.script import ParsedScene, UnreadLine


@dataclass(frozen=True)
class Paragraph:
    """A piece of prose about the character: `start` and `end` are its offsets in the source's text, in characters."""

    text: str
    heading: str = ""
    start: int | None = None
    end: int | None = None
    cited: str = ""  # what the text itself names as its source


@dataclass(frozen=True)
class Pair:
    """A reply of `speaker` that somebody kept, and one to the same turns that was passed over."""

    context: tuple[Turn, ...]  # oldest first
    speaker: str
    chosen: str
    rejected: str
    line: int  # of the message, from 1


@dataclass(frozen=True)
class Reading:
    """What one source holds."""

    title: str = ""
    paragraphs: tuple[Paragraph, ...] = ()
    scenes: tuple[ParsedScene, ...] = ()
    pairs: tuple[Pair, ...] = ()  # about what is said in the first scene
    unread: tuple[UnreadLine, ...] = ()
    notices: tuple[str, ...] = ()
    url: str = ""
    revision: str = ""
    date: str = ""  # ISO 8601, of the revision
    licence: str = ""  # as the source itself states it
    facts: dict[str, str] = field(default_factory=dict)  # fields of an infobox or a card: name -> value
    lore: Lorebook = field(default_factory=Lorebook)  # the same entries as paragraphs, with what calls them up


# Bytes of the source and its name as records tell it -> what it holds. Raises SourceError with a cure.
Reader = Callable[[bytes, str], Reading]
