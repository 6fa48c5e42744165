"""What the notes on a character are together: a filled profile, its relations, its timeline."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from roletune.records import Profile
from roletune.synthesis.profile_fields import KINDS, ProfileFieldSettings, ProfileItem

_YEAR = re.compile(
    r"(?P<before>公元前|前)?\s*(?P<year>\d{1,4})(?!\d)\s*年?\s*(?P<bc>B\.?\s?C|v\.\s?Chr|av\.\s?J)?", re.I
)


def fill_profile(profile: Profile, items: Sequence[ProfileItem], settings: ProfileFieldSettings) -> Profile:
    """The profile with its empty description, style and catchphrases filled; what is there stays."""
    told = {kind: [item.text for item in items if item.kind == kind] for kind in KINDS}
    return profile.model_copy(
        update={
            "description": profile.description or _sentences(told["description"], settings.sentences),
            "style": profile.style or _sentences(told["style"], settings.sentences),
            "catchphrases": profile.catchphrases or tuple(told["catchphrase"][: settings.catchphrases]),
        }
    )


def _sentences(notes: Sequence[str], number: int) -> str:
    return " ".join(note if note.endswith((".", "!", "?", "。", "！", "？")) else f"{note}." for note in notes[:number])


def relations(items: Sequence[ProfileItem]) -> dict[str, list[ProfileItem]]:
    """Who is what to the character: name -> items, in the order in which they are first named."""
    found: dict[str, list[ProfileItem]] = {}
    for item in items:
        if item.kind == "relation":
            found.setdefault(item.who, []).append(item)
    return found


def timeline(items: Sequence[ProfileItem]) -> list[ProfileItem]:
    """The events by year, those without one at the end in the order of the passages."""
    return sorted((item for item in items if item.kind == "event"), key=lambda item: year_of(item.when))


def year_of(when: str) -> float:
    """The year in a date, negative before Christ, infinity if it names none: 'March 44 BC' is -44."""
    found = list(_YEAR.finditer(when))
    if not found:
        return math.inf
    # '15 March 1801': a day of the month is no year where another number is.
    best = next((match for match in found if match["bc"] or match["before"]), None)
    best = best or max(found, key=lambda match: int(match["year"]))
    year = int(best["year"])
    return -year if best["bc"] or best["before"] else year
