"""Who is on stage: the audience of each turn, from a play's stage directions.

`Enter HAMLET`, `Exit`, `Exeunt all but HAMLET` tell who perceives what follows. A scene without an entrance has no
audience marks: everybody present hears everything. The reading is generous where directions are vague ("Attendants"):
whoever speaks is there, and was there for the turn before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from roletune.records import Turn

_NAME = re.compile(r"[A-Z][A-Z'’]+(?: [A-Z][A-Z'’]+)*|\b[A-Z][a-z]+\b")
_NOT_NAMES = {"Enter", "Re", "Exit", "Exeunt", "All", "The", "A", "Flourish", "They", "Trumpets", "Within", "Dies"}


def perceive(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The same turns, each with its audience where the directions tell it."""
    if not any(turn.kind == "action" and _enters(turn.text) for turn in turns):
        return tuple(turns)
    speakers = {turn.speaker for turn in turns if turn.speaker}
    present: set[str] = set()
    marked: list[Turn] = []
    for number, turn in enumerate(turns):
        if turn.speaker:
            present.add(turn.speaker)
        elif turn.kind == "action":
            before = set(present)
            present = _after(turn.text, present, speakers, marked)
            # An exit is seen by those who stay and those who go.
            marked.append(_heard(turn, before | present))
            continue
        # Who speaks next without an entrance of his own was listening.
        following = next((later.speaker for later in turns[number + 1 :]), "")
        marked.append(_heard(turn, present | ({following} if following else set())))
    return tuple(marked)


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
    """The speakers whom a direction names: POLONIUS is Lord Polonius."""
    words = {word.casefold() for name in _NAME.findall(direction) if name not in _NOT_NAMES for word in name.split()}
    return {speaker for speaker in speakers if set(speaker.casefold().split()) & words}
