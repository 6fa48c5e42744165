"""Style authenticity: whether lines can be told to be the character's, by a classifier that learnt from real lines.

Logistic regression on character n-grams (two to four letters, within words), trained on the character's authentic and
written lines against those of everybody else in the same scenes. Names are taken out first: who is addressed must not
give away who speaks. How well that works is measured on scenes that were left out (grouped folds), as the area under
the ROC curve with an interval resampled by scene; a voice that can't be told apart there tells nothing about replies.

The same regression on sentence embeddings asks whether the character is known by what it says rather than by how it
spells it; both figures are shown.

Replies are read between two marks: the share of the character's own left-out lines that are taken for the
character's, and that of other people's lines. A reply in nobody's manner may be taken for either: a polite assistant
may pass for a butler. So the base model's own replies are a third mark.
"""

from __future__ import annotations

import random
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import quantile, wilson
from roletune.evaluation.style import words
from roletune.records import Estimate, Rate, VoiceClassifier

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]
    Vector = NDArray[np.float32]

Embed = Callable[[Sequence[str]], "Matrix"]
"""Texts as vectors of length 1."""

FEATURES = 4096  # hashed n-grams
FOLDS = 5
STEPS = 150  # of accelerated gradient descent: the loss has settled long before
PENALTY = 1e-3
MOST_LINES = 4000  # of which a matrix of 64 MB is made
LEAST_LINES, LEAST_SCENES = 20, 4  # of each side; below, folds are too small to learn from


class Line(NamedTuple):
    """A spoken line; lines of one scene are never in different folds."""

    text: str
    scene: str
    own: bool


@dataclass(frozen=True)
class Voice:
    """A trained classifier: `weights` of the hashed n-grams, `rarity` their inverse document frequencies."""

    weights: Vector
    rarity: Matrix
    names: frozenset[str]
    embed: Embed | None = None  # None: n-grams

    def scores(self, texts: Sequence[str]) -> Vector:
        """Log-odds that each is the character's; above 0 it is taken for the character's."""
        return self.scores_of(_features(texts, self.names, self.embed))

    def scores_of(self, counts: Matrix) -> Vector:
        """The same for texts whose features are there already."""
        found: Vector = _normalised(counts, self.rarity) @ self.weights[:-1] + self.weights[-1]
        return found


def learn_voice(lines: Sequence[Line], names: Collection[str], embed: Embed | None = None) -> Voice:
    """A classifier from all lines, on n-grams or on embeddings. Raises EvaluationError for lines of one side."""
    import numpy as np

    own = np.array([line.own for line in lines], dtype=bool)
    if not own.any() or own.all():
        raise EvaluationError("A voice is learnt from the character's lines and other people's. One side is missing.")
    return _learnt(_features([line.text for line in lines], names, embed), own, names, embed)


