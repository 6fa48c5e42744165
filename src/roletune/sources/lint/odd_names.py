"""People in a text who are not written as names: accounts (@rohan_99) and names without capitals between names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roletune.sources.lint.names import Mention, Names

_ACCOUNT = re.compile(r"(?<![\w@.])@[^\W_][\w.]{2,30}|(?<!\w)[^\W_]{1,20}(?:_[^\W_]{1,20}){1,4}(?!\w)")
_LOWER = re.compile(r"[,;]\s+(?:and\s+|or\s+)?([^\W\d_]{3,20} [^\W\d_]{3,20})(?=\s*(?:[,;]|\s(?:and|or)\s))")
_WORD = re.compile(r"[^\W\d_]+")
_BEFORE = re.compile(r"[,;]\s+(?:and\s+|or\s+)?")
_AFTER = re.compile(r"\s*[,;]?\s*(?:and\s+|or\s+)?")


def find_accounts(names: Names) -> list[Mention]:
    """Names as accounts have them: with an @ or underscores."""
    return _found(_ACCOUNT, 0, names)


def find_lower(names: Names) -> list[Mention]:
    """Two words in lower case that stand nowhere else, as an item between names of an enumeration."""
    return [
        mention for mention in _found(_LOWER, 1, names) if mention.name.islower() and _between_names(mention, names)
    ]


def _found(pattern: re.Pattern[str], group: int, names: Names) -> list[Mention]:
    found = []
    for number, text in enumerate(names.texts):
        for match in pattern.finditer(text):
            words = tuple(word.casefold() for word in _WORD.findall(match[group]))
            listed = 3 if re.match(r"\s*(?:,|and\s|or\s)", text[match.end(group) :]) else 1
            found.append(Mention(match[group], words, number, match.start(group), match.end(group), listed))
    return [mention for mention in found if mention.words]


def _between_names(mention: Mention, names: Names) -> bool:
    text = names.texts[mention.passage]
    beside = [other for other in names.mentions if other.passage == mention.passage]
    left = any(_BEFORE.fullmatch(text, other.end, mention.start) for other in beside)
    right = any(_AFTER.fullmatch(text, mention.end, other.start) for other in beside if other.start >= mention.end)
    return left and right and all(_occurrences(word, names.texts) == 1 for word in mention.words)


def _occurrences(word: str, texts: Sequence[str]) -> int:
    return sum(len(re.findall(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.I)) for text in texts)
