"""Catchphrases without a model: phrases that the character says again and again, and others don't.

Every run of one to ten words in the character's lines is tested against everybody else's lines with the log-likelihood
ratio G² (Dunning 1993; Rayson and Garside 2000 for comparing corpora), which holds for the small counts that
catchphrases have. A phrase must come in several scenes, often enough between commas or stops, and is given in its
longest form: 'at your service' without 'your service'. No list of words, so any language; Chinese counts by character.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field

from roletune.records import Dialogue, Profile

_CJK = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:['’-][^\W_{_CJK}]+)*")
_STOP = re.compile(r"[.!?;:…。！？；：\n\"“”()*—–]")
_PAUSE = re.compile(r"[^\s\w]")

Gram = tuple[str, ...]


class CatchphraseSettings(BaseModel):
    """What counts as a catchphrase."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(default=12, ge=0, description="phrases to give")
    min_scenes: int = Field(default=3, ge=1, description="scenes in which it must come")
    longest: int = Field(default=10, ge=1, description="words")
    significance: float = Field(default=6.63, ge=0, description="G² of a phrase: 6.63 is p < 0.01 for one degree")
    one_word: float = Field(default=15.13, ge=0, description="G² of a single word: p < 0.0001")
    clause: float = Field(default=0.3, ge=0, le=1, description="share of its places at which it is a clause of its own")
    merge: float = Field(default=0.6, gt=0, le=1, description="share inside a longer phrase from which it is that one")


@dataclass(frozen=True)
class Catchphrase:
    """A phrase as it is mostly written; `score` is its G², `others` how often everybody else says it."""

    text: str
    count: int
    scenes: int
    others: int
    score: float


@dataclass
class _Use:
    """Where the character says a phrase."""

    count: int = 0
    alone: int = 0
    scenes: set[str] = field(default_factory=set)
    forms: Counter[str] = field(default_factory=Counter)


def find_catchphrases(
    dialogues: Sequence[Dialogue], profile: Profile, settings: CatchphraseSettings | None = None
) -> tuple[Catchphrase, ...]:
    """The most telling phrases of the character's authentic lines; of the written ones if none are authentic.

    Give it the dialogues of the train split: what goes into a profile or a prompt must not come from held-out scenes.
    """
    settings = settings or CatchphraseSettings()
    heard = [one for one in dialogues if one.origin == "authentic"] or [
        one for one in dialogues if one.origin == "written"
    ]
    own, others, sizes = _count(heard, profile, settings)
    names = {word for one in heard for turn in one.turns for word in _plain(turn.speaker)}
    scored = {
        gram: _g2(use.count, others[gram], sizes[len(gram)])
        for gram, use in own.items()
        if len(use.scenes) >= settings.min_scenes and not names.issuperset(gram) and _is_clause(use, settings)
    }
    telling = {
        gram: score
        for gram, score in scored.items()
        if score >= (settings.significance if len(gram) > 1 else settings.one_word)
    }
    kept = [gram for gram in telling if not _is_part(gram, telling, own, settings)]
    kept.sort(key=lambda gram: (-telling[gram], gram))
    return tuple(_phrase(own[gram], others[gram], telling[gram]) for gram in kept[: settings.count])


def _count(
    dialogues: Sequence[Dialogue], profile: Profile, settings: CatchphraseSettings
) -> tuple[dict[Gram, _Use], Counter[Gram], dict[int, tuple[int, int]]]:
    """Uses by the character, counts of everybody else, and by length the number of phrases of both."""
    own: dict[Gram, _Use] = defaultdict(_Use)
    others: Counter[Gram] = Counter()
    sizes: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for dialogue in dialogues:
        for turn in dialogue.turns:
            if turn.kind == "speech":
                mine = profile.is_me(turn.speaker)
                for gram, form, alone in _grams(turn.text, settings.longest):
                    sizes[len(gram)][0 if mine else 1] += 1
                    if not mine:
                        others[gram] += 1
                        continue
                    use = own[gram]
                    use.count += 1
                    use.alone += alone
                    use.scenes.add(dialogue.scene.id)
                    use.forms[form] += 1
    return own, others, {length: (a, b) for length, (a, b) in sizes.items()}


def _grams(text: str, longest: int) -> Iterator[tuple[Gram, str, bool]]:
    """Every run of words inside a sentence: the words, the text, and whether it is a clause of its own."""
    words = list(_WORD.finditer(text))
    plain = [word[0].casefold().replace("’", "'") for word in words]
    gaps = ["", *(text[a.end() : b.start()] for a, b in pairwise(words)), ""]
    pause = [True, *(bool(_PAUSE.search(gap)) for gap in gaps[1:-1]), True]
    stop = [bool(_STOP.search(gap)) for gap in gaps]
    for first in range(len(words)):
        for last in range(first, min(len(words), first + longest)):
            if last > first and stop[last]:
                break
            form = text[words[first].start() : words[last].end()]
            yield tuple(plain[first : last + 1]), form, pause[first] and pause[last + 1]


def _g2(own: int, others: int, size: tuple[int, int]) -> float:
    """Log-likelihood ratio of two rates; 0 where the character does not say it more often than others."""
    mine, theirs = size
    expected = mine * (own + others) / (mine + theirs)
    if own <= expected:
        return 0.0
    rest = theirs * (own + others) / (mine + theirs)
    return 2 * (own * math.log(own / expected) + (others * math.log(others / rest) if others else 0.0))


def _is_clause(use: _Use, settings: CatchphraseSettings) -> bool:
    return use.alone >= settings.clause * use.count


def _is_part(gram: Gram, telling: dict[Gram, float], own: dict[Gram, _Use], settings: CatchphraseSettings) -> bool:
    """Whether the phrase comes mostly inside a longer one."""
    return any(
        len(longer) > len(gram)
        and own[longer].count >= settings.merge * own[gram].count
        and any(longer[i : i + len(gram)] == gram for i in range(len(longer) - len(gram) + 1))
        for longer in telling
    )


def _phrase(use: _Use, others: int, score: float) -> Catchphrase:
    text = max(use.forms, key=lambda form: (use.forms[form], form))
    return Catchphrase(" ".join(text.split()), use.count, len(use.scenes), others, round(score, 2))


def _plain(name: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(name)]
