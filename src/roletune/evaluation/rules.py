"""Rules that code can check: at most so many words, ends with "sir", in English, as JSON, without a list.

Rules are records of a few types, written in YAML as `{id: short, type: max_words, value: 20}`. A set of rules is
followed if every one of them is; a reply that never came follows none and is counted apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import wilson
from roletune.evaluation.style import EMOJI, word_count, words
from roletune.records import Record, RuleRates

CountType = Literal["max_words", "min_words", "max_sentences", "min_sentences", "sentences", "paragraphs"]
TextType = Literal["contains", "excludes", "starts_with", "ends_with"]
FormatName = Literal[
    "json", "list", "no_list", "one_line", "lower_case", "upper_case", "quoted", "no_emoji", "question"
]
_MARKS = r"[.!?…。！？]"
_LIST = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+\S", re.MULTILINE)
_SCRIPTS = {  # letters that give a language away
    "zh": r"[\u4e00-\u9fff]",
    "ja": r"[\u3040-\u30ff]",
    "ko": r"[\uac00-\ud7a3]",
    "ru": r"[\u0400-\u04ff]",
    "el": r"[\u0370-\u03ff]",
    "ar": r"[\u0600-\u06ff]",
    "he": r"[\u0590-\u05ff]",
}
_SMALL_WORDS = {  # of those that share an alphabet: words that hardly a sentence does without
    "en": "the and is of to in that it you i my not with for was are this have be we your will no me at",
    "de": "der die das und ist nicht ich du ein eine zu den mit es auf sie wir im für von mein dem war sind",
    "fr": "le la les et est de un une je ne pas que vous il en des dans pour mon sur avec ce nous qui au",
    "es": "el la los y es de un una no que en yo mi por con para se lo su está las del al como más",
    "it": "il la di e è che un una non in per io mio con si del sono lo gli le ma della nel al questo",
}


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return pattern


class CountRule(Record):
    """So many words, sentences or paragraphs."""

    id: str
    type: CountType
    value: int = Field(ge=0)


class TextRule(Record):
    """Words that must or must not be there, whatever the case; one of `value` is enough, and none may be there."""

    id: str
    type: TextType
    value: tuple[str, ...] = Field(min_length=1)


class PatternRule(Record):
    """A regular expression that must be found."""

    id: str
    type: Literal["matches"]
    value: Annotated[str, AfterValidator(_compiles)]


class LanguageRule(Record):
    """The language of the reply, by its letters or its small words."""

    id: str
    type: Literal["language"]
    value: Literal["zh", "ja", "ko", "ru", "el", "ar", "he", "en", "de", "fr", "es", "it"]


class FormatRule(Record):
    """How the reply is laid out."""

    id: str
    type: Literal["format"]
    value: FormatName


Rule = Annotated[CountRule | TextRule | PatternRule | LanguageRule | FormatRule, Field(discriminator="type")]
_RULES: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(tuple[Rule, ...])


class Ruled(NamedTuple):
    """A reply and the rules that it was given; None if it never came."""

    reply: str | None
    rules: Sequence[Rule]


def parse_rules(values: object) -> tuple[Rule, ...]:
    """Rules as read from YAML. Raises EvaluationError with every mistake."""
    try:
        return _RULES.validate_python(values)
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise EvaluationError(f"These are no rules: {mistakes}. Write `{{id: ..., type: ..., value: ...}}`.") from error


def follows(rule: Rule, reply: str) -> bool:
    """Whether the reply follows the rule."""
    if isinstance(rule, CountRule):
        return _COUNTS[rule.type](reply, rule.value)
    if isinstance(rule, TextRule):
        return _TEXTS[rule.type](" ".join(reply.casefold().split()), [text.casefold() for text in rule.value])
    if isinstance(rule, PatternRule):
        return re.search(rule.value, reply) is not None
    return _speaks(rule.value, reply) if isinstance(rule, LanguageRule) else _FORMATS[rule.value](reply)


def rate_rules(items: Sequence[Ruled]) -> RuleRates:
    """Per rule and all together. Raises EvaluationError if no reply came, or one was given no rule."""
    answered = [(item.reply, item.rules) for item in items if item.reply is not None]
    if not answered or not all(rules for _, rules in answered):
        raise EvaluationError("There is nothing to check: no reply came, or one was given no rule.")
    outcomes: dict[str, list[bool]] = {}
    every = []
    for reply, rules in answered:
        found = [(rule.id, follows(rule, reply)) for rule in rules]
        for identity, followed in found:
            outcomes.setdefault(identity, []).append(followed)
        every.append(all(followed for _, followed in found))
    return RuleRates(
        per_rule={identity: wilson(sum(found), len(found)) for identity, found in outcomes.items()},
        all_rules=wilson(sum(every), len(every)),
        unanswered=len(items) - len(answered),
    )


def sentence_count(text: str) -> int:
    """Stretches with a word in them between stops; the stop of Mr., Mrs., Dr. and St. ends none."""
    plain = re.sub(r"\b(Mr|Mrs|Ms|Dr|St)\.", r"\1", text)
    return sum(bool(words(part)) for part in re.split(rf"{_MARKS}+(?=[\s\"'”’)\]]|$)|(?<=[。！？])|\n", plain))


def _paragraphs(text: str) -> int:
    return sum(bool(part.strip()) for part in re.split(r"\n\s*\n", text))


def holds(text: str, sought: str) -> bool:
    """Whether a text in lower case has the words, whole where they begin or end with one; Chinese has no word ends."""
    edge = "" if re.search(r"[\u3040-\u9fff]", sought) else r"\b"
    before, after = (edge if re.match(r"\w", char) else "" for char in (sought[0], sought[-1]))
    return re.search(f"{before}{re.escape(sought)}{after}", text) is not None


def _ends(text: str, endings: Sequence[str]) -> bool:
    bare = re.sub(r"[\s.!?…。！？\"'”’]+$", "", text)
    return any(text.endswith(end) or bare.endswith(re.sub(rf"{_MARKS}+$", "", end)) for end in endings)


def _speaks(language: str, reply: str) -> bool:
    if script := _SCRIPTS.get(language):
        letters = re.findall(r"[^\W\d_]", reply)
        kana = language == "zh" and re.search(_SCRIPTS["ja"], reply)
        share = sum(bool(re.match(r"[\u3040-\u9fff]" if language == "ja" else script, each)) for each in letters)
        own = language != "ja" or re.search(script, reply) is not None
        return bool(letters) and share / len(letters) > 0.5 and own and not kana
    said = words(reply)
    scores = {name: sum(word in set(small.split()) for word in said) for name, small in _SMALL_WORDS.items()}
    return bool(said) and scores[language] == max(scores.values()) > 0


def _is_json(reply: str) -> bool:
    try:
        return isinstance(json.loads(reply), dict | list)
    except ValueError:
        return False


_COUNTS: dict[CountType, Callable[[str, int], bool]] = {
    "max_words": lambda reply, n: word_count(reply) <= n,
    "min_words": lambda reply, n: word_count(reply) >= n,
    "max_sentences": lambda reply, n: sentence_count(reply) <= n,
    "min_sentences": lambda reply, n: sentence_count(reply) >= n,
    "sentences": lambda reply, n: sentence_count(reply) == n,
    "paragraphs": lambda reply, n: _paragraphs(reply) == n,
}
_TEXTS: dict[TextType, Callable[[str, Sequence[str]], bool]] = {
    "contains": lambda text, sought: any(holds(text, each) for each in sought),
    "excludes": lambda text, sought: not any(holds(text, each) for each in sought),
    "starts_with": lambda text, sought: text.lstrip("\"'“‘*").startswith(tuple(sought)),
    "ends_with": _ends,
}
_FORMATS: dict[FormatName, Callable[[str], bool]] = {
    "json": _is_json,
    "list": lambda reply: _LIST.search(reply) is not None,
    "no_list": lambda reply: _LIST.search(reply) is None,
    "one_line": lambda reply: "\n" not in reply.strip(),
    "lower_case": lambda reply: reply == reply.lower(),
    "upper_case": lambda reply: reply == reply.upper(),
    "quoted": lambda reply: re.fullmatch(r"\s*[\"“«].*[\"”»]\s*", reply, re.DOTALL) is not None,
    "no_emoji": lambda reply: re.search(EMOJI, reply) is None,
    "question": lambda reply: reply.rstrip().endswith(("?", "？")),
}
