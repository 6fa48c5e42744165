"""Distinct pairs of words of several entries: a figure of all replies together, not of single ones.

Of the pairs of words in all replies, the share that are distinct (distinct-2, Li et al. 2016). The intervals are
jackknives that leave out one question at a time, in a difference on both sides at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from roletune.evaluation.bootstrap import Z95
from roletune.evaluation.estimates import jackknife, standard_error
from roletune.evaluation.memorisation import distinct, distinct_without
from roletune.evaluation.paired import Tested
from roletune.evaluation.style import words
from roletune.records import Estimate

PAIR = 2  # words


def diversity(texts: Sequence[str]) -> Estimate | None:
    """The share of one entry's replies; None for fewer than two replies with a pair of words."""
    said = [spoken for text in texts if len(spoken := words(text)) >= PAIR]
    return jackknife(distinct(said, PAIR), distinct_without(said, PAIR)) if len(said) > 1 else None


def diversity_difference(mine: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[Tested, int] | None:
    """Mine minus theirs over the questions that both answered with a pair of words or more, and how many those are."""
    both = [(words(mine[item]), words(theirs[item])) for item in mine if item in theirs]
    both = [(a, b) for a, b in both if min(len(a), len(b)) >= PAIR]
    if len(both) < 2:
        return None
    first, second = [a for a, _ in both], [b for _, b in both]
    value = distinct(first, PAIR) - distinct(second, PAIR)
    without = [a - b for a, b in zip(distinct_without(first, PAIR), distinct_without(second, PAIR), strict=True)]
    error = standard_error(without)
    p = math.erfc(abs(value) / error / math.sqrt(2)) if error else 1.0  # nothing varies: nothing is known
    return Tested(value, value - Z95 * error, value + Z95 * error, p), len(both)
