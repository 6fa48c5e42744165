"""Brackets that nothing closes, hidden from the wikitext parser.

mwparserfromhell tries every opening bracket to the end of the page and goes back where nothing closes it: broken or
hostile pages take minutes. `shield` finds those brackets in one pass and puts a private character in the place of each,
so that what remains is well nested. References and comments, half of the markup of many pages, are filled with blanks.
The text keeps its length: offsets stay what they are.
"""

from __future__ import annotations

import re

MAX_DEPTH = 25  # of brackets within brackets; pages that people write have under ten

_OPENERS = {"{{": "}}", "[[": "]]", "{|": "|}"}
_CLOSERS = {closer: opener for opener, closer in _OPENERS.items()}
_HIDDEN = str.maketrans("{[<", "\ue010\ue011\ue012")
_SHOWN = str.maketrans("\ue010\ue011\ue012\ue013", "{[<'")
APOSTROPHE, BLANK = "\ue013\ue020"
_VOID = {"br", "hr", "wbr", "img", "li", "dt", "dd", "references", "nowiki"}
_VERBATIM = {"nowiki", "pre", "syntaxhighlight", "source", "math", "score", "gallery"}

# Private characters of the input would be taken for ours.
_FOREIGN = re.compile("[\ue000-\ue0ff]")
_TOKEN = re.compile(
    r"\{\{|\}\}|\[\[|\]\]|(?:(?<=\n)|^)[ :*]*+\{\||(?<=\n)\|\}"
    r"|<!--|<(?P<close>/?)(?P<tag>[a-zA-Z][a-zA-Z0-9]*+)(?P<rest>[^<>]*+)(?P<end>>?)"
    r"|\[(?=(?:https?:)?//)(?P<link>[^\[\]\n]*+)(?P<shut>\]?)"
)
_TAG = re.compile(r"(?:\ue012|<)/?[a-zA-Z][^<>\n\ue012]{0,300}+>")


def shield(text: str) -> str:
    """`text`, as long as before, without opening brackets and tags that nothing closes or that nest too deep."""
    text = _FOREIGN.sub("\ufffd", text)
    scan = _Scan(text)
    changes = [(place, place + 1, text[place].translate(_HIDDEN)) for place in scan.hidden()]
    changes += [(start, end, BLANK * (end - start)) for start, end in scan.blank]
    pieces, done = [], 0
    for start, end, new in sorted(changes, key=lambda change: (change[0], -change[1])):
        if start >= done:  # what is inside something blank is gone with it
            pieces += [text[done:start], new]
            done = end
    return "".join([*pieces, text[done:]])


def unshield(text: str) -> str:
    """The brackets as they were; tags that nothing closed are left out."""
    text = text.replace(BLANK, "")
    return _TAG.sub("", text).translate(_SHOWN) if "<" in text or "\ue012" in text else text.translate(_SHOWN)


class _Scan:
    """One pass over the brackets: `open` are those that wait for their closing one, as (what closes it, its places)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.open: list[tuple[str, tuple[int, ...]]] = []
        self.lost: list[int] = []
        self.blank: list[tuple[int, int]] = []
        self.missing: set[str] = set()  # ends of verbatim text that don't occur any more: searched for once

    def hidden(self) -> list[int]:
        """The places of all brackets to hide."""
        position = 0
        while match := _TOKEN.search(self.text, position):
            position = match.end()
            token = match[0].lstrip(" :*")
            if token == "<!--":
                position = self._past("-->", position, match.start(), blank=True)
            elif token in _OPENERS:
                self._push(_OPENERS[token], tuple(range(match.end() - 2, match.end())))
            elif token in _CLOSERS:
                self._pop(token)
            elif match["tag"]:
                position = self._tag(match)
            elif not match["shut"]:
                self.lost.append(match.start())
        return [*self.lost, *(place for _, places in self.open for place in self._brackets(places))]

    def _tag(self, match: re.Match[str]) -> int:
        name = match["tag"].casefold()
        if not match["end"]:
            self.lost.append(match.start())
        elif match["close"]:
            opened = self._pop(f"</{name}")
            if name == "ref" and opened is not None:
                self.blank.append((opened, match.end()))
        elif match["rest"].endswith("/"):
            if name == "ref":
                self.blank.append(match.span())
        elif name in _VERBATIM:
            return self._past(f"</{name}>", match.end(), match.start())
        elif name not in _VOID:
            self._push(f"</{name}", (match.start(),))
        return match.end()

    def _past(self, end: str, position: int, start: int, *, blank: bool = False) -> int:
        """The place after `end`; where it does not come, what opened is hidden and reading goes on behind it."""
        found = -1 if end in self.missing else self.text.find(end, position)
        if found < 0:
            self.missing.add(end)
            self.lost.append(start)
            return position
        if blank:
            self.blank.append((start, found + len(end)))
        return found + len(end)

    def _push(self, closer: str, places: tuple[int, ...]) -> None:
        if len(self.open) >= MAX_DEPTH:
            # The outermost of a long row is the one that nothing closes; the inner ones are worth reading.
            self.lost += self._brackets(self.open.pop(0)[1])
        self.open.append((closer, places))

    def _pop(self, closer: str) -> int | None:
        """Close the innermost that waits for `closer`, and tell where it began; what it holds unclosed is lost."""
        for index in range(len(self.open) - 1, -1, -1):
            if self.open[index][0] == closer:
                start = self.open[index][1][0]
                for _, places in self.open[index + 1 :]:
                    self.lost += self._brackets(places)
                del self.open[index:]
                return start
        return None

    def _brackets(self, places: tuple[int, ...]) -> list[int]:
        return [place for place in places if self.text[place] in "{[<"]
