"""A tree of (X)HTML -> its headings and paragraphs, every one of them, in order.

For books, where all of the body is text; web pages go through trafilatura, which tells the text from the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from roletune.sources.xml_tree import local

if TYPE_CHECKING:
    from lxml import etree

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_INLINE = frozenset(
    """a abbr acronym b bdi bdo big cite code data del dfn em font i image img ins kbd label mark q ruby s samp small
    span strike strong sub sup time tt u var wbr""".split()  # noqa: SIM905
)
_SILENT = frozenset(
    "head script style nav svg math rt rp template audio video iframe object form button".split()  # noqa: SIM905
)
_BREAK = "\u2028"
_NOTE_MARKS = frozenset({"noteref", "doc-noteref"})


def blocks(root: etree._Element) -> Iterator[tuple[int, str]]:
    """(level, text): 1 to 6 for headings, 0 for paragraphs. Empty ones are left out."""
    words: list[str] = []
    level = 0
    for event, element in _walk(root):
        name = local(element)
        if name and name not in _INLINE | _SILENT | {"br"}:
            yield from _block(level, words)
            words = []
            if name in _HEADINGS:
                level = int(name[1]) if event == "start" else 0
        if event == "end":
            words.append(element.tail or "")
        elif name:
            words.append(_BREAK if name == "br" else element.text or "")
    yield from _block(level, words)


def _walk(root: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """Start and end of every element that is read; of others only the end, which carries what follows them."""
    stack = [("start", root)]
    while stack:
        event, element = stack.pop()
        event = "end" if event == "start" and _silent(element) else event
        yield event, element
        if event == "start":
            stack.append(("end", element))
            stack += [("start", child) for child in reversed(element)]


def _silent(element: etree._Element) -> bool:
    name = local(element)
    if not name or name in _SILENT:  # comments and the like have no name
        return True
    marks = {str(value) for key, value in element.items() if str(key).endswith(("role", "}type"))}
    return bool(marks & _NOTE_MARKS)


def _block(level: int, words: list[str]) -> Iterator[tuple[int, str]]:
    lines = (" ".join(line.split()) for line in "".join(words).split(_BREAK))
    text = "\n".join(filter(None, lines))
    if text:
        yield level, text
