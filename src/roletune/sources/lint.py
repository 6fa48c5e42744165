"""What is doubtful about a profile, before anything is made from it.

The profile of the seed project held vandalism (a stranger listed as an ally) that spread into sixteen training
dialogues. Each check is a function from a profile to findings; none changes anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from roletune.engine.duplicates import near_duplicates
from roletune.records import Finding, Profile

MIN_WORDS = 300
DUPLICATE = 0.6
_NAME = re.compile(r"\b[A-Z][a-zà-ÿ]+(?:[ -][A-Z][a-zà-ÿ]+)*\b")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;]\s+|[\"“(]|^\s*[-*]\s*)$")


def lint(profile: Profile) -> tuple[Finding, ...]:
    """Every finding about a profile, check by check."""
    return tuple(finding for check in CHECKS for finding in check(profile))


def too_little(profile: Profile) -> list[Finding]:
    """The seed's profile of 430 words gave 61 % near-duplicate scenes."""
    words = sum(len(passage.text.split()) for passage in profile.passages)
    if words >= MIN_WORDS:
        return []
    message = f"{words} words in {len(profile.passages)} passages: scenes made from so little repeat themselves"
    return [Finding(check="too little", message=f"{message}. Add what is known, 1,000 words or more.")]


def duplicate_passages(profile: Profile) -> list[Finding]:
    """Passages that say the same."""
    passages = profile.passages
    return [
        Finding(
            check="duplicate passage",
            message=f"repeats {passages[pair.earlier].text[:50]!r} ({pair.similarity:.0%} of the words). Cut one.",
            where=passages[pair.later].source,
        )
        for pair in near_duplicates([passage.text for passage in passages], DUPLICATE)
    ]


def missing_aliases(profile: Profile) -> list[Finding]:
    """Spellings of the name that the settings don't list: otherwise JARVIS and J.A.R.V.I.S. are two people."""
    known = {profile.name, *profile.aliases}
    letters = _letters(profile.name)
    text = " ".join(passage.text for passage in profile.passages)
    words = {re.sub(r"['’](s\W*)?$", "", word.strip(',;:()"!?')) for word in text.split()}
    spellings = {word.rstrip(".") + ("." if "." in word.rstrip(".") else "") for word in words}
    spellings = {spelling for spelling in spellings if _letters(spelling) == letters} - known
    return [
        Finding(
            check="missing alias", severity="note", message=f"the text also writes {spelling!r}. Add it to aliases."
        )
        for spelling in sorted(spellings)
    ]


def lone_names(profile: Profile) -> list[Finding]:
    """Full names mentioned once whose words occur in no other name: where vandalism and slips of memory hide."""
    mentions = _mentions(profile)
    words = Counter(word for name, _ in mentions for word in name.split())
    lone = {name: where for name, where in mentions if " " in name and all(words[word] == 1 for word in name.split())}
    if not lone:
        return []
    message = f"mentioned once and tied to no other name: {', '.join(lone)}. Do they all belong here?"
    return [Finding(check="lone names", severity="note", message=message, where=", ".join(sorted(set(lone.values()))))]


CHECKS: tuple[Callable[[Profile], list[Finding]], ...] = (
    too_little,
    duplicate_passages,
    missing_aliases,
    lone_names,
)


def _letters(word: str) -> str:
    return re.sub(r"['’]s$|\W", "", word).casefold()


def _mentions(profile: Profile) -> list[tuple[str, str]]:
    """(name, source) for capitalised runs; a single word that starts a sentence is no evidence of a name."""
    found = []
    for passage in profile.passages:
        for match in _NAME.finditer(passage.text):
            if " " in match[0] or not _SENTENCE_START.search(passage.text[: match.start()]):
                found.append((match[0], passage.source))
    return found
