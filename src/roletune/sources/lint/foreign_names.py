"""Names ranked by how little ties them to the rest of a profile: where vandalism and slips of memory hide.

A vandal writes a stranger into an enumeration ("his allies are Bruce, Steve, Our Classmate and Thor"). So a name that
is mentioned once is foreign the more of this holds: it is one item of an enumeration, none of its words is in any other
name, it has the form of a person's full name, nothing is said about it, no second name is given for it, the names
beside it are known, and the typing around it is careless. A rare but rightful name lacks most of that: a sentence
introduces it. No list of good names is needed; names that are known to belong can be given. How the letters of a name
look is no evidence: strangers have ordinary names. A stranger who gets a sentence of his own ("Our Classmate was his
best friend.") ranks somewhere among the rare names, seldom first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from roletune.records import Profile
from roletune.sources.lint.names import Mention, Names, find_names
from roletune.sources.lint.odd_names import find_accounts, find_lower

_WORD = re.compile(r"[^\W\d_]+")
_SECOND_BEFORE = re.compile(r"[^\W_]['’.]?/$|[^\W_] \($")
_SECOND_AFTER = re.compile(r"(?:['’]s)?(?:/[^\W\d_]|\s?\((?!\d))")
_TELLING = re.compile(r"['’]s\s|\s?\(|\s[^\W\d_]{3,}|,\s(?:who|whose|a|an|his|her|their)\s")
_AND = re.compile(r"\s(?:and|or|und|oder|et|ou|y|o)\s")
_CARELESS = re.compile(r"[^\s/]/\s|[^\s/]\s/[^\s/]|[^\s]\s,|,,|,[^\W\d_]|[^\s]\s{2,}|[(]\s|\s[)]|!{2,}|<3|:\)")
_LISTED = {1: 0.0, 2: 0.3, 3: 1.0}  # by number of items, 3 and more
_AROUND = 14  # characters after a name in which careless typing counts


@dataclass(frozen=True)
class ForeignName:
    """A name that may not belong: its points, the evidence for them, and the place of its mention."""

    name: str
    score: float
    reasons: tuple[str, ...]
    passage: int
    start: int


@dataclass(frozen=True)
class _Case:
    """A candidate and all that is known around it."""

    mention: Mention
    names: Names
    kind: Literal["name", "account", "lower"]

    @property
    def before(self) -> str:
        return self.names.texts[self.mention.passage][: self.mention.start]

    @property
    def after(self) -> str:
        return self.names.texts[self.mention.passage][self.mention.end :]


def foreign_names(profile: Profile, known: Iterable[str] = ()) -> tuple[ForeignName, ...]:
    """The names that nothing ties to the others, most foreign first; names in `known` and their words belong."""
    names = find_names(profile.passages)
    belong = {word.casefold() for name in (profile.name, *profile.aliases, *known) for word in _WORD.findall(name)}
    cases = [_Case(mention, names, "name") for mention in names.mentions if _is_rare(mention, names)]
    cases += [_Case(mention, names, "account") for mention in find_accounts(names)]
    cases += [_Case(mention, names, "lower") for mention in find_lower(names)]

    def belongs(mention: Mention) -> bool:
        return profile.is_me(mention.name) or not belong.isdisjoint(mention.words)

    ranked = [_weigh(case) for case in cases if not belongs(case.mention)]
    return tuple(sorted(ranked, key=lambda name: (-name.score, name.passage, name.start)))


def _weigh(case: _Case) -> ForeignName:
    weighed = [(points * share, told) for points, told, rule in _EVIDENCE if (share := rule(case))]
    reasons = tuple(told for points, told in weighed if told and points >= 0.5)
    score = round(sum(points for points, _ in weighed), 2)
    return ForeignName(case.mention.name, score, reasons, case.mention.passage, case.mention.start)


def _is_rare(mention: Mention, names: Names) -> bool:
    """Mentioned once, under a first name that nobody else has."""
    return names.counts[mention.words[0]] == 1


def _full_name(case: _Case) -> float:
    """Two or three words with capitals; a longer or mixed one counts half; one word and an acronym don't count."""
    words = case.mention.name.split()
    if case.kind != "name" or any(len(word) > 1 and word.isupper() for word in words):
        return 0.0
    if len(case.mention.words) == 1 and len(words) == 1:
        return 0.0 if "·" not in case.mention.name else 1.0
    return 1.0 if len(words) <= 3 and all(word[0].isupper() for word in words) else 0.5


def _introduced(case: _Case) -> bool:
    """Whether a word stands directly before the name ('the physicist X', 'by X'): not a comma, not 'and'."""
    return bool(re.search(r"[^\W_] $", case.before)) and not re.search(r"(?:^|\s)(?:and|or|und|et|y) $", case.before)


def _told_about(case: _Case) -> bool:
    return bool(_TELLING.match(case.after)) and not _AND.match(case.after)


def _has_second_name(case: _Case) -> bool:
    return bool(_SECOND_BEFORE.search(case.before[-4:]) or _SECOND_AFTER.match(case.after))


def _known_beside(case: _Case) -> float:
    """The share of the nearest names of its enumeration (two on each side) that occur elsewhere too."""
    if case.mention.listed < 3:
        return 0.0
    beside = [other for other in case.names.mentions if other.passage == case.mention.passage]
    before = [other for other in beside if other.end <= case.mention.start][-2:]
    after = [other for other in beside if other.start >= case.mention.end][:2]
    near = [other for other in (*before, *after) if other.listed > 2]
    return sum(any(case.names.counts[word] > 1 for word in other.words) for other in near) / len(near) if near else 0.0


def _known_word(case: _Case) -> bool:
    return any(case.names.counts.get(word, 1) > 1 for word in case.mention.words)


def _ordinary_word(case: _Case) -> bool:
    return any(word in case.names.vocabulary for word in case.mention.words)


def _careless(case: _Case) -> bool:
    return bool(_CARELESS.search(case.mention.name[-1] + case.after[:_AROUND]))


# The points of each piece of evidence, the words for it ('' for what speaks for the name), and how much of it there is.
_EVIDENCE: tuple[tuple[float, str, Callable[[_Case], float]], ...] = (
    (3.0, "none of its words is in another name", lambda case: not _known_word(case)),
    (3.0, "it is one item of an enumeration", lambda case: _LISTED[min(case.mention.listed, 3)]),
    (2.0, "it has the form of a person's full name", _full_name),
    (3.0, "it is written like the name of an account", lambda case: case.kind == "account"),
    (1.5, "it is written without capitals", lambda case: case.kind == "lower"),
    (1.0, "no word introduces it", lambda case: not _introduced(case)),
    (1.0, "nothing is said about it", lambda case: not _told_about(case)),
    (1.0, "the names beside it are known from elsewhere", _known_beside),
    (1.5, "the typing around it is careless", _careless),
    (-2.0, "", _has_second_name),
    (-2.0, "", _ordinary_word),
)
