"""Plain `Name: text` lines, as chats and rough transcripts are saved.

    [00:01:12] tony: You there?          a time in brackets is left out
    <jarvis> Always.                     so are brackets around a name
    and another thing                    a line without a name goes on with the one before
    ---                                  a rule begins another scene

Names may be written in any case; a name is what stands before the first colon, up to six words. A line before anybody
speaks is unread.
"""

from __future__ import annotations

import re

from roletune.records import Turn
from roletune.rendering.script import ParsedScene, UnreadLine
from roletune.sources.reading import Reading
from roletune.sources.text import decode

_TIME = re.compile(r"^[\[(]\d[\d:.,T/ -]*(?:[ap]m)?[\])]\s*+(?:-\s*+)?", re.I)
_CUE = re.compile(r"^(?:<(?P<nick>[^<>]{1,60})>:?|(?P<name>[^\s:][^:]{0,59}?)\s*+:(?!//))\s*+(?P<text>.*)$")
_RULE = re.compile(r"^(?:[-*_=]\s*+){3,}$")
_ACTION = re.compile(r"^(?:\*(?P<stars>[^*]++)\*|\((?P<round>[^()]++)\)|\[(?P<square>[^\[\]]++)\])$")
_NAME_WORDS = 6


def read_plain(data: bytes, name: str) -> Reading:
    """Lines that somebody says, one scene between two rules."""
    reader = _Reader()
    for number, raw in enumerate(decode(data, name).splitlines(), start=1):
        line = _TIME.sub("", raw.strip())
        if _RULE.match(line):
            reader.begin(number + 1)
        elif line and not reader.read(line):
            reader.unread.append(UnreadLine(number, raw))
    reader.begin(0)
    return Reading(scenes=tuple(scene for scene in reader.scenes if scene.turns), unread=tuple(reader.unread))


class _Reader:
    """The scenes so far, and the speech that goes on."""

    def __init__(self) -> None:
        self.scenes = [ParsedScene()]
        self.unread: list[UnreadLine] = []
        self.speaker = ""
        self.parts: list[str] = []

    def begin(self, line: int) -> None:
        self._settle()
        self.scenes.append(ParsedScene(line=line))

    def read(self, line: str) -> bool:
        action, cue = _ACTION.match(line), _CUE.match(line)
        called = (cue["nick"] or cue["name"]) if cue else ""
        if action:
            self._settle()
            text = next(filter(None, action.groups())).strip()
            self.scenes[-1].turns.append(Turn(speaker="", text=text, kind="action"))
        elif cue and cue["text"] and len(called.split()) <= _NAME_WORDS:
            self._settle()
            self.speaker, self.parts = called.strip("* "), [cue["text"].strip()]
        elif self.parts:
            self.parts.append(line)
        else:
            return False
        return True

    def _settle(self) -> None:
        if self.parts:
            self.scenes[-1].turns.append(Turn(speaker=self.speaker, text=" ".join(self.parts)))
        self.parts = []
