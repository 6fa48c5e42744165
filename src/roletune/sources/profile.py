"""`profile.md` -> passages.

Paragraphs (blocks between blank lines) are passages; headings and rules are not, headings name the passages under them.
A paragraph ends with its sources where it has any: `[source: Wikipedia, "J.A.R.V.I.S."]`. Paragraphs in italics before
the first section are notices. Long paragraphs are cut at sentences, so that a passage fits a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from roletune.errors import SourceError
from roletune.records import Passage, fingerprint

MAX_WORDS = 180

_SOURCE = re.compile(r"\s?\[source:\s*+(?P<source>[^\]]+)\]", re.I)
_HEADING = re.compile(r"^\s*+(#{1,6})\s++(.+)$")
_NOTICE = re.compile(r"^(?:\*([^*]+)\*|_([^_]+)_)$")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|(?<=[.!?。！？][\"'”’)])\s+")


@dataclass(frozen=True)
class ProfileText:
    """What a profile file holds: the name in its title, notices, passages."""

    title: str
    notices: tuple[str, ...]
    passages: tuple[Passage, ...]


def parse_profile(text: str, source: str, licence: str = "") -> ProfileText:
    """Read a profile; `source` is the file's name, used in every passage's provenance.

    Raises SourceError if there is no passage in it.
    """
    title, heading = "", ""
    notices: list[str] = []
    passages: list[Passage] = []
    for level, block in _blocks(text):
        notice = None if heading or passages else _NOTICE.match(block)
        if level == 1 and not title:
            title = block
        elif level:
            heading = block
        elif notice:
            notices.append((notice[1] or notice[2]).strip())
        else:
            passages += _passages(block, heading, source, licence)
    if not passages:
        raise SourceError(f"{source} holds no paragraph about the character. Write what is known, in paragraphs.")
    return ProfileText(title, tuple(notices), tuple(passages))


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Headings with their level, 1 to 6, and paragraphs with level 0, each on one line."""
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        heading = _HEADING.match(line)
        if paragraph and (heading or not line.strip()):
            joined = " ".join(paragraph)
            if re.search(r"\w", joined):  # a rule of hyphens is no paragraph
                yield 0, joined
            paragraph = []
        if heading:
            yield len(heading[1]), heading[2].rstrip(" #")
        elif line.strip():
            paragraph.append(line.strip())


def _passages(paragraph: str, heading: str, source: str, licence: str) -> list[Passage]:
    cited = [match["source"].strip() for match in _SOURCE.finditer(paragraph)]
    text = _SOURCE.sub("", paragraph)
    return [
        Passage(
            id=fingerprint(piece),
            text=piece,
            heading=heading,
            source=f"{source}#{heading}" if heading else source,
            attribution="; ".join(cited),
            licence=licence,
        )
        for piece in _pieces(text)
        if piece
    ]


def _pieces(text: str) -> list[str]:
    """The paragraph, or runs of its sentences of at most MAX_WORDS words (a longer sentence stays whole)."""
    pieces: list[str] = []
    for sentence in _SENTENCE.split(text.strip()):
        joined = f"{pieces[-1]} {sentence}" if pieces else sentence
        if pieces and len(joined.split()) <= MAX_WORDS:
            pieces[-1] = joined
        else:
            pieces.append(sentence)
    return pieces
