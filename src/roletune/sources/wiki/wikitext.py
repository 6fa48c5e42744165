"""Wikitext -> paragraphs under their headings, with their offsets, and the facts of its boxes.

Sections are picked or skipped by name; those that never tell about a character (references, links) are skipped unless
they are picked. Every paragraph is whole: a list is one paragraph with its bullets, a quote one of its own.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roletune.errors import SourceError
from roletune.rendering.script import UnreadLine
from roletune.sources.reading import Paragraph, Reading
from roletune.sources.wiki.lines import Line, WikiLines, wiki_lines
from roletune.sources.wiki.names import names as known_names

MAX_CHARS = 4_000_000  # MediaWiki itself stops at 2 MB a page

_MARKUP = re.compile(r"\{\{|\{\||\|\}|\||!")
_BULLETS = re.compile(r"^(?:- ++)++")


@dataclass(frozen=True)
class WikiText:
    """What a page of wikitext holds."""

    paragraphs: tuple[Paragraph, ...]
    facts: dict[str, str]
    unread: tuple[UnreadLine, ...]
    notices: tuple[str, ...]
    sections: tuple[str, ...]

    @property
    def reading(self) -> Reading:
        """The same as every source gives it."""
        return Reading(paragraphs=self.paragraphs, unread=self.unread, notices=self.notices, facts=self.facts)


def read_wikitext(
    text: str,
    name: str,
    *,
    pick: Iterable[str] = (),
    skip: Iterable[str] = (),
    files: Iterable[str] = (),
    categories: Iterable[str] = (),
) -> WikiText:
    """Read a page. `pick` names the only sections to read ("introduction" is what comes before the first heading),
    `skip` further ones to leave out; both include what is under them.

    Raises SourceError for a page that is too long, and for a section that it does not have.
    """
    page = wiki_lines(checked(text, name), files=files, categories=categories)
    sections = tuple(dict.fromkeys(line.text for line in page.lines if line.level and line.text))
    wanted = _Sections(_known(pick, sections, name), frozenset(_plain(one) for one in skip))
    paragraphs, unread = _paragraphs(page.lines, wanted, LineNumbers(text))
    return WikiText(paragraphs, page.facts, unread, notices(page), sections)


def checked(text: str, name: str) -> str:
    """The text, if it is not too long to be a page."""
    if len(text) > MAX_CHARS:
        raise SourceError(f"{name} has {len(text):,} characters, more than a wiki page can. Give a single page.")
    return text


def notices(page: WikiLines) -> tuple[str, ...]:
    """What a user should know about the page: the templates whose words are missing from the text."""
    if not page.left_out:
        return ()
    names = ", ".join(f"{name} ({count})" for name, count in page.left_out.most_common(12))
    more = len(page.left_out) - 12
    return (f"templates left out: {names}{f' and {more} more' if more > 0 else ''}",)


class LineNumbers:
    """Offsets -> numbers of lines, from 1."""

    def __init__(self, text: str) -> None:
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def at(self, offset: int) -> int:
        """The number of the line that holds the character at `offset`."""
        return bisect_right(self._ends, offset - 1) + 1


@dataclass(frozen=True)
class _Sections:
    """Which sections to read: all but the skipped ones, or only the picked ones."""

    picked: frozenset[str]
    skipped: frozenset[str]

    def reads(self, path: Sequence[str]) -> bool:
        """Whether to read the section under the headings `path`, outermost first; no heading is the introduction."""
        names = {_plain(heading) for heading in path} or {"introduction"}
        if names & self.skipped:
            return False
        return bool(names & self.picked) if self.picked else not names & known_names("skipped_sections")


def _known(pick: Iterable[str], sections: Sequence[str], name: str) -> frozenset[str]:
    known = {_plain(section) for section in sections} | {"introduction"}
    missing = [one for one in pick if _plain(one) not in known]
    if missing:
        there = ", ".join(["introduction", *sections])
        raise SourceError(f"{name} has no section {missing[0]!r}. Pick from: {there}.")
    return frozenset(_plain(one) for one in pick)


def _plain(heading: str) -> str:
    return " ".join(heading.casefold().split())


def _paragraphs(
    lines: Sequence[Line], wanted: _Sections, numbers: LineNumbers
) -> tuple[tuple[Paragraph, ...], tuple[UnreadLine, ...]]:
    path: list[tuple[int, str]] = []
    found: list[Paragraph] = []
    unread: list[UnreadLine] = []
    block: list[Line] = []
    for line in [*lines, Line("", 0, 0)]:
        if block and (line.level or not line.text or _is_item(block[-1]) != _is_item(line)):
            headings = [heading for _, heading in path]
            if wanted.reads(headings):
                _close(block, ": ".join(headings), found, unread, numbers)
            block = []
        if line.level:
            path = [(level, heading) for level, heading in path if level < line.level]
            path.append((line.level, line.text))
        elif line.text:
            block.append(line)
    return tuple(found), tuple(unread)


def _close(
    block: Sequence[Line], heading: str, found: list[Paragraph], unread: list[UnreadLine], numbers: LineNumbers
) -> None:
    readable = [line for line in block if not _MARKUP.match(line.text)]
    unread += [UnreadLine(numbers.at(line.start), line.text) for line in block if _MARKUP.match(line.text)]
    text = "\n".join(_BULLETS.sub("- ", line.text) for line in readable)
    if re.search(r"\w", text):
        found.append(Paragraph(text, heading, readable[0].start, readable[-1].end))


def _is_item(line: Line) -> bool:
    return line.text.startswith("- ")
