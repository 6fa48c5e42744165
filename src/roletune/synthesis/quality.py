"""Which generated dialogues are kept: filters with reasons, each a function of a dialogue and its profile.

A filter returns what is wrong, or '' . The first reason counts; every rejected dialogue goes to a file with it. The
filters are for generated text: what people wrote is theirs to judge (`roletune show`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from roletune.engine.duplicates import count_words, jaccard, word_list, words_of
from roletune.records import Dialogue, Profile, Turn


class QualitySettings(BaseModel):
    """What a generated dialogue must be like."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_turns: int = Field(default=4, ge=2, description="spoken turns")
    min_own_turns: int = Field(default=2, ge=1, description="spoken turns of the character")
    min_words: int = Field(default=3, description="mean words of the character's turns; of Chinese, characters")
    max_words: int = Field(default=90, description="words of any turn")
    max_turns: int = Field(default=24, description="spoken turns")
    repetition: float = Field(default=0.7, description="word overlap from which two turns count as the same")


_ASSISTANT = re.compile(
    r"\b(as an? (ai|artificial intelligence)( language)? (model|assistant)|language model"
    r"|how (can|may) i (help|assist) you|i(['’]m| am) here to (help|assist)|(let me know|feel free) (if|to ask)"
    r"|i (can(no|['’])t|am unable to) (fulfill?|generate|comply))\b",
    re.I,
)
_SCENE_TALK = re.compile(r"\b(the scene|screenplay|scriptwriter|in this dialogue|fade (in|out)|cut to)\b", re.I)
_END = (".", "!", "?", "…", '"', "”", "'", "’", ")", "*", "。", "！", "？")

Filter = Callable[[Dialogue, Profile, QualitySettings], str]


def judge(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """The first reason not to keep a dialogue, '' if there is none."""
    return next((reason for check in FILTERS if (reason := check(dialogue, profile, settings))), "")


def wrong_number(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """Too few or too many spoken turns, or too few by the character."""
    speech = _speech(dialogue)
    own = [turn for turn in speech if profile.is_me(turn.speaker)]
    if len(own) < settings.min_own_turns:
        return "too few turns of the character"
    if len(speech) < settings.min_turns:
        return "too few turns"
    return "too many turns" if len(speech) > settings.max_turns else ""


def monologue(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """Nobody else speaks."""
    return "" if any(not profile.is_me(turn.speaker) for turn in _speech(dialogue)) else "nobody else speaks"


def wrong_length(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """Turns that run on, or a character of one-word answers."""
    words = [count_words(turn.text) for turn in _speech(dialogue)]
    own = [count_words(turn.text) for turn in _speech(dialogue) if profile.is_me(turn.speaker)]
    if max(words) > settings.max_words:
        return "a turn is too long"
    return "the character says too little" if sum(own) / len(own) < settings.min_words else ""


def assistant_speak(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """The model speaks as itself."""
    return "assistant-speak" if any(_ASSISTANT.search(turn.text) for turn in dialogue.turns) else ""


def scene_talk(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """Talk about the scene instead of talk in it."""
    return "talks about the scene" if any(_SCENE_TALK.search(turn.text) for turn in dialogue.turns) else ""


def third_person(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """The character speaks of itself by name in most of its turns."""
    own = [turn.text for turn in _speech(dialogue) if profile.is_me(turn.speaker)]
    named = sum(1 for text in own if re.search(rf"(?<!\w){re.escape(profile.name)}(?!\w)", text))
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
    return "goes in circles" if any(goes_in_circles(turn.text) for turn in speech) else ""


def one_sided(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """Three turns in a row by one speaker: nobody answers."""
    speakers = [turn.speaker for turn in _speech(dialogue)]
    runs = zip(speakers, speakers[1:], speakers[2:], strict=False)
    return "one speaker goes on and on" if any(a == b == c for a, b, c in runs) else ""


def cut_off(dialogue: Dialogue, profile: Profile, settings: QualitySettings) -> str:
    """The last turn has no end. An action is read only when its mark is closed, so it is whole."""
    last = dialogue.turns[-1]
    return "" if last.kind == "action" or last.text.rstrip().endswith(_END) else "cut off"


FILTERS: tuple[Filter, ...] = (
    wrong_number,
    monologue,
    wrong_length,
    assistant_speak,
    scene_talk,
    third_person,
    repetition,
    one_sided,
    cut_off,
)


def _speech(dialogue: Dialogue) -> list[Turn]:
    return [turn for turn in dialogue.turns if turn.kind == "speech"]


def goes_in_circles(text: str) -> bool:
    """Whether some run of four words occurs three times."""
    words = word_list(text)
    runs = Counter(tuple(words[i : i + 4]) for i in range(len(words) - 3))
    return max(runs.values(), default=0) >= 3
