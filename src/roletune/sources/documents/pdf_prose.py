"""Lines of PDF pages -> paragraphs under headings, as a reader sees them.

What repeats at the edge of the pages (running heads, page numbers) is dropped and told. A word cut at a line's end is
joined; its hyphen stays if the document writes the word with one elsewhere. A paragraph may go on over the page's end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MIN_PAGES = 3  # a line at the edge of so many pages is no text
MIN_SHARE = 0.2  # left and right pages differ, chapters too
SHORT = 0.8  # of the width of a full line: where a paragraph may end
HEADING = 0.6
HEADING_WORDS = 10

_EDGE = 2
_NUMBER = re.compile(
    r"^\W{0,3}(?:page\s+|seite\s+)?(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|von)\s*\d{1,4})?\W{0,3}$", re.I
)
_ENDS = re.compile(r"[.!?:。！？…][\"'”’»)\]]*$")
_CUT = re.compile(r"(?P<head>[^\W\d_]+)[-\u2010]$")
_HYPHENED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class RunningHeads:
    """Shapes of lines (digits as #) that repeat; `told` has each as printed first, with the number of its pages."""

    shapes: frozenset[str] = frozenset()
    told: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class _Page:
    number: int
    lines: list[str]


def running_heads(pages: Sequence[str]) -> RunningHeads:
    """What repeats among the first and last two lines of the pages."""
    seen: Counter[str] = Counter()
    printed: dict[str, str] = {}
    numbered = 0
    for page in pages:
        edges = {_shape(line): line for line in _edges(_lines(page))}
        numbered += any(_NUMBER.match(line) for line in edges.values())
        seen.update(edges.keys())
        printed = {**edges, **printed} if len(printed) < 10_000 else printed
    least = max(MIN_PAGES, MIN_SHARE * len(pages))
    shapes = {shape for shape, count in seen.items() if count >= least and not _NUMBER.match(printed.get(shape, "1"))}
    told = [(printed[shape], seen[shape]) for shape in sorted(shapes)]
    return RunningHeads(frozenset(shapes), tuple(told) + ((("page number", numbered),) if numbered >= least else ()))


def to_prose(pages: Sequence[str], heads: RunningHeads) -> Iterator[tuple[str, str]]:
    """(heading, paragraph) in order; a heading is the last one printed and the page that the paragraph starts on."""
    numbered = any(line == "page number" for line, _ in heads.told)
    cleaned = [_Page(n, _without(_lines(text), heads.shapes, numbered)) for n, text in enumerate(pages, 1)]
    words = _Words(pages)
    heading: list[str] = []
    used = False
    for number, block, is_heading in _blocks(cleaned, _width(cleaned)):
        if is_heading:
            heading = [*([] if used else heading), words.join(block)]
            used = False
        else:
            yield (
                ", ".join([": ".join(heading), f"page {number}"] if heading else [f"page {number}"]),
                words.join(block),
            )
            used = True
    if heading and not used:  # a last line that looked like a heading is text all the same
        yield f"page {len(pages)}", ": ".join(heading)


def _blocks(pages: Iterable[_Page], width: int) -> Iterator[tuple[int, list[str], bool]]:
    """(page, lines, whether it is a heading) for each block of text."""
    block: list[str] = []
    first = 0
    for page in pages:
        for at, line in enumerate(page.lines):
            following = next(iter(page.lines[at + 1 :]), "")
            done = not block or bool(_ENDS.search(block[-1]))
            if line and done and _is_heading(line, following, width):
                if block:
                    yield first, block, False
                    block = []
                yield page.number, [line], True
                continue
            if line:
                first = first if block else page.number
                block.append(line)
            if block and (not line or _closes(line, following, width)):
                yield first, block, False
                block = []
        if block and _ENDS.search(block[-1]):
            yield first, block, False
            block = []
    if block:
        yield first, block, False


def _width(pages: Iterable[_Page]) -> int:
    """Of a line that the text fills: one in ten is wider."""
    widths = sorted(len(line) for page in pages for line in page.lines if line)
    return widths[-1 - len(widths) // 10] if widths else 0


def _closes(line: str, following: str, width: int) -> bool:
    """A full stop on a line that the text did not fill."""
    return bool(_ENDS.search(line)) and len(line) < SHORT * width


def _is_heading(line: str, following: str, width: int) -> bool:
    short = len(line) < HEADING * width and len(line.split()) <= HEADING_WORDS
    starts = following[:1].isupper() or following[:1].isdigit() or following[:1] in "\"“‘'«¿¡" or not following
    return short and not _ENDS.search(line) and not _CUT.search(line) and starts and bool(_WORD.search(line))


class _Words:
    """How the document writes its words, to join those that a line's end cut."""

    def __init__(self, pages: Sequence[str]) -> None:
        text = "\n".join(pages).casefold()
        self._hyphened = set(_HYPHENED.findall(text))
        self._whole = set(_WORD.findall(text))

    def join(self, lines: Sequence[str]) -> str:
        """The lines as one text."""
        parts: list[str] = []
        for line in lines:
            cut = _CUT.search(parts[-1]) if parts else None
            tail = _WORD.match(line)
            if not cut or not tail or not line[0].islower():
                parts.append(line)
                continue
            head, rest = cut["head"].casefold(), tail[0].casefold()
            compound = f"{head}-{rest}" in self._hyphened and head + rest not in self._whole
            parts[-1] = (parts[-1] if compound else parts[-1][:-1]) + line
        return " ".join(parts)


def _lines(page: str) -> list[str]:
    lines = (" ".join(line.split()) for line in page.splitlines())
    return [re.sub("\u00ad$", "-", line).replace("\u00ad", "") for line in lines]


def _edges(lines: Sequence[str]) -> list[str]:
    filled = [line for line in lines if line]
    return [*filled[:_EDGE], *filled[_EDGE:][-_EDGE:]]


def _without(lines: list[str], shapes: frozenset[str], numbered: bool) -> list[str]:
    """The lines but for running heads and page numbers, from the edges inwards up to the first line of text."""
    drop: set[int] = set()
    filled = [at for at, line in enumerate(lines) if line]
    for edge in (filled[:_EDGE], filled[::-1][:_EDGE]):
        for at in edge:
            if not (_shape(lines[at]) in shapes or (numbered and _NUMBER.match(lines[at]))):
                break
            drop.add(at)
    return [line for at, line in enumerate(lines) if at not in drop]


def _shape(line: str) -> str:
    return re.sub(r"\d+", "#", line).casefold()