def measure_voice(
    lines: Sequence[Line],
    names: Collection[str],
    embed: Embed | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> VoiceClassifier | None:
    """How well the voice is told apart in scenes that were left out; None where there are too few lines or scenes."""
    import numpy as np

    lines = some_lines(lines, seed)
    scenes = sorted({line.scene for line in lines})
    sides = Counter(line.own for line in lines)
    if len(scenes) < LEAST_SCENES or min(sides[True], sides[False]) < LEAST_LINES:
        return None
    random.Random(seed).shuffle(scenes)
    fold_of = {scene: k % min(FOLDS, len(scenes)) for k, scene in enumerate(scenes)}
    folds = np.array([fold_of[line.scene] for line in lines])
    features = _features([line.text for line in lines], names, embed)
    own = np.array([line.own for line in lines], dtype=bool)
    scores = [0.0] * len(lines)
    for k in sorted(set(fold_of.values())):
        held = folds == k
        if own[~held].all() or not own[~held].any():
            return None
        found = _learnt(features[~held], own[~held], names, embed).scores_of(features[held])
        for i, score in zip(np.flatnonzero(held), found, strict=True):
            scores[i] = float(score)
    return VoiceClassifier(
        auc=_auc_by_scene(lines, scores, resamples, seed),
        own=wilson(sum(s > 0 for s, line in zip(scores, lines, strict=True) if line.own), sides[True]),
        others=wilson(sum(s > 0 for s, line in zip(scores, lines, strict=True) if not line.own), sides[False]),
    )


def some_lines(lines: Sequence[Line], seed: int = 0) -> list[Line]:
    """Lines with words in them, at most `MOST_LINES`, drawn without regard to who speaks."""
    spoken = [line for line in lines if words(line.text)]
    if len(spoken) <= MOST_LINES:
        return spoken
    return random.Random(seed).sample(spoken, MOST_LINES)


def auc(own: Sequence[float], others: Sequence[float]) -> float:
    """Probability that one of the first scores above one of the second; ties count half. Needs one of each."""
    import numpy as np

    right, left = np.asarray(own), np.sort(np.asarray(others))
    below, upto = np.searchsorted(left, right, "left"), np.searchsorted(left, right, "right")
    return float((below + upto).sum() / (2 * len(right) * len(left)))


def phrase_use(texts: Sequence[str], phrases: Iterable[str]) -> Rate | None:
    """Share of the texts with at least one of the phrases, as whole words; None for no texts or no phrases."""
    sought = [f" {' '.join(words(phrase))} " for phrase in phrases if words(phrase)]
    if not sought or not texts:
        return None
    folded = [f" {' '.join(words(text))} " for text in texts]
    return wilson(sum(any(phrase in text for phrase in sought) for text in folded), len(folded))


def without_names(text: str, names: Collection[str]) -> str:
    """The text with every name replaced by a mark."""
    if not names:
        return text
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    return re.sub(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", "\N{WHITE SQUARE}", text, flags=re.IGNORECASE)


def _auc_by_scene(lines: Sequence[Line], scores: Sequence[float], resamples: int, seed: int) -> Estimate:
    """The area with the percentile interval over draws of whole scenes; draws with one side only are left out."""
    parts: dict[str, tuple[list[float], list[float]]] = {}
    for line, score in zip(lines, scores, strict=True):
        parts.setdefault(line.scene, ([], []))[0 if line.own else 1].append(score)

    def area(scenes: Sequence[str]) -> float | None:
        own = [score for scene in scenes for score in parts[scene][0]]
        others = [score for scene in scenes for score in parts[scene][1]]
        return auc(own, others) if own and others else None

    generator, names = random.Random(seed), list(parts)
    draws = sorted(a for _ in range(resamples) if (a := area(generator.choices(names, k=len(names)))) is not None)
    whole = area(names)
    if whole is None or not draws:
        raise EvaluationError("A voice is told apart from others'. There are lines of one side only.")
    return Estimate(value=whole, low=quantile(draws, 0.025), high=quantile(draws, 0.975), n=len(names))


def _learnt(features: Matrix, own: NDArray[np.bool_], names: Collection[str], embed: Embed | None) -> Voice:
    import numpy as np

    if embed:
        rarity = np.ones(features.shape[1], dtype=np.float32)
    else:
        rarity = (np.log((1 + len(own)) / (1 + (features > 0).sum(0))) + 1).astype(np.float32)
    return Voice(_fit(_normalised(features, rarity), own), rarity, frozenset(names), embed)


def _fit(features: Matrix, own: NDArray[np.bool_]) -> Vector:
    """Weights and intercept; both sides weigh the same, however many lines they have (Nesterov's method)."""
    import numpy as np

    # All in one precision: a mixed product would copy the whole matrix in every step.
    balance = np.where(own, 0.5 / own.sum(), 0.5 / (~own).sum()).astype(np.float32)
    target = own.astype(np.float32)
    weights = np.zeros(features.shape[1] + 1, dtype=np.float32)
    ahead = weights.copy()
    rate = 1 / (0.5 + PENALTY)  # rows have length one, with the intercept's 1: the curvature is at most 2 / 4
    for step in range(STEPS):
        odds = features @ ahead[:-1] + ahead[-1]
        error = balance * (1 / (1 + np.exp(-odds)) - target)
        slope = np.concatenate([features.T @ error + PENALTY * ahead[:-1], [error.sum()]])
        following = ahead - rate * slope
        ahead = following + step / (step + 3) * (following - weights)
        weights = following
    return weights


def _features(texts: Sequence[str], names: Collection[str], embed: Embed | None) -> Matrix:
    """One row a text, names taken out."""
    return embed([without_names(text, names) for text in texts]) if embed else _counts(texts, names)


def _counts(texts: Sequence[str], names: Collection[str]) -> Matrix:
    """Damped counts of hashed n-grams, one row a text, names taken out."""
    import numpy as np

    table = np.zeros((len(texts), FEATURES), dtype=np.float32)
    for row, text in enumerate(without_names(text, names) for text in texts):
        grams = Counter(
            zlib.crc32(word[k : k + n].encode()) % FEATURES
            for word in (f" {part} " for part in re.findall(r"\w+(?:['’]\w+)*|[^\w\s]", text.casefold()))
            for n in (2, 3, 4)
            for k in range(len(word) - n + 1)
        )
        for gram, count in grams.items():
            table[row, gram] = 1 + np.log(count)
    return table


def _normalised(counts: Matrix, rarity: Matrix) -> Matrix:
    import numpy as np

    weighted = counts * rarity
    lengths = np.linalg.norm(weighted, axis=1, keepdims=True)
    found: Matrix = weighted / np.maximum(lengths, 1e-9)
    return found
