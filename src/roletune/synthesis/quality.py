"""Which generated dialogues are kept: filters with reasons, each a function of a dialogue and its profile.

A filter returns what is wrong, or '' . The first reason counts; every rejected dialogue goes to a file with it. The
filters are for generated text: what people wrote is theirs to judge (`roletune show`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from roletune.engine.duplicates import count_words, jaccard, spaced, words_of
from roletune.engine.languages import known_languages, language_of
from roletune.engine.worn_phrases import worn_share
from roletune.records import Dialogue, Profile, Turn
from roletune.synthesis.wording import (
    goes_in_circles,
    refuses,
    speaks_as_assistant,
    talks_about_scene,
)


class AnswerQuality(BaseModel):
    """What any generated text must be like."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_words: int = Field(default=90, description="words of any turn; of Chinese, characters")
    slop: float | None = Field(default=2.0, gt=0, description="worn phrases per 100 words that are too many")
    slop_phrases: tuple[str, ...] = Field(default=(), description="worn phrases beside those of `slop.yaml`")
    any_language: bool = Field(default=False, description="keep what is in another language than the character's")


class QualitySettings(AnswerQuality):
    """What a generated dialogue must be like."""

    min_turns: int = Field(default=4, ge=2, description="spoken turns")
    min_own_turns: int = Field(default=2, ge=1, description="spoken turns of the character")
    min_words: int = Field(default=3, description="mean words of the character's turns; of Chinese, characters")
    max_turns: int = Field(default=24, description="spoken turns")
    repetition: float = Field(default=0.7, description="word overlap from which two turns count as the same")


_FIRST_PERSON = {
    "en": re.compile(r"\b(I|me|my|mine|myself|we|us|our|ours)\b", re.I),
    "zh": re.compile("[我吾俺咱余朕]|在下"),
}
_END = (".", "!", "?", "…", '"', "”", "'", "’", ")", "*", "。", "！", "？", "」", "』", "）")

Filter = Callable[[Dialogue, Profile, QualitySettings], str]
AnswerFilter = Callable[[Dialogue, Profile, AnswerQuality], str]


def judge(dialogue: Dialogue, profile: Profile, settings: AnswerQuality) -> str:
    """The first reason not to keep it, '' if there is none; a single exchange has no turns to count or compare."""
    if isinstance(settings, QualitySettings):
        return next((reason for check in FILTERS if (reason := check(dialogue, profile, settings))), "")
    return next((reason for check in ANSWER_FILTERS if (reason := check(dialogue, profile, settings))), "")


