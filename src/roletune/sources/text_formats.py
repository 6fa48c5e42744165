"""Which of the text formats a file has, by its lines: prose about somebody, or lines that somebody speaks."""

from __future__ import annotations

import re
from collections import Counter

from roletune.rendering.script import parse_script

_MARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\AWEBVTT(?:[ \t\n]|\Z)"), "webvtt"),
    (re.compile(r"\A\s*\[Script Info\]", re.I), "subtitles"),
    (re.compile(r"\A\s*\d+[ \t]*\n\d{1,2}:\d\d:\d\d[,.]\d{1,3}[ \t]*-->"), "subtitles"),
    (re.compile(r"\A(?:;;.*\n)*(?:SPEAKER|SPKR-INFO)[ \t]+\S+[ \t]+\d+[ \t]+[\d.<]"), "rttm"),
    (re.compile(r"\A[^\n]*\+\+\+\$\+\+\+"), "cornell"),
    (
        re.compile(r"\A(?:title|credit|author|draft date)[ \t]*:.*\n(?:.*\n){0,40}?(?:INT|EXT|EST|I/E)[. ]", re.I),
        "fountain",
    ),
    (re.compile(r"\A\s*(?:FADE IN:\s*)?(?:INT|EXT|EST|INT\./EXT|I/E)\. ?\S"), "fountain"),
    (re.compile(r"\A(?:.*\n){0,200}?(?:\{\{|\[\[(?:File|Image|Category):|'''.{1,80}''':)"), "wiki-transcript"),
)
_PLAIN = re.compile(r"^(?:[\[(]\d[\d:.,T\- ]*[\])]\s*+(?:-\s*+)?)?(?:<[^<>\n]{1,40}>|[^\s:#*][^:\n]{0,39}:)\s")
_MOSTLY = 0.6  # share of the lines that a cue starts, in a text of cues and speeches only
_SOME = 0.1  # share of them in a script whose speeches and directions run over many lines
_LOOKED_AT = 400  # lines


def detect_text(text: str) -> str:
    """The format of a text: one of the marked ones, a script, plain `Name: text` lines, or else prose."""
    marked = next((form for mark, form in _MARKS if mark.match(text)), "")
    if marked:
        return marked
    lines = text.splitlines()[:_LOOKED_AT]
    filled = [line for line in lines if line.strip()]
    if _is_script("\n".join(lines), len(filled)):
        return "script"
    spoken = sum(bool(_PLAIN.match(line)) for line in filled)
    return "plain" if spoken > 1 and spoken >= _MOSTLY * len(filled) else "prose"


def _is_script(text: str, lines: int) -> bool:
    """Whether people speak in it: under a scene's header, or by turns. A list like `Born: 1815` has no second turn."""
    scenes = parse_script(text).scenes
    speakers = Counter(turn.speaker for scene in scenes for turn in scene.turns if turn.speaker)
    if any(scene.title and scene.headers.get("background") for scene in scenes):
        return True  # a list of scenes, which nobody has played yet
    if any(scene.title and scene.turns for scene in scenes):
        return bool(speakers)
    spoken = sum(speakers.values())
    return len(speakers) > 1 and spoken >= lines * (_SOME if max(speakers.values()) > 1 else _MOSTLY)
