"""What a card's texts mean: macros replaced, greetings and example dialogue as scenes.

Guarantees: the same card gives the same texts ({{random:}} takes its first choice); text grows by names only, and a
name has at most MAX_NAME characters; every line of an example is part of a turn or told as unread.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from roletune.records import Turn
from roletune.rendering.script import ParsedScene, UnreadLine

USER = "User"
MAX_NAME = 200

_MACRO = re.compile(r"\{\{(?P<name>[a-z_]{1,20}|//)(?P<value>[^{}]{0,2000})\}\}", re.I)
_CHAR = re.compile(r"\{\{char\}\}|<bot>|<char>", re.I)
_PERSON = re.compile(r"\{\{(?:char|user)\}\}|<(?:bot|char|user)>", re.I)
_START = re.compile(r"^[ \t]*<START>", re.I | re.M)
_CUE = re.compile(r"^[ \t]*(?:\*\*)?(?P<name>[^\s:*\"“][^:\n*\"“]{0,60}):(?:\*\*)?(?P<text>.*)$")
_ACTION = re.compile(r"(?<!\*)\*(?!\*)(?P<text>[^*]+)\*(?!\*)")
_COMMA = re.compile(r"(?<!\\),")


@dataclass(frozen=True)
class Names:
    """Who {{char}} and {{user}} are."""

    character: str
    user: str = USER


def expand(text: str, names: Names) -> str:
    """The text with the macros of the V3 specification replaced; macros nobody specified stay as they are."""
    for _ in range(3):  # inner ones first: {{random:{{pick:a,b}},c}}
        text, replaced = _MACRO.subn(_replace, text)
        if not replaced:
            break
    # Names come last and in one pass: a name that is itself a macro would otherwise multiply.
    return _PERSON.sub(lambda match: names.character if _CHAR.fullmatch(match[0]) else names.user, text)


def examples(text: str, names: Names) -> tuple[list[ParsedScene], list[UnreadLine]]:
    """`mes_example` as scenes, one for each <START> block; a line before the first cue of its block is unread."""
    text = expand(text, names)
    speakers = _speakers(text, names)
    scenes: list[ParsedScene] = []
    unread: list[UnreadLine] = []
    number = 1
    for block in _START.split(text):
        speeches, lost = _speeches(block, number, speakers)
        unread += lost
        turns = [turn for name, speech in speeches for turn in turns_of(name, speech)]
        if turns:
            scenes.append(ParsedScene(title=f"Example {len(scenes) + 1}", turns=turns, line=number))
        number += block.count("\n")
    return scenes, unread


def greeting(text: str, title: str, names: Names) -> ParsedScene:
    """A scene that the character opens and nobody has answered yet."""
    return ParsedScene(title=title, turns=list(turns_of(names.character, expand(text, names))))


def turns_of(speaker: str, text: str) -> Iterator[Turn]:
    """*Between stars* are actions; the rest is speech, without quotation marks around the whole of it."""
    at = 0
    for match in _ACTION.finditer(text):
        yield from _speech(speaker, text[at : match.start()])
        if match["text"].strip():
            yield Turn(speaker=speaker, text=" ".join(match["text"].split()), kind="action")
        at = match.end()
    yield from _speech(speaker, text[at:])


def _speech(speaker: str, text: str) -> Iterator[Turn]:
    text = text.strip()
    for first, last in ('""', "“”"):
        if len(text) > 2 and text[0] == first and text[-1] == last and not set(text[1:-1]) & {first, last}:
            text = text[1:-1].strip()
    if re.search(r"\w", text):
        yield Turn(speaker=speaker, text=text)


def _speakers(text: str, names: Names) -> set[str]:
    """The two, and who else has a cue more than once: a single 'Note:' within a speech is no speaker."""
    cues = Counter(match["name"].strip() for match in map(_CUE.match, text.splitlines()) if match)
    often = {name for name, times in cues.items() if times > 1 and name[0].isupper() and len(name.split()) <= 4}
    return {names.character, names.user} | often


def _speeches(block: str, number: int, speakers: set[str]) -> tuple[list[tuple[str, str]], list[UnreadLine]]:
    spoken: list[tuple[str, list[str]]] = []
    lost: list[UnreadLine] = []
    for offset, line in enumerate(block.split("\n")):
        cue = _cue(line, speakers)
        if cue:
            spoken.append((cue[0], [cue[1]]))
        elif spoken:
            spoken[-1][1].append(line)
        elif line.strip():
            narrated = [turn for turn in turns_of("", line) if turn.kind == "action"]
            if _ACTION.fullmatch(line.strip()) and narrated:
                spoken.append(("", [line]))
            else:
                lost.append(UnreadLine(number + offset, line.strip()))
    return [(name, "\n".join(lines)) for name, lines in spoken], lost


def _cue(line: str, speakers: set[str]) -> tuple[str, str] | None:
    for name in speakers:  # a name may hold a colon
        if line.lstrip().startswith(f"{name}:"):
            return name, line.lstrip()[len(name) + 1 :]
    match = _CUE.match(line)
    return (match["name"].strip(), match["text"]) if match and match["name"].strip() in speakers else None


def _replace(match: re.Match[str]) -> str:
    macro = _MACROS.get(match["name"].lower())
    named = match["name"] == "//" or match["value"][:1] in ("", ":", " ")  # {{randomly}} is no {{random}}
    return macro(match["value"].lstrip(": ")) if macro and named else match[0]


def _first(choices: str) -> str:
    return _COMMA.split(choices)[0].replace("\\,", ",").strip()


_MACROS: dict[str, Callable[[str], str]] = {
    "//": lambda value: "",
    "comment": lambda value: "",
    "hidden_key": lambda value: "",
    "original": lambda value: "",
    "random": _first,
    "pick": _first,
    "roll": lambda value: "1",
    "reverse": lambda value: value[::-1],
}
