"""What single lines of a script look like: patterns for scene headers, cues, speeches and stage directions.

Time is linear in the length of a line: what could be split between two neighbours in a pattern is possessive (`*+`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from roletune.records import TurnKind

HEADER_KEYS = ("type", "location", "time", "mood", "present", "background", "purpose", "category", "twin")
_ALIASES = {"status": "background", "setting": "location", "place": "location", "characters": "present"}

# Each word of a name is capitalised, but for a few particles: "Note this: ..." is no speaker called "Note this".
_LETTERS = r"(?:[^\W_]|[.'’/\-])*+"  # a slash: "Bruce Banner/Hulk" is one
_NAME = rf"[^\W\d_a-z]{_LETTERS}(?:[ ](?:[^\W_a-z]{_LETTERS}|(?:of|the|de|da|von|van|and)\b|&)){{0,5}}+"
_MANNER = r"\((?P<manner>[^()]*+)\)"

SCENE = re.compile(
    r"^(?:#{1,6}\s*+)?(?:\*\*)?scene\b\s*+#?(?P<number>\d++|[ivxlc]+\b)?\s*+(?:[:.\-–]\s*+(?P<title>.*)|(?:\*\*)?$)",
    re.I,
)
HEADING = re.compile(r"^#{1,6}\s++(?P<text>.+)$")
TURN = re.compile(
    rf"^(?:[-*]\s++)?(?:\*\*|__)?(?P<name>{_NAME})(?:\*\*|__)?\s*+(?:{_MANNER})?\s*+(?:\*\*|__)?\s*+:"
    r"\s*+(?:\*\*|__)?\s*+(?P<text>.*)$"
)
BOLD_CUE = re.compile(rf"^\*\*(?P<name>{_NAME}(?:: & {_NAME})?+):?\*\*:?\s*+(?:{_MANNER})?$")
PLAIN_CUE = re.compile(rf"^(?P<name>{_NAME})\s*+{_MANNER}$")
CAPS_CUE = re.compile(r"^(?P<name>[A-Z][A-Z0-9 .'’\-]+)(?P<manner>)$")

_KIND = r"\((?P<manner>(?i:speaking|thinking))\)"
# With its kind named, a speech needs no colon, and its speaker may have a second name or stand in brackets.
MARKED_TURN = re.compile(
    rf"^(?:[-*]\s++)?(?:\*\*)?(?:(?P<name>{_NAME})(?:\*\*)?(?:\s*+\((?P<also>{_NAME})\))?|\((?P<bracketed>[^()]++)\))"
    rf"\s*+(?:\*\*)?{_KIND}(?:\*\*)?\s*+:?\s*+(?:\*\*)?\s*+(?P<text>.*)$"
)
BRACKETED_CUE = re.compile(rf"^\((?P<name>{_NAME})[ ](?P<manner>(?i:speaking|thinking))\):?$")
KIND_MARK = re.compile(r"\((speaking|thinking)\)", re.I)

_END = re.compile(r"^\W*(?:the )?end(?: of(?: the)? (?:script|scene|speech|dialogue|conversation))?\W*$", re.I)
_REMARK = re.compile(r"^\W*(?:author['’]s |writer['’]s )?(?:notes?|disclaimer|word count|p\.s\.)\W*:", re.I)
_HEADER = re.compile(r"^(?:[-*]\s++)?(?:\*\*)?(?P<key>[A-Za-z]++)(?:\*\*)?\s*+:\s*+(?:\*\*)?\s*+(?P<value>.*)$")
_ACTION = re.compile(r"^(?:_(?P<a>[^_]++)_|\*(?P<b>[^*]++)\*|\((?P<c>[^()]++)\)|\[(?P<d>[^\[\]]++)\])[.]?$")
_ESCAPED = re.compile(r"^\\\[(?P<text>[^\[\]\\]++)\\?\]$")  # a direction in brackets, as Markdown has to write them
_DIRECTION_LINES = 6  # a direction in italics may run over so many lines

_SPEECH = {"speaking", "speech", "aloud", "says", "saying"}
_THOUGHT = {"thinking", "thought", "thoughts", "thinks", "to himself", "to herself", "to itself"}
_ONLY_TO = re.compile(r"^(?:to|whispering to) (?P<names>\S.*) only$", re.I)
_ADDRESSEE = re.compile(rf"^to (?:the )?{_NAME}$")


class Manner(NamedTuple):
    """What stands in brackets after a speaker's name; `action` is what it does besides, "" for nothing."""

    kind: TurnKind = "speech"
    audience: tuple[str, ...] | None = None
    action: str = ""


def read_manner(text: str) -> Manner:
    """`thinking`, `to Tony only`, `aside`, or whatever the speaker does."""
    manner = text.casefold()
    only_to = _ONLY_TO.match(text)
    if manner in _THOUGHT:
        return Manner(kind="thought")
    if manner == "aside":
        return Manner(audience=())
    if only_to:
        return Manner(audience=tuple(re.split(r",\s*|\s+and\s+", only_to["names"])))
    return Manner() if not text or manner in _SPEECH or _ADDRESSEE.match(text) else Manner(action=text)


def read_header(line: str) -> tuple[str, str, str] | None:
    """A header line as (its key as written, the key it means, value), None for any other line."""
    match = _HEADER.match(line)
    written = match["key"].casefold() if match else ""
    key = _ALIASES.get(written, written)
    return (written, key, match["value"].strip(" *")) if match and key in HEADER_KEYS else None


def read_remark(line: str) -> str:
    """Why a line is nothing that is said or done in the scene but its writer's remark on it, "" for any other line."""
    if _END.match(line):
        return "the writer's mark of the end"
    return "a remark of the writer's" if _REMARK.match(line) else ""


def read_action(line: str) -> str:
    """What a stage direction alone on its line says, "" for any other line."""
    match = _ACTION.match(line)
    if not match:
        return ""
    text = next(filter(None, match.groups())).strip()
    escaped = _ESCAPED.match(text)
    return escaped["text"].strip() if escaped else text


def whole_directions(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Lines with their numbers from 1; a direction in italics that runs over several lines is one."""
    whole: list[tuple[int, str]] = []
    following = iter(range(len(lines)))
    for start in following:
        end = _end_of_direction(lines, start)
        joined = " ".join(line.strip() for line in lines[start : end + 1])
        whole.append((start + 1, joined if end > start else lines[start]))
        for _ in range(start, end):
            next(following)
    return whole


def _end_of_direction(lines: Sequence[str], start: int) -> int:
    """Number of the line that closes the italics which line `start` opens, `start` if none does."""
    first = lines[start].strip()
    if not first.startswith("_") or "_" in first[1:]:
        return start
    for end in range(start + 1, min(start + _DIRECTION_LINES, len(lines))):
        line = lines[end].strip()
        if not line or "_" in line:
            return end if line.find("_") == len(line) - 1 > 0 else start
    return start
