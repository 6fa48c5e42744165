"""JSON as projects write it: one value, one a line, one after another without a separator, or a list of them.

What is whole is kept wherever a file breaks: each broken place is listed with its line and what the decoder said, and
reading goes on at the next line that begins as the broken value did. Time is linear in the length of the text, but for
a bounded number of broken places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from roletune.errors import SourceError
from roletune.rendering.script import UnreadLine
from roletune.sources.text import decode

MAX_DOCUMENTS = 200_000
MAX_BROKEN = 100  # places; what follows the last of them is not read

_BETWEEN = re.compile(r"[\s,\x1e]*+")  # \x1e separates the values of a JSON text sequence (RFC 7464)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class JsonDocument:
    """A value with its place in the text: offsets in characters, and the line that it begins on, from 1."""

    value: Any
    start: int
    end: int
    line: int


@dataclass(frozen=True)
class JsonDocuments:
    """The whole values of a text, and the places where there is none."""

    text: str
    documents: tuple[JsonDocument, ...]
    broken: tuple[UnreadLine, ...]

    def unread(self, document: JsonDocument, reason: str) -> UnreadLine:
        """`document` as it is printed, with why nothing could be made of it."""
        return UnreadLine(document.line, self.text[document.start : document.end], reason)


def read_json(data: bytes, name: str) -> JsonDocuments:
    """Every value in a file; the members of a list that is all of the file are values of their own.

    Raises SourceError for a file without a whole value, and one with more than MAX_DOCUMENTS of them.
    """
    text = decode(data, name)
    scan = _Scan(text, lists=text.lstrip().startswith("["))
    documents = tuple(scan.documents(name))
    if scan.lists and scan.goes_on:  # one list a line: each is a value
        scan = _Scan(text, lists=False)
        documents = tuple(scan.documents(name))
    if not documents and not (scan.lists and not scan.broken):
        first = scan.broken[0].reason if scan.broken else "there is nothing in it"
        raise SourceError(f"{name} holds no whole JSON value: {first}. Save it again as JSON, or as one value a line.")
    return JsonDocuments(text, documents, tuple(scan.broken))


class _Scan:
    """One pass over a text; with `lists`, its first bracket opens a list whose members are the values."""

    def __init__(self, text: str, *, lists: bool) -> None:
        self.text = text
        self.lists = lists
        self.goes_on = False  # after the list that `lists` is about
        self.broken: list[UnreadLine] = []
        self._decoder = json.JSONDecoder()
        self._counted = (0, 1)  # an offset, and its line

    def documents(self, name: str) -> Iterator[JsonDocument]:
        place = self.text.index("[") + 1 if self.lists else 0
        count = 0
        while (start := self._skip(place)) < len(self.text):
            if self.lists and self.text[start] == "]":
                self.goes_on = self._skip(start + 1) < len(self.text)
                return
            count += 1
            if count > MAX_DOCUMENTS:
                raise SourceError(f"{name} holds over {MAX_DOCUMENTS:,} values. Split it, and import its parts.")
            try:
                value, place = self._decoder.raw_decode(self.text, start)
                value = _sound(value, self.text[start:place])
            except (ValueError, RecursionError) as error:
                place = self._break(start, error)
                continue
            yield JsonDocument(value, start, place, self._line(start))
        if self.lists and not self.broken:
            self.broken.append(UnreadLine(self._line(len(self.text)), "", "the file breaks off within a list"))

    def _skip(self, place: int) -> int:
        match = _BETWEEN.match(self.text, place)
        return match.end() if match else place

    def _break(self, start: int, error: Exception) -> int:
        """List a broken place; where reading goes on."""
        where = error.pos if isinstance(error, json.JSONDecodeError) else start
        following = self._next(start, where)
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"
            if following == len(self.text):
                reason = f"the file breaks off ({reason})"
        if len(self.broken) + 1 == MAX_BROKEN or isinstance(error, RecursionError):
            following = len(self.text)
            reason += "; what follows is not read"
        line = self._line(start)
        self.broken.append(UnreadLine(line, self.text[start:following].rstrip(), reason))
        return following

    def _next(self, start: int, where: int) -> int:
        """The next line after `where` that begins as the line of the value at `start` does."""
        indent = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        begins = re.compile(rf"\n{indent if indent.isspace() else ''}(?=[{{\[])")
        match = begins.search(self.text, max(where, start + 1))
        return match.end() if match else len(self.text)

    def _line(self, place: int) -> int:
        counted, line = self._counted
        self._counted = (place, line + self.text.count("\n", counted, place))
        return self._counted[1]


def _sound(value: Any, printed: str) -> Any:
    r"""`value` without the halves of characters that `\ud800` and the like leave: no encoding could write them."""
    if "\\ud" not in printed and "\\uD" not in printed:
        return value
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_sound(item, printed) for item in value]
    if isinstance(value, dict):
        return {_sound(key, printed): _sound(item, printed) for key, item in value.items()}
    return value
