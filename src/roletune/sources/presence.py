"""Who is on stage: the audience of each turn, from a play's stage directions.

`Enter HAMLET`, `Exit`, `Exeunt all but HAMLET` tell who perceives what follows. A scene without an entrance has no
audience marks: everybody present hears everything. The reading is generous where directions are vague ("Attendants"):
whoever speaks is there, and was there for the turn before. An `Aside` is heard by its speaker alone, or by whom it is
said to, up to the end of the speech: no print says where it ends, and a cue is lost sooner than a secret told. Who
speaks `Within` is heard and does not hear.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from roletune.records import Turn

_NAME = re.compile(r"\b[A-Z][A-Z'’]+(?: [A-Z][A-Z'’]+)*|\b[A-Z][a-z]+(?: [A-Z][a-z]+)*\b")
_ASIDE = re.compile(r"^aside\b", re.I)
_OFF_STAGE = re.compile(r"^(?:within|without)\b", re.I)
_NOT_NAMES = {"enter", "re", "exit", "exeunt", "all", "the", "a", "flourish", "they", "trumpets", "within", "dies"}


def perceive(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The same turns, each with its audience where the directions tell it."""
    if not any(turn.kind == "action" and _enters(turn.text) for turn in turns):
        return tuple(turns)
    speakers = {turn.speaker for turn in turns if turn.speaker}
    present: set[str] = set()
    marked: list[Turn] = []
    for number, turn in enumerate(turns):
        manner = turns[number - 1].text if number and turns[number - 1].kind == "action" else ""
        following = turns[number + 1].speaker if number + 1 < len(turns) else ""
        if turn.kind == "action" and not turn.speaker:
            before = set(present)
            present = _after(turn.text, present, speakers, marked)
            # An exit is seen by those who stay and those who go.
            aside = _aside(turn.text, following, speakers)
            marked.append(_heard(turn, before | present if aside is None else aside))
            continue
        if not _OFF_STAGE.match(manner):
            present.add(turn.speaker)
        aside = _aside(manner, turn.speaker, speakers)
        # Who speaks next without an entrance of his own was listening.
        listening = present | {turn.speaker} | ({following} if following else set())
        marked.append(_heard(turn, listening if aside is None else aside))
    return tuple(marked)


def _aside(direction: str, speaker: str, speakers: set[str]) -> set[str] | None:
    """Who hears what `speaker` says after a direction `Aside` or `Aside to X`; None after any other."""
    match = _ASIDE.match(direction)
    return {speaker} | _named(direction[match.end() :], speakers) if match else None


def _heard(turn: Turn, audience: set[str]) -> Turn:
    return turn if turn.audience is not None else turn.model_copy(update={"audience": tuple(sorted(audience))})


def _enters(direction: str) -> bool:
    return bool(re.search(r"\b(re-)?enter\b", direction, re.I))


def _after(direction: str, present: set[str], speakers: set[str], before: Sequence[Turn]) -> set[str]:
    named = _named(direction, speakers)
    if _enters(direction):
        return present | named
    if re.search(r"\bexeunt\b", direction, re.I):
        if re.search(r"\ball but\b|\bexcept\b", direction, re.I):
            return present & named
        return present - named if named else set()
    if re.search(r"\bexit\b", direction, re.I):
        last = next((turn.speaker for turn in reversed(before) if turn.speaker), "")
        return present - (named or {last})
    return present


def _named(direction: str, speakers: set[str]) -> set[str]:
    """The speakers whom a direction names: POLONIUS is Lord Polonius, KING CLAUDIUS is not the Player King."""
    names = [set(name.casefold().split()) - _NOT_NAMES for name in _NAME.findall(direction)]
    words = [set(speaker.casefold().split()) for speaker in speakers]
    return {
        speaker
        for speaker, called in zip(speakers, words, strict=True)
        if any(name and (name <= called or called <= name) for name in names)
    }
