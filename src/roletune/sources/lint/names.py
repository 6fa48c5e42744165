"""Names in prose, without a model: runs of capitalised words, with what stands around them.

For scripts that have capitals; Chinese, Japanese and Korean text gives foreign names written with a middle dot
(阿曼·潘迪) and names in other scripts. A capital at the start of a sentence is no evidence of a name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from roletune.records import Passage

_WORD = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*")
_HAN = r"(?:(?![的有和与及是叫在了被对向给把从到跟同])[\u3400-\u9fff])"  # of names, not of the grammar around them
_DOTTED = re.compile(rf"{_HAN}{{1,8}}(?:[·・]{_HAN}{{1,8}})+")
_POSSESSIVE = re.compile(r"['’](?:s|S)?$")
_PARTICLES = {"of", "the", "de", "da", "do", "dos", "du", "del", "della", "der", "den", "di", "la", "le", "van", "von"}
_PARTICLES |= {"zu", "bin", "ibn", "al", "el", "y"}
_SHORT = {"dr", "mr", "mrs", "ms", "st", "jr", "sr", "prof", "lt", "col", "gen"}
_BEGINS = re.compile(r"(?:^|[.!?:;。！？]['\"”’)\]]*\s+(?:\[\d+\]\s*)*|\]\s*|\n\s*|[\"“‘(\[―—–-]\s*)$")
_AND = r"(?:and|or|und|oder|et|ou|y|o|e|ed|en|och|und|&)"
_GAP = re.compile(rf"^\s*(?:\([^()]{{0,40}}\)\s*)?(?:[,;/、]\s*(?:{_AND}\s+)?|{_AND}\s+|[和与及]\s*)(?:[Tt]he\s+)?$")


@dataclass(frozen=True)
class Mention:
    """A name at one place: `words` of it in lower case, its passage's number and its offsets there."""

    name: str
    words: tuple[str, ...]
    passage: int
    start: int
    end: int
    listed: int = 1  # number of names in the enumeration it stands in


@dataclass(frozen=True)
class Names:
    """Every name of some passages, and the words that also stand there in lower case."""

    texts: tuple[str, ...]
    mentions: tuple[Mention, ...]
    vocabulary: frozenset[str]

    @cached_property
    def counts(self) -> dict[str, int]:
        """In how many mentions a word of a name occurs."""
        found: dict[str, int] = {}
        for mention in self.mentions:
            for word in set(mention.words):
                found[word] = found.get(word, 0) + 1
        return found


def find_names(passages: Sequence[Passage]) -> Names:
    """The names in the passages, in order."""
    texts = tuple(passage.text for passage in passages)
    vocabulary = frozenset(
        word[0].casefold() for text in texts for word in _WORD.finditer(text) if word[0][0].islower()
    )
    mentions = [mention for number, text in enumerate(texts) for mention in _in_text(text, number, vocabulary)]
    certain = {word for mention in mentions if not _starts(mention, texts) for word in mention.words}
    mentions = [_trimmed(mention, certain) if _starts(mention, texts) else mention for mention in mentions]
    # 'Although' at the start of a sentence is a name only if it is one somewhere else.
    certain |= {word for mention in mentions if len(mention.words) > 1 for word in mention.words}
    kept = [mention for mention in mentions if certain.issuperset(mention.words)]
    return Names(texts, tuple(_listed(kept, texts)), vocabulary)


def _starts(mention: Mention, texts: Sequence[str]) -> bool:
    return _begins(texts[mention.passage], mention.start)


def _trimmed(mention: Mention, certain: set[str]) -> Mention:
    """'Later Stark' as 'Stark', where Stark is a name and Later is none."""
    first, *rest = mention.words
    if not rest or first in certain or not certain.issuperset(rest):
        return mention
    name = mention.name.split(maxsplit=1)[-1]
    return replace(mention, name=name, words=tuple(rest), start=mention.end - len(name))


def _begins(text: str, place: int) -> bool:
    """Whether a sentence, a quotation or a line starts at `place`."""
    return bool(_BEGINS.search(text[max(0, place - 30) : place]))


@dataclass
class _Run:
    """Words that may be one name."""

    words: list[re.Match[str]] = field(default_factory=list)
    pending: list[re.Match[str]] = field(default_factory=list)  # particles, part of it if another word follows


def _in_text(text: str, number: int, vocabulary: frozenset[str]) -> list[Mention]:
    runs: list[_Run] = []
    run = _Run()
    for word in _WORD.finditer(text):
        last = run.pending[-1] if run.pending else run.words[-1] if run.words else None
        if last and not _joined(last[0], text[last.end() : word.start()]):
            run = _Run()
        if _is_capital(word[0]):
            if not run.words:
                runs.append(run)
            run.words += [*run.pending, word]
            run.pending = []
        elif run.words and word[0] in _PARTICLES and len(run.pending) < 2:
            run.pending.append(word)
        else:
            run = _Run()
        if _POSSESSIVE.search(word[0]):
            run = _Run()
    found = [mention for run in runs if (mention := _mention(run.words, text, number, vocabulary))]
    found += [Mention(m[0], tuple(re.split("[·・]", m[0])), number, m.start(), m.end()) for m in _DOTTED.finditer(text)]
    return sorted(found, key=lambda mention: mention.start)


def _is_capital(word: str) -> bool:
    return word[0].isupper()


def _joined(word: str, gap: str) -> bool:
    """Whether the gap after `word` can be inside a name: a space, or the dot of an initial or a title."""
    return gap == " " or (gap == ". " and (len(word) == 1 or word.casefold() in _SHORT))


def _mention(words: list[re.Match[str]], text: str, number: int, vocabulary: frozenset[str]) -> Mention | None:
    """The run as a name; the word that starts a sentence is left away if it is an ordinary one."""
    first = words[0]
    if len(words) > 1 and first[0].casefold() in vocabulary and _begins(text, first.start()):
        words = words[1:]
        while words and not _is_capital(words[0][0]):
            words = words[1:]
    if not words:
        return None
    start = words[0].start()
    end = words[-1].end() - len(match[0] if (match := _POSSESSIVE.search(words[-1][0])) else "")
    plain = tuple(
        _POSSESSIVE.sub("", word[0]).casefold() for word in words if word[0] not in _PARTICLES and len(word[0]) > 1
    )
    return Mention(text[start:end], plain, number, start, end) if plain else None


def _listed(mentions: Sequence[Mention], texts: Sequence[str]) -> list[Mention]:
    """The mentions with the length of the enumeration each stands in: names with nothing but commas between them."""
    chains: list[list[Mention]] = []
    for mention in mentions:
        last = chains[-1][-1] if chains else None
        if last and last.passage == mention.passage and _GAP.match(texts[last.passage][last.end : mention.start]):
            chains[-1].append(mention)
        else:
            chains.append([mention])
    return [replace(one, listed=len(chain)) for chain in chains for one in chain]
