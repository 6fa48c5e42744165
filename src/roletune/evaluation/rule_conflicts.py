"""Rules that no reply can keep together: "at least ten words" beside "at most five", "in English" beside "in French".

A set that holds such a pair measures nothing: every model fails it. Only what contradicts itself in every reply is
told; two rules that are merely hard to keep together are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from roletune.evaluation.rules import CountRule, FormatRule, LanguageRule, Rule, TextRule, holds

_BOUNDS = {  # type -> what is counted, whether the value is the least, whether it is the most
    "max_words": ("words", False, True),
    "min_words": ("words", True, False),
    "max_sentences": ("sentences", False, True),
    "min_sentences": ("sentences", True, False),
    "sentences": ("sentences", True, True),
    "paragraphs": ("paragraphs", True, True),
}
_LAYOUTS = [
    {"list", "no_list"},
    {"lower_case", "upper_case"},
    {"json", "list"},
    {"json", "quoted"},
    {"json", "question"},
]


class Conflict(NamedTuple):
    """Two rules, by their ids, of which a reply breaks one."""

    first: str
    second: str


def find_conflicts(rules: Sequence[Rule]) -> list[Conflict]:
    """Every pair of the set that contradicts itself, in its order."""
    return [Conflict(a.id, b.id) for a, b in combinations(rules, 2) if _clash(a, b) or _clash(b, a)]


def _clash(a: Rule, b: Rule) -> bool:
    if isinstance(a, CountRule):
        return (isinstance(b, CountRule) and _too_many(a, b)) or (isinstance(b, FormatRule) and _on_one_line(a, b))
    if isinstance(a, TextRule):
        return isinstance(b, TextRule) and (_unsayable(a, b) or _elsewhere(a, b))
    if isinstance(a, LanguageRule):
        return isinstance(b, LanguageRule) and a.value != b.value
    return isinstance(a, FormatRule) and isinstance(b, FormatRule) and {a.value, b.value} in _LAYOUTS


def _too_many(least: CountRule, most: CountRule) -> bool:
    """At least so many, and at most fewer; a sentence has at least a word."""
    counted, is_least, _ = _BOUNDS[least.type]
    bounded, _, is_most = _BOUNDS[most.type]
    comparable = counted == bounded or (counted, bounded) == ("sentences", "words")
    return comparable and is_least and is_most and least.value > most.value


def _on_one_line(count: CountRule, layout: FormatRule) -> bool:
    return count.type == "paragraphs" and count.value > 1 and layout.value == "one_line"


def _unsayable(wanted: TextRule, banned: TextRule) -> bool:
    """Every text that would do contains, as a whole text, one that may not be there."""
    if banned.type != "excludes" or wanted.type == "excludes":
        return False
    return all(any(holds(_plain(text), _plain(other)) for other in banned.value) for text in wanted.value)


def _elsewhere(a: TextRule, b: TextRule) -> bool:
    """Both say how it begins (or ends), and nothing begins with one of each."""
    if a.type != b.type or a.type not in ("starts_with", "ends_with"):
        return False
    fits = str.startswith if a.type == "starts_with" else str.endswith
    pairs = [(_plain(x), _plain(y)) for x in a.value for y in b.value]
    return not any(fits(x, y) or fits(y, x) for x, y in pairs)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!?…。！？")
