"""Fountain (https://fountain.io/syntax), line by line: which element each line is.

A line is judged by itself, by whether the line before is empty, and a cue by whether one follows. An unclosed `/*` or
`[[` is text: an author's slip must not swallow the rest. Cues may be in any script that has capitals, or forced by @.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from roletune.sources.scripts.elements import Element

_TITLE_KEY = re.compile(r"^(?P<key>[^\W\d_][\w ]{0,40}):(?P<value>.*)$")
_TITLE_KEYS = {"title", "credit", "author", "authors", "source", "draft date", "date", "contact", "copyright", "notes"}
_HEADING = re.compile(r"^(?:int|ext|est|int\./ext|int/ext|i/e)[. ]", re.I)
_NUMBER = re.compile(r"#(?P<label>[\w.\-]{1,20})#$")
_STARS = re.compile(r"(?<!\w)(\*{1,3})([^*\s][^*]*+)\*{1,3}")
_UNDERLINES = re.compile(r"(?<!\w)_([^_\s][^_]*+)_(?!\w)")
_OPEN = re.compile(r"/\*|\[\[")
_CLOSE = {"/*": re.compile(r"\*/"), "[[": re.compile(r"\]\]")}
_EMPTY_LINE = re.compile(r"\n ?\n")  # two spaces keep a note open
_CUT = "\0"  # stands for one comment; no text that was decoded has it
_MAX_CUE = 80  # characters of a cue's name


def fountain_elements(text: str) -> tuple[dict[str, str], list[Element]]:
    """The title page as facts, and the elements in the order of the text; comments come first."""
    lines, comments = _without_comments(text)
    facts, start = _title_page([line for _, line in lines])
    return facts, [*comments, *_body(lines[start:])]


class _Next:
    """The next place of a pattern after any place, asked for in rising order: linear over the whole text."""

    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        self.pattern, self.text, self.place = pattern, text, -1

    def after(self, start: int) -> int:
        if self.place < start:
            match = self.pattern.search(self.text, start)
            self.place = match.start() if match else len(self.text)
        return self.place


def _without_comments(text: str) -> tuple[list[tuple[int, str]], list[Element]]:
    """Lines with their numbers, and what was cut out of them; a line that held nothing but a comment is no line."""
    closes = {opening: _Next(pattern, text) for opening, pattern in _CLOSE.items()}
    empty = _Next(_EMPTY_LINE, text)
    kept: list[str] = []
    cut: list[str] = []
    at = 0
    for opening in _OPEN.finditer(text):
        close = closes[opening[0]].after(opening.end()) if opening.start() >= at else len(text)
        if close == len(text) or (opening[0] == "[[" and empty.after(opening.end()) < close):
            continue
        kept += [text[at : opening.start()], _CUT]
        at = close + 2
        cut.append(text[opening.start() : at])
    kept.append(text[at:])
    return _numbered("".join(kept), cut)


def _numbered(kept: str, cut: list[str]) -> tuple[list[tuple[int, str]], list[Element]]:
    lines: list[tuple[int, str]] = []
    comments: list[Element] = []
    number = 1
    for line in kept.split("\n"):
        start = number
        for _ in range(line.count(_CUT)):
            comment = cut[len(comments)]
            comments.append(Element("comment", comment, number))
            number += comment.count("\n")
        whole = line.replace(_CUT, "")
        if whole.strip() or _CUT not in line:
            lines.append((start, whole))
        number += 1
    return lines, comments


def _title_page(lines: list[str]) -> tuple[dict[str, str], int]:
    """Facts of the title page and the index of the line after it; none if the text does not begin with one."""
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    match = _TITLE_KEY.match(lines[first])
    if not match or match["key"].strip().casefold() not in _TITLE_KEYS:
        return {}, 0
    values: dict[str, list[str]] = {}
    key, end = "", first
    for end in range(first, len(lines)):
        line = lines[end]
        if not line.strip():
            break
        match = _TITLE_KEY.match(line)
        if match and not line[0].isspace():
            key = match["key"].strip()
            line = match["value"]
        values.setdefault(key, []).append(_plain(line.strip()))
    else:
        end = len(lines)
    return {key: "\n".join(filter(None, value)) for key, value in values.items()}, end


def _body(lines: list[tuple[int, str]]) -> Iterator[Element]:
    speaking, empty = False, True  # whether we are under a cue, and whether the line before is empty
    for index, (number, line) in enumerate(lines):
        stripped = line.strip()
        if not stripped:
            # A line of two spaces keeps a speech open over an empty line.
            speaking, empty = speaking and len(line) > 1, True
            yield Element("break", "", number)
            continue
        followed = index + 1 < len(lines) and bool(lines[index + 1][1].strip())
        element = _spoken(stripped, number) if speaking else _element(stripped, number, empty, followed)
        if element:
            yield element
            speaking, empty = element.kind in ("cue", "parenthetical", "dialogue"), False
        else:
            empty = True


def _spoken(line: str, number: int) -> Element:
    if line.startswith("(") and line.endswith(")"):
        return Element("parenthetical", _plain(line.strip("()").strip()), number)
    if _HEADING.match(line) and line.isupper():  # the author forgot the empty line
        return _heading(line, number)
    return Element("dialogue", _plain(line.removeprefix("~").strip()), number)


def _element(line: str, number: int, empty: bool, followed: bool) -> Element | None:
    """What a line outside of speech is; None for a page break, which is nothing."""
    sign, rest = line[0], line[1:].strip()
    if sign == "=":
        return Element("synopsis", rest, number) if line.strip("=") else None
    if sign == "#" and line.strip("# "):
        return Element("section", line.strip("# "), number, level=min(6, len(line) - len(line.lstrip("#"))))
    if sign == "." and not rest.startswith(".") and rest:
        return _heading(rest, number)
    if sign == "@" and rest:
        return Element("cue", rest, number)
    if sign in "!~>" and rest:
        text = rest.removesuffix("<").strip() if sign == ">" else rest
        return Element("action", _plain(text), number)
    if empty and _HEADING.match(line):
        return _heading(line, number)
    if empty and followed and _is_cue(line):
        return Element("cue", _plain(line), number)
    return Element("action", _plain(line), number)


def _is_cue(line: str) -> bool:
    """ANNA, ANNA (on the phone), ÉLODIE ^; letters before the bracket are capitals, and there is at least one."""
    name = line.partition("(")[0]
    return name.isupper() and len(name) <= _MAX_CUE and not name.rstrip().endswith((":", ".", "!", "?"))


def _heading(line: str, number: int) -> Element:
    match = _NUMBER.search(line)
    text = line[: match.start()] if match else line
    return Element("heading", _plain(" ".join(text.split())), number, label=match["label"] if match else "")


def _plain(text: str) -> str:
    """Without the marks of emphasis: *italics*, **bold**, _underlined_."""
    text = _STARS.sub(r"\2", text) if "*" in text else text
    return _UNDERLINES.sub(r"\1", text) if "_" in text else text
