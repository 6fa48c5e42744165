"""What generated text gives away by its words, in English and Chinese: an assistant, a refusal, talk of the scene."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from roletune.engine.duplicates import spaced, word_list

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
