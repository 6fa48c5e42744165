"""In which language a text is, roughly: its script, and for Latin and Cyrillic letters a vote of function words.

Enough to notice another language; ten words or ten characters of another script decide nothing. The words are in
`function_words.yaml`.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from importlib.resources import files

MIN_WORDS = 20  # of a text whose language is told; characters of a script without spaces
_CLEAR = 1.5  # times as many votes as the second language
_SHARE = 0.12  # of the words must vote
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = {
    "ja": re.compile(r"[\u3040-\u30ff]"),  # before Chinese: Japanese has both
    "ko": re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"),
    "zh": re.compile(r"[\u3400-\u9fff\uf900-\ufaff]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "el": re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
}


def language_of(text: str) -> str:
    """Its two-letter code; '' if it is short or undecided."""
    letters = sum(character.isalpha() for character in text) or 1
    for language, script in _SCRIPTS.items():
        # A few kana decide for Japanese, whose other half looks like Chinese.
        if len(script.findall(text)) / letters > (0.1 if language == "ja" else 0.4):
            return language if letters >= MIN_WORDS else ""
    words = [word.casefold() for word in _WORD.findall(text)]
    if len(words) < MIN_WORDS:
        return ""
    votes = Counter(language for word in words for language in _languages().get(word, ()))
    (first, most), (_, second) = (*votes.most_common(2), ("", 0), ("", 0))[:2]
    return first if most >= _SHARE * len(words) and most >= _CLEAR * second else ""


def known_languages() -> frozenset[str]:
    """The two-letter codes that `language_of` can tell."""
    return frozenset(_SCRIPTS) | {language for languages in _languages().values() for language in languages}


@cache
def _languages() -> dict[str, tuple[str, ...]]:
    """Function word -> the languages that have it."""
    import yaml

    listed = yaml.safe_load(files("roletune.engine").joinpath("function_words.yaml").read_text("utf-8"))
    found: dict[str, tuple[str, ...]] = {}
    for language, words in listed.items():
        for word in words.split():
            found[word] = (*found.get(word, ()), language)
    return found
