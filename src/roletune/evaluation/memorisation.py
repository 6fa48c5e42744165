"""Memorisation and diversity: how much of what is said was copied from training rows, and how much is said again.

A run is a sequence of words (case and punctuation aside) that stands in a training row as well. Stock phrases make
short runs, so copying is counted in runs of `GRAM` words. Diversity is over all replies of one contestant together;
its interval is a jackknife that leaves out one reply at a time, since a bootstrap would draw replies twice and find
repetition that it made itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from roletune.errors import EvaluationError
from roletune.evaluation.estimates import estimate_mean, jackknife
from roletune.evaluation.style import words
from roletune.records import CopyReport, Estimate

GRAM = 8  # words: shorter runs are often anybody's phrases
SEED_WORDS = 3  # the shortest run that is looked for
REPEATED = 4  # words of a run that counts as said again in another reply

Gram = tuple[str, ...]


@dataclass(frozen=True)
class Copied:
    """One reply: `share` of its runs of `GRAM` words that training rows hold (None: it is shorter), the longest run."""

    share: float | None
    longest: int
    passage: str


class TrainingText:
    """Training rows, indexed so that runs are found in time proportional to the reply."""

    def __init__(self, rows: Sequence[str]) -> None:
        self._words: list[str] = []
        self._places: defaultdict[Gram, list[int]] = defaultdict(list)
        self._grams: set[Gram] = set()
        for row in dict.fromkeys(rows):
            self._add(words(row))

    def _add(self, row: list[str]) -> None:
        start = len(self._words)
        self._words += [*row, ""]  # no run goes on into the next row
        for gram in _grams(row, SEED_WORDS):
            self._places[gram].append(start)
            start += 1
        self._grams |= set(_grams(row, GRAM))

    def copied(self, reply: str) -> Copied:
        """What of the reply stands in a row."""
        said = words(reply)
        grams = _grams(said, GRAM)
        share = sum(gram in self._grams for gram in grams) / len(grams) if grams else None
        length, start = self._longest(said)
        return Copied(share, length, " ".join(said[start : start + length]))

    def _longest(self, said: Sequence[str]) -> tuple[int, int]:
        """Length and start of the longest run; 0 for one shorter than `SEED_WORDS`."""
        best = (0, 0)
        for start, gram in enumerate(_grams(said, SEED_WORDS)):
            for place in self._places.get(gram, ()):
                if start and said[start - 1] == self._words[place - 1]:
                    continue  # part of a run that was measured from its beginning
                best = max(best, (self._run(said, start, place), start), key=lambda found: found[0])
        return best

    def _run(self, said: Sequence[str], start: int, place: int) -> int:
        length = SEED_WORDS
        while start + length < len(said) and said[start + length] == self._words[place + length]:
            length += 1
        return length


def distinct(replies: Sequence[Sequence[str]], n: int) -> float:
    """Distinct runs of `n` words over all of them (distinct-n, Li et al. 2016). Long texts score lower by nature."""
    grams = list(chain.from_iterable(_grams(reply, n) for reply in replies))
    return len(set(grams)) / len(grams) if grams else 0.0


def distinct_without(replies: Sequence[Sequence[str]], n: int) -> list[float]:
    """`distinct` of all replies but one, for each that is left out; in one pass over them."""
    each = [Counter(_grams(reply, n)) for reply in replies]
    holders = Counter(chain.from_iterable(each))  # of each run, the replies that have it
    total = sum(counts.total() for counts in each)
    found = []
    for counts in each:
        left = total - counts.total()
        gone = sum(holders[gram] == 1 for gram in counts)
        found.append((len(holders) - gone) / left if left else 0.0)
    return found


def said_again(replies: Sequence[Sequence[str]]) -> list[float]:
    """Per reply that is long enough, the share of its runs of `REPEATED` words that another reply holds too."""
    each = [_grams(reply, REPEATED) for reply in replies]
    holders = Counter(chain.from_iterable(set(grams) for grams in each))
    return [sum(holders[gram] > 1 for gram in grams) / len(grams) for grams in each if grams]


def measure_copying(replies: Sequence[str], training: TrainingText, *, resamples: int = 10_000) -> CopyReport:
    """One contestant. Raises EvaluationError without a reply that has a word in it."""
    spoken = [reply for reply in replies if words(reply)]
    if not spoken:
        raise EvaluationError("There are no replies to look for copied passages in. Ask the questions first.")
    found = [training.copied(reply) for reply in spoken]
    shares = [one.share for one in found if one.share is not None]
    said = [words(reply) for reply in spoken]
    again = said_again(said)
    longest = max(found, key=lambda one: one.longest)
    return CopyReport(
        copied=_mean(shares, resamples),
        longest=estimate_mean([float(one.longest) for one in found], resamples=resamples),
        passage=longest.passage,
        passage_words=longest.longest,
        distinct=jackknife(distinct(said, 2), distinct_without(said, 2)) if len(said) > 1 else None,
        repeated=_mean(again, resamples),
    )


def _mean(values: Sequence[float], resamples: int) -> Estimate | None:
    return estimate_mean(values, resamples=resamples) if values else None


def _grams(said: Sequence[str], n: int) -> list[Gram]:
    return [tuple(said[k : k + n]) for k in range(len(said) - n + 1)]