def wrong_number(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """Too few or too many spoken turns, or too few by the character."""
    speech = _speech(dialogue)
    own = _own(dialogue, profile)
    if len(own) < settings.min_own_turns:
        return "too few turns of the character"
    if len(speech) < settings.min_turns:
        return "too few turns"
    return "too many turns" if len(speech) > settings.max_turns else ""


def monologue(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """Nobody else speaks."""
    return "" if any(not profile.is_me(turn.speaker) for turn in _speech(dialogue)) else "nobody else speaks"


def too_long(dialogue: Dialogue, profile: Profile, settings: AnswerQuality) -> str:
    """A turn that runs on."""
    return "a turn is too long" if any(count_words(t.text) > settings.max_words for t in _speech(dialogue)) else ""


def too_little(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """A character of one-word answers."""
    words = [count_words(turn.text) for turn in _own(dialogue, profile)]
    return "the character says too little" if sum(words) / len(words) < settings.min_words else ""


def assistant_speak(dialogue: Dialogue, profile: Profile, settings: AnswerQuality) -> str:
    """The model speaks as itself; in a protective dialogue, others may take the character for one."""
    turns = _own(dialogue, profile) if dialogue.purpose == "protective" else dialogue.turns
    return "assistant-speak" if any(speaks_as_assistant(turn.text) for turn in turns) else ""


def refusal(dialogue: Dialogue, profile: Profile, settings: AnswerQuality) -> str:
    """The model won't write this."""
    return "a refusal" if any(refuses(turn.text) for turn in dialogue.turns) else ""


def scene_talk(dialogue: Dialogue, profile: Profile, settings: AnswerQuality) -> str:
    """Talk about the scene instead of talk in it."""
    return "talks about the scene" if any(talks_about_scene(turn.text) for turn in dialogue.turns) else ""


def wrong_language(dialogue: Dialogue, profile: Profile, settings: AnswerQuality) -> str:
    """The character, or the whole dialogue, speaks another language; one that can't be told apart is not judged."""
    language = profile.language.split("-")[0].casefold()
    if settings.any_language or language not in known_languages():
        return ""
    for turns in (_own(dialogue, profile), _speech(dialogue)):
        if language_of(" ".join(turn.text for turn in turns)) not in ("", language):
            return "another language"
    return ""


def slop(dialogue: Dialogue, profile: Profile, settings: AnswerQuality) -> str:
    """Worn phrases in what is said, thought and done, too many for its length."""
    text = " ".join(turn.text for turn in dialogue.turns)
    most = settings.slop
    if most is not None and worn_share(text, profile.language, settings.slop_phrases) >= most:
        return "worn phrases"
    return ""


def third_person(dialogue: Dialogue, profile: Profile, settings: AnswerQuality) -> str:
    """The character speaks of itself by name in most of its turns, and not in the first person as well."""
    own, name = _own(dialogue, profile), dialogue.me or profile.name
    first = _FIRST_PERSON.get(profile.language.split("-")[0].casefold())
    if first is None and len(own) == 1:  # "I am JARVIS" in a language whose "I" is not known
        return ""
    called = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)" if spaced(name) else re.escape(name))
    named = sum(1 for turn in own if called.search(turn.text) and not (first and first.search(turn.text)))
    return "the character speaks of itself by name" if named > len(own) / 2 else ""


def repetition(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """Turns that say the same, or one that goes in circles."""
    speech = _speech(dialogue)
    said = Counter(" ".join(sorted(words_of(turn.text))) for turn in speech)
    if max(said.values()) > 2:  # "Indeed." may come twice
        return "repeats itself"
    sets = [words_of(turn.text) for turn in speech]
    pairs = ((a, b) for i, a in enumerate(sets) for b in sets[:i] if min(len(a), len(b)) > 3)
    if any(jaccard(a, b) >= settings.repetition for a, b in pairs):
        return "repeats itself"
    return circles(dialogue, profile, settings)


def circles(dialogue: Dialogue, profile: Profile, settings: AnswerQuality) -> str:
    """A turn that goes in circles."""
    return "goes in circles" if any(goes_in_circles(turn.text) for turn in _speech(dialogue)) else ""


def one_sided(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """Three turns in a row by one speaker: nobody answers."""
    speakers = [turn.speaker for turn in _speech(dialogue)]
    runs = zip(speakers, speakers[1:], speakers[2:], strict=False)
    return "one speaker goes on and on" if any(a == b == c for a, b, c in runs) else ""


def cut_off(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """The last turn has no end. An action is read only when its mark is closed, so it is whole."""
    last = dialogue.turns[-1]
    return "" if last.kind == "action" or last.text.rstrip().endswith(_END) else "cut off"


ANSWER_FILTERS: tuple[AnswerFilter, ...] = (
    too_long,
    assistant_speak,
    refusal,
    scene_talk,
    wrong_language,
    third_person,
    circles,
    slop,
)

FILTERS: tuple[Filter, ...] = (
    wrong_number,
    monologue,
    too_long,
    too_little,
    assistant_speak,
    refusal,
    scene_talk,
    wrong_language,
    third_person,
    repetition,
    one_sided,
    cut_off,
    slop,
)


def _speech(dialogue: Dialogue) -> list[Turn]:
    return [turn for turn in dialogue.turns if turn.kind == "speech"]


def _own(dialogue: Dialogue, profile: Profile) -> list[Turn]:
    """Spoken turns of whom the dialogue is about: the character, but for rows of another role."""
    return [
        turn
        for turn in _speech(dialogue)
        if (turn.speaker == dialogue.me if dialogue.me else profile.is_me(turn.speaker))
    ]
