"""What is doubtful about a profile, before anything is made from it.

The profile of the seed project held vandalism (a stranger listed as an ally) that spread into sixteen training
dialogues. Each check is a function from a profile to findings; none changes anything. `contradictions.py` has the one
check that asks a model.

    too little          words for scenes that don't repeat themselves
    duplicate passage   two passages say the same
    missing alias       the text spells the name in a way that `aliases` does not list
    foreign name        the names that least belong to the rest, the most foreign first
    boilerplate         furniture of web pages: navigation, notices, edit links, references, markup
    heading             a title that became a passage
    encoding            letters read in the wrong encoding, lost letters, control characters
    languages           passages in another language than the rest or than the settings say
    licences            terms that contradict each other or forbid a derived work
    contradiction       two passages can't both be true (asks the judge)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from roletune.engine.duplicates import near_duplicates
from roletune.records import Finding, Profile
from roletune.sources.lint.debris import boilerplate, broken_encoding, headings
from roletune.sources.lint.foreign_names import ForeignName, foreign_names
from roletune.sources.lint.languages import mixed_languages
from roletune.sources.lint.licence_conflicts import licence_conflicts

MIN_WORDS = 300
DUPLICATE = 0.6
FOREIGN_SHOWN = 3
FOREIGN_SCORE = 8.0  # below it a name is rare, not foreign
_AROUND = 40  # characters shown on each side of a name
_WORDS = re.compile(r"[\u3400-\u9fff\u3040-\u30ff]|[^\W_\u3400-\u9fff\u3040-\u30ff]+(?:['’.-][^\W_]+)*")


def lint(profile: Profile, known_names: Iterable[str] = ()) -> tuple[Finding, ...]:
    """Every finding about a profile, check by check; `known_names` are never foreign."""
    found = [finding for check in CHECKS for finding in check(profile)]
    return (*found, *out_of_place(profile, known_names))


def too_little(profile: Profile) -> list[Finding]:
    """The seed's profile of 430 words gave 61 % near-duplicate scenes."""
    words = sum(len(_WORDS.findall(passage.text)) for passage in profile.passages)
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


def out_of_place(profile: Profile, known_names: Iterable[str] = ()) -> list[Finding]:
    """The three names that least belong here, the most foreign first, with the evidence."""
    ranked = foreign_names(profile, known_names)
    shown = [name for name in ranked[:FOREIGN_SHOWN] if name.score >= FOREIGN_SCORE]
    return [_foreign(name, place, len(ranked), profile) for place, name in enumerate(shown, 1)]


def _foreign(name: ForeignName, place: int, number: int, profile: Profile) -> Finding:
    passage = profile.passages[name.passage]
    around = passage.text[max(0, name.start - _AROUND) : name.start + len(name.name) + _AROUND].strip()
    message = (
        f"{name.name!r} is number {place} of {number} rare names that least belong here: {', '.join(name.reasons)} "
        f"(… {around} …). A slip or vandalism? Cut it. Does it belong? Leave it."
    )
    return Finding(check="foreign name", severity="note", message=message, where=passage.source)


CHECKS: tuple[Callable[[Profile], list[Finding]], ...] = (
    too_little,
    duplicate_passages,
    missing_aliases,
    boilerplate,
    headings,
    broken_encoding,
    mixed_languages,
    licence_conflicts,
)


def _letters(word: str) -> str:
    return re.sub(r"['’]s$|\W", "", word).casefold()
