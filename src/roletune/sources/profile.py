"""`profile.md` -> passages.

Paragraphs (blocks between blank lines) are passages; headings are not, they name the passages under them. A paragraph
ends with its source where it has one: `[source: Wikipedia, "J.A.R.V.I.S."]`. Lines in italics before the first section
are notices. Long paragraphs are cut at sentences, so that a passage fits a prompt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from roletune.errors import SourceError
from roletune.records import Passage, fingerprint

MAX_WORDS = 180

_SOURCE = re.compile(r"\s*\[source:\s*(?P<source>[^\]]+)\]\s*$", re.I)
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_NOTICE = re.compile(r"^([*_])(?!\1)(.+)\1$", re.S)
_SENTENCE = re.compile(r"(?<=[.!?。！？])[\"'”’)]*\s+")


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
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip().splitlines()
        while lines and (match := _HEADING.match(lines[0])):
            if len(match[1]) == 1 and not title:
                title = match[2]
            else:
                heading = match[2]
            lines = lines[1:]
        paragraph = " ".join(line.strip() for line in lines)
        notice = _NOTICE.match(paragraph)
        if notice and not passages:
            notices.append(notice[2].strip())
        elif paragraph:
            passages += _passages(paragraph, heading, source, licence)
    if not passages:
        raise SourceError(f"{source} holds no paragraph about the character. Write what is known, in paragraphs.")
    return ProfileText(title, tuple(notices), tuple(passages))


def _passages(paragraph: str, heading: str, source: str, licence: str) -> list[Passage]:
    cited = _SOURCE.search(paragraph)
    text = _SOURCE.sub("", paragraph)
    return [
        Passage(
            id=fingerprint(piece),
            text=piece,
            heading=heading,
            source=f"{source}#{heading}" if heading else source,
            attribution=cited["source"].strip() if cited else "",
            licence=licence,
        )
        for piece in _pieces(text)
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
