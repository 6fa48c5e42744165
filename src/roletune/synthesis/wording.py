"""What generated text gives away by its words, in English and Chinese: an assistant, a refusal, talk about the scene.

And worn phrases (`slop.yaml`): each may stand in good prose, many of them in a few lines are a model's habit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from roletune.engine.duplicates import count_words, spaced, word_list

_ASSISTANT = re.compile(
    r"\b(as an? (ai|artificial intelligence)( language)? (model|assistant)|language model"
    r"|how (can|may) i (help|assist) you|i(['’]m| am) here to (help|assist)|(let me know|feel free) (if|to ask))\b"
    r"|作为(一个|一名|一款)?(ai|人工智能|大?型?语言模型)|语言模型|(有什么|怎样|如何)我?(可以|能)帮(您|你|助)",
    re.I,
)
# What a character can't do is its own affair ("I can't help you, sir"); these are the words of models.
_REFUSAL = re.compile(
    r"\bi (can(no|['’])t|am unable to|won['’]t be able to) (fulfill?|generate|comply|create (content|that|this)"
    r"|provide (that|this|explicit)|continue with (that|this))\b"
    r"|\b(assist|help)( you)? with (that|this|your) request\b"
    r"|\b(violates?|against) (my|our|the) (content )?(guidelines|polic(y|ies))\b"
    r"|(抱歉|对不起)[，,]?我(不能|无法)(满足|完成|协助|提供|生成|创作|继续)|(无法|不能)(满足|完成|回应)(您|你)的(请求|要求)",
    re.I,
)
_SCENE_TALK = re.compile(
    r"\b(the scene|screenplay|scriptwriter|in this dialogue|fade (in|out)|cut to)\b"
    r"|剧本|编剧|这(一幕|场戏|段对话)|(画面)?淡[入出]",
    re.I,
)


def speaks_as_assistant(text: str) -> bool:
    """Whether a model speaks as itself."""
    return bool(_ASSISTANT.search(text))


def refuses(text: str) -> bool:
    """Whether a model says that it won't write this."""
    return bool(_REFUSAL.search(text))


def talks_about_scene(text: str) -> bool:
    """Whether this is talk about the scene instead of talk in it."""
    return bool(_SCENE_TALK.search(text))


def goes_in_circles(text: str) -> bool:
    """Whether four words in a row occur three times, or seven twice; twice as many characters without spaces."""
    words, each = word_list(text), 1 if spaced(text) else 2
    return any(_times(words, each * length) >= times for length, times in ((4, 3), (7, 2)))


def _times(words: Sequence[str], length: int) -> int:
    """How often the most frequent run of this length occurs."""
    runs = Counter(tuple(words[i : i + length]) for i in range(len(words) - length + 1))
    return max(runs.values(), default=0)


def worn_phrases(text: str, language: str, others: Sequence[str] = ()) -> list[str]:
    """Those of a text in their order, as often as they occur; in a phrase, `*` is any one word."""
    return [match.group() for match in _pattern(language, tuple(others)).finditer(text)]


def worn_share(text: str, language: str, others: Sequence[str] = ()) -> float:
    """Worn phrases per 100 words; characters where the script has no spaces."""
    return 100 * len(worn_phrases(text, language, others)) / max(1, count_words(text))


@cache
def _pattern(language: str, others: tuple[str, ...]) -> re.Pattern[str]:
    """The phrases of the list, those that are in none (another language's) being the users' own alone."""
    phrases = (*_listed().get(language.split("-")[0].casefold(), ()), *others)
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

    listed: dict[str, list[str]] = yaml.safe_load(files("roletune.synthesis").joinpath("slop.yaml").read_text("utf-8"))
    return listed
