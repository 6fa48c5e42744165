"""What must be said wherever a character is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from roletune.project import Project
from roletune.sources.profile import parse_profile
from roletune.sources.text import read_text

_AFTER_A_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")


def notices(project: Project) -> list[str]:
    """That of character.yaml, and what those of the profile's head add to it."""
    path, character = project.profile_file, project.character
    told = parse_profile(read_text(path), character.profile).notices if path else ()
    return without_repetition([character.notice, *told])


def without_repetition(told: Iterable[str]) -> list[str]:
    """These texts without the sentences that stand in one before; none that has nothing else."""
    kept: list[str] = []
    for text in told:
        before = _plain(" ".join(kept))
        new = [each for each in _AFTER_A_SENTENCE.split(text.strip()) if _plain(each) not in before]
        if new:
            kept.append(" ".join(new))
    return kept


def _plain(text: str) -> str:
    """As it is compared: without the case, the line breaks and the sign at its end."""
    return " ".join(text.casefold().split()).rstrip(" .;!?。！？")
