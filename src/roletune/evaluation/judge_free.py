"""The suite that needs no judge and no model, on replies from anywhere: what is said, and how.

    checks       every style check, and `no_warning`: the share of replies that pass
    words        length of a reply
    said again   share of its runs of four words that another reply of the same contestant holds too (diversity)
    copied       share of its runs of eight words that training rows hold, where there are training rows
    leaks        of later times, by expressions (`evaluation.leaks`); and by hand, where there are labels

A reply that never came has no score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roletune.evaluation.comparing import Kind, Said, Score, Scores
from roletune.evaluation.memorisation import TrainingText, said_again
from roletune.evaluation.style import NO_WARNING, NOTES, UNANSWERED, word_count, words

CHECK = Kind("style", "share", "high")
WORDS = Kind("length", "mean", "")
AGAIN = Kind("diversity", "mean", "low")
COPIED = Kind("copying", "mean", "low")
LEAKS = Kind("leaks", "share", "low")
BY_EXPRESSIONS, BY_HAND = "leaks, by expressions", "leaks, by hand"

Figures = dict[tuple[str, Kind], Scores]


def figures_of(
    said: Mapping[str, Said],
    checks: tuple[str, ...],
    *,
    training: TrainingText | None = None,
    leaked: Callable[[str], bool | None] = lambda _: None,
    labels: Mapping[str, bool] | None = None,
) -> Figures:
    """Every figure of one contestant's replies by item; `leaked` tells for an item, None where it asks for no leak."""
    came = {item: one for item, one in said.items() if UNANSWERED not in one.found}
    found: Figures = {("no warning", CHECK): _each(said, came, lambda one: float(_clean(one)))}
    for check in checks:
        found[(check, CHECK)] = _each(said, came, lambda one, check=check: float(_passes(one, check)))  # type: ignore[misc]
    found[("words", WORDS)] = _each(said, came, lambda one: float(word_count(one.text)))
    found[("said again", AGAIN)] = _said_again(came)
    if training:
        found[("copied", COPIED)] = _copied(came, training)
    verdicts = {item: verdict for item in came if (verdict := leaked(item)) is not None}
    if verdicts:
        found[(BY_EXPRESSIONS, LEAKS)] = {item: Score(float(verdict)) for item, verdict in verdicts.items()}
    if labels:
        found[(BY_HAND, LEAKS)] = {item: Score(float(label)) for item, label in labels.items()}
    return found


def _each(said: Mapping[str, Said], came: Mapping[str, Said], score: Callable[[Said], float]) -> Scores:
    return {item: Score(score(came[item])) if item in came else None for item in said}


def _passes(one: Said, check: str) -> bool:
    return check not in one.found and "says_nothing" not in one.found


def _clean(one: Said) -> bool:
    return not [check for check in one.found if check not in (*NOTES, NO_WARNING)]


def _said_again(came: Mapping[str, Said]) -> Scores:
    """Of replies that are long enough to have such a run."""
    spoken = {item: said for item, one in came.items() if len(said := words(one.text)) >= 4}
    return {item: Score(share) for item, share in zip(spoken, said_again(list(spoken.values())), strict=True)}


def _copied(came: Mapping[str, Said], training: TrainingText) -> Scores:
    shares = {item: training.copied(one.text).share for item, one in came.items()}
    return {item: Score(share) for item, share in shares.items() if share is not None}
