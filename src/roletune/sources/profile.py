"""Prose about the character -> paragraphs of at most MAX_WORDS words, with their places in the text.

Paragraphs (blocks between blank lines) tell; headings and rules do not, headings name the paragraphs under them.
A paragraph ends with its sources where it has any: `[source: Wikipedia, "J.A.R.V.I.S."]`. Paragraphs in italics before
the first section are notices; remarks (`<!-- -->`) are skipped. Long paragraphs are cut at sentences, so that a passage
fits a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from roletune.errors import SourceError
from roletune.records import Passage
from roletune.sources.cited import Cited, passages_of
from roletune.sources.reading import Paragraph, Reading
from roletune.sources.sentences import cut
from roletune.sources.text import decode

_SOURCE = re.compile(r"\s?\[source:\s*+(?P<source>[^\]]+)\]", re.I)
_HEADING = re.compile(r"^\s*+(#{1,6})\s++(.+)$")
_NOTICE = re.compile(r"^(?:\*([^*]+)\*|_([^_]+)_)$")


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
    reading = _told(_read(text, source), source)
    return ProfileText(reading.title, reading.notices, tuple(passages_of(reading, Cited(source, licence=licence))))


def read_profile_text(data: bytes, name: str) -> Reading:
    """Prose in paragraphs, plain or Markdown. Raises SourceError if there is no paragraph in it."""
    return _told(_read(decode(data, name), name), name)


def read_own_profile(data: bytes, name: str) -> Reading:
    """The same of a profile that may still be unwritten: others may tell. Raises SourceError if it is empty."""
    return _read(decode(data, name), name)


def _read(text: str, name: str) -> Reading:
    if not text.strip():
        raise SourceError(f"{name} is empty. Write what is known, or scenes, into it, or delete it.")
    text = _without_remarks(text)
    title, heading = "", ""
    notices: list[str] = []
    paragraphs: list[Paragraph] = []
    for block in _blocks(text):
        notice = None if heading or paragraphs else _NOTICE.match(block.text)
        if block.level == 1 and not title:
            title = block.text
        elif block.level:
            heading = block.text
        elif notice:
            notices.append((notice[1] or notice[2]).strip())
        else:
            paragraphs += _paragraphs(block, heading)
    return Reading(title=title, notices=tuple(notices), paragraphs=tuple(paragraphs))


def _told(reading: Reading, name: str) -> Reading:
    if not reading.paragraphs:
        raise SourceError(f"{name} holds no paragraph about the character. Write what is known, in paragraphs.")
    return reading


def _without_remarks(text: str) -> str:
    """The text with blanks for what stands in `<!-- -->`, so that all else keeps its place."""
    kept, place = [], 0
    while (start := text.find("<!--", place)) >= 0 and (end := text.find("-->", start)) >= 0:
        kept += [text[place:start], re.sub(r"\S", " ", text[start : end + 3])]
        place = end + 3
    return "".join([*kept, text[place:]])


class _Block(NamedTuple):
    """A heading (level 1 to 6) or a paragraph (0) on one line, with the place of each of its characters."""

    level: int
    text: str
    places: tuple[int, ...] = ()


def _blocks(text: str) -> Iterator[_Block]:
    lines: list[tuple[int, str]] = []
    start = 0
    for raw in [*text.splitlines(keepends=True), ""]:
        line = raw.strip()
        heading = _HEADING.match(raw.rstrip("\r\n"))
        if lines and (heading or not line):
            block = _joined(lines)
            if re.search(r"\w", block.text):  # a rule of hyphens is no paragraph
                yield block
            lines = []
        if heading:
            yield _Block(len(heading[1]), heading[2].rstrip(" #"))
        elif line:
            lines.append((start + raw.index(line), line))
        start += len(raw)


def _joined(lines: list[tuple[int, str]]) -> _Block:
    places: list[int] = []
    for start, line in lines:
        if places:
            places.append(places[-1] + 1)  # the space that stands for the line's end
        places += range(start, start + len(line))
    return _Block(0, " ".join(line for _, line in lines), tuple(places))


def _paragraphs(block: _Block, heading: str) -> Iterator[Paragraph]:
    cited = "; ".join(match["source"].strip() for match in _SOURCE.finditer(block.text))
    kept = [range(*span) for span in _between(_SOURCE.finditer(block.text), len(block.text))]
    text = "".join(block.text[part.start : part.stop] for part in kept)
    places = [block.places[index] for part in kept for index in part]
    for piece in cut(text):
        start, end = places[piece.start], places[piece.end - 1] + 1
        yield Paragraph(piece.text, heading, start=start, end=end, cited=cited)


def _between(matches: Iterator[re.Match[str]], length: int) -> Iterator[tuple[int, int]]:
    """The spans that no match covers."""
    start = 0
    for match in matches:
        yield start, match.start()
        start = match.end()
    yield start, length
