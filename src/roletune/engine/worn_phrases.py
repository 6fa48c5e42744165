"""Worn phrases (`slop.yaml`): each may stand in good prose, many of them in a few lines are a model's habit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from roletune.engine.duplicates import count_words


def worn_phrases(text: str, language: str, others: Sequence[str] = ()) -> list[str]:
    """Those of a text in their order, as often as they occur; in a phrase, `*` is any one word."""
    return [match.group() for match in _pattern(language, tuple(others)).finditer(text)]


def worn_share(text: str, language: str, others: Sequence[str] = ()) -> float:
    """Worn phrases per 100 words; characters where the script has no spaces."""
    return 100 * len(worn_phrases(text, language, others)) / max(1, count_words(text))


def has_list(language: str) -> bool:
    """Whether there is a list for the language; without one, only a user's own phrases are found."""
    return _code(language) in _listed()


def _code(language: str) -> str:
    return language.split("-")[0].casefold()


@cache
def _pattern(language: str, others: tuple[str, ...]) -> re.Pattern[str]:
    """The phrases of the list, those that are in none (another language's) being the users' own alone."""
    phrases = (*_listed().get(_code(language), ()), *others)
    told = "|".join(_expression(phrase) for phrase in sorted(phrases, key=len, reverse=True))
    return re.compile(told or r"(?!)", re.I)


def _expression(phrase: str) -> str:
    """Words with any space between them and either apostrophe, `*` for any one word."""
    words = [r"[\w'’]+" if word == "*" else re.escape(word).replace("'", "['’]") for word in phrase.split()]
    told = r"\s+".join(words)
    return rf"\b{told}\b" if phrase.isascii() else told


@cache
def _listed() -> dict[str, list[str]]:
    import yaml

    listed: dict[str, list[str]] = yaml.safe_load(files("roletune.engine").joinpath("slop.yaml").read_text("utf-8"))
    return listed
