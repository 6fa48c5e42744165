"""Texts with times (subtitles, captions, recognised speech) -> scenes.

    a long silence                  another scene
    JOHN: ...   [SPEAKER_01]: ...   names the speaker; `John: ...` does if John speaks three times so in the file
    - ...                           another speaker, line by line
    [door slams]  (sighs)           an action: of the speaker if one is named, else of nobody
    ♪ ... ♪                         an action of nobody
    a sentence that goes on         is joined to its beginning, where the pause is short

A speech for which nobody is named is said by `UNNAMED`. Every word of every text is in a turn.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from roletune.records import Turn, TurnKind
from roletune.rendering.script import ParsedScene
from roletune.sources.scripts.cue_names import read_cue

UNNAMED = "Someone"  # who says what nobody is named for
SCENE_GAP = 20.0  # seconds of silence after which another scene begins
PAUSE = 2.0  # seconds within which a speaker goes on
_OFTEN = 3  # times a name that is not all capitals must stand before a colon to be one

_DASH = re.compile(r"^\s*[-‐–—]\s*(?=\S)")
_LABEL = re.compile(r"^(?P<name>[^\W_][^:()\[\]♪♫?!,\"]{0,39})(?P<manner>[(\[][^()\[\]]{1,60}[)\]])? ?:(?: |$)")
_BRACKETED = re.compile(r"^[\[(](?P<name>[^\[\]():]{1,40})[\])] ?:(?: |$)")
_SOUND = re.compile(r"\[[^\[\]]*+\]|\([^()]*+\)|[♪♫][^♪♫]*+[♪♫]?")
_UNFINISHED = re.compile(r"(?:[\w,;\-–—’']|\.\.\.|…)$")


@dataclass(frozen=True)
class Utterance:
    """What is heard from `start` to `end` (seconds); `line` is where it stands in the source, from 1."""

    text: str
    start: float
    end: float
    line: int
    speaker: str = ""


@dataclass
class _Draft:
    speaker: str
    kind: TurnKind
    parts: list[str] = field(default_factory=list)
    end: float = 0.0


def scenes_of(utterances: Iterable[Utterance], *, whole_speakers: bool = False) -> tuple[ParsedScene, ...]:
    """Utterances in the order of time as scenes, with `at` in their headers.

    `whole_speakers` joins what one speaker says without a pause: the pieces of recognised speech end anywhere.
    """
    ordered = sorted(utterances, key=lambda utterance: utterance.start)
    known = _mixed_names(ordered)
    scenes: list[ParsedScene] = []
    drafts: list[_Draft] = []
    heard_until = 0.0
    for utterance in ordered:
        if not scenes or utterance.start - heard_until > SCENE_GAP:
            _finish(scenes, drafts)
            scenes.append(ParsedScene(headers={"at": _clock(utterance.start)}, line=utterance.line))
        heard_until = max(heard_until, utterance.end)
        for draft, fresh in _drafts(utterance, known):
            if drafts and not fresh and _goes_on(drafts[-1], draft, utterance, whole_speakers):
                drafts[-1].parts += draft.parts
                drafts[-1].end = utterance.end
            else:
                draft.speaker = draft.speaker or (UNNAMED if draft.kind == "speech" else "")
                drafts.append(draft)
    _finish(scenes, drafts)
    return tuple(scene for scene in scenes if scene.turns)


def _finish(scenes: list[ParsedScene], drafts: list[_Draft]) -> None:
    for draft in drafts:
        scenes[-1].turns.append(Turn(speaker=draft.speaker, text=" ".join(draft.parts), kind=draft.kind))
    drafts.clear()


def _goes_on(before: _Draft, draft: _Draft, utterance: Utterance, whole_speakers: bool) -> bool:
    if before.kind != "speech" or draft.kind != "speech" or utterance.start - before.end > PAUSE:
        return False
    same = draft.speaker in ("", before.speaker)
    return same and (bool(_UNFINISHED.search(before.parts[-1])) or (whole_speakers and draft.speaker != ""))


def _drafts(utterance: Utterance, known: set[str]) -> Iterator[tuple[_Draft, bool]]:
    """The turns of one utterance, each with whether it is certainly the beginning of one."""
    for text, dashed in _groups(utterance.text, known):
        name, manners, said = _label(text, known)
        if said.strip():  # a name before nothing is all that is said
            text = said
        else:
            name, manners = "", ()
        speaker = name or utterance.speaker
        fresh = dashed or bool(name)
        for manner in manners:
            yield _Draft(speaker, "action", [manner]), True
        for kind, part in _parts(text):
            whose = "" if part[:1] in "♪♫" else speaker
            yield _Draft(whose if kind == "action" else speaker, kind, [part], utterance.end), fresh
            fresh = fresh and kind == "action"


def _groups(text: str, known: set[str]) -> list[tuple[str, bool]]:
    """The text's lines, joined where one speaker goes on, each with whether a dash tells that another one begins."""
    groups: list[tuple[list[str], bool]] = []
    for line in text.split("\n"):
        dash = _DASH.match(line)
        line = " ".join(line[dash.end() if dash else 0 :].split())
        if not line:
            continue
        if dash or not groups or _label(line, known)[0]:
            groups.append(([line], bool(dash)))
        else:
            groups[-1][0].append(line)
    return [(" ".join(lines), dashed) for lines, dashed in groups]


def _label(text: str, known: set[str]) -> tuple[str, tuple[str, ...], str]:
    """Name, manners and the rest of a text that begins with a speaker's name; "" as the name of any other."""
    match = _BRACKETED.match(text)
    if match:
        return match["name"].strip(), (), text[match.end() :]
    match = _LABEL.match(text)
    name = match["name"].strip() if match else ""
    if not match or not (name.isupper() or name in known):
        return "", (), text
    manner = (match["manner"] or "").strip("()[]")
    return name, read_cue(f"({manner})").manners, text[match.end() :]


def _mixed_names(utterances: Iterable[Utterance]) -> set[str]:
    """Names in small letters that stand before a colon often enough to be no `Listen: ...`."""
    counts: Counter[str] = Counter()
    for utterance in utterances:
        for line in utterance.text.split("\n"):
            match = _LABEL.match(" ".join(_DASH.sub("", line).split()))
            if match and match["name"].strip().istitle():
                counts[match["name"].strip()] += 1
    return {name for name, count in counts.items() if count >= _OFTEN}


def _parts(text: str) -> list[tuple[TurnKind, str]]:
    """Speech and sounds in order; signs without a word between two of them belong to the one before."""
    parts: list[tuple[TurnKind, str]] = []
    at = 0
    for sound in _SOUND.finditer(text):
        _add(parts, "speech", text[at : sound.start()])
        inner = sound[0] if sound[0][0] in "♪♫" else sound[0][1:-1]
        _add(parts, "action", inner)
        at = sound.end()
    _add(parts, "speech", text[at:])
    return parts


def _add(parts: list[tuple[TurnKind, str]], kind: TurnKind, text: str) -> None:
    text = " ".join(text.split())
    if parts and kind == "speech" and text and not any(sign.isalnum() for sign in text):
        parts[-1] = (parts[-1][0], parts[-1][1] + text)
    elif text:
        parts.append((kind, text))


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
