"""Stability: questionnaires asked again and again, what a persona costs in knowledge, and a two-armed bandit.

A questionnaire is scored as scales are (InCharacter, Wang et al. 2024): items keyed in reverse are turned round, a
dimension is the mean of its items, an item the mean of its repetitions. How much one item's answers differ between
repetitions says whether the character has an opinion at all. Answers that are no answer are unscored and counted.

The bandit pays one arm more often than the other; regret is what always pulling the better arm would have been
expected to earn more. It is computed from the chances of the arms pulled, not from luck.
"""

from __future__ import annotations

import random
import re
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

import yaml
from pydantic import Field

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import bootstrap_share, wilson
from roletune.evaluation.estimates import estimate_mean
from roletune.records import Estimate, Rate, Record, ShareDifference

KNOWLEDGE = files("roletune.evaluation") / "knowledge"
LETTERS = "ABCDEFGH"

# ---------------------------------------------------------------------------------------------------------------------
# Questionnaires


class Item(Record):
    """A statement to agree with; `reverse`: agreement speaks against the dimension."""

    id: str
    text: str
    dimension: str
    reverse: bool = False


class Questionnaire(Record):
    """Items on a scale of whole numbers from `low` to `high`."""

    low: int = 1
    high: int = 5
    items: tuple[Item, ...] = Field(min_length=1)


class DimensionScore(Record):
    """`score` is over items; `spread` is the mean standard deviation between repetitions of one item (0: always alike).

    None where no item was answered, or none twice.
    """

    score: Estimate | None
    spread: Estimate | None
    answered: int
    unscored: int


def read_scale(reply: str, low: int, high: int) -> int | None:
    """The one number of the scale that the reply names; None for none, several, or another."""
    numbers = set(re.findall(r"(?<![\w.,/-])\d+(?![\w/]|[.,]\d)", reply))
    return int(numbers.pop()) if len(numbers) == 1 and low <= int(next(iter(numbers))) <= high else None


def score_questionnaire(
    questionnaire: Questionnaire, answers: Mapping[str, Sequence[int | None]], *, resamples: int = 10_000
) -> dict[str, DimensionScore]:
    """By dimension. `answers` maps an item to one entry a repetition, None where the reply was no answer.

    Raises EvaluationError for items that are not there, and answers outside the scale.
    """
    known = {item.id for item in questionnaire.items}
    if unknown := sorted(answers.keys() - known):
        raise EvaluationError(f"The questionnaire has no item {unknown[0]!r}. Its items: {', '.join(sorted(known))}.")
    wrong = {answer for found in answers.values() for answer in found if answer is not None}
    if any(not questionnaire.low <= answer <= questionnaire.high for answer in wrong):
        raise EvaluationError(f"Answers go from {questionnaire.low} to {questionnaire.high}; these do not: {wrong}.")
    dimensions = dict.fromkeys(item.dimension for item in questionnaire.items)
    return {dimension: _dimension(questionnaire, dimension, answers, resamples) for dimension in dimensions}


def _dimension(
    questionnaire: Questionnaire, dimension: str, answers: Mapping[str, Sequence[int | None]], resamples: int
) -> DimensionScore:
    turned = questionnaire.low + questionnaire.high
    keyed: list[list[int]] = []
    unscored = 0
    for item in questionnaire.items:
        if item.dimension == dimension:
            given = answers.get(item.id, ())
            scored = [answer for answer in given if answer is not None]
            unscored += len(given) - len(scored)
            keyed.append([turned - answer if item.reverse else answer for answer in scored])
    means = [statistics.fmean(scores) for scores in keyed if scores]
    spreads = [statistics.stdev(scores) for scores in keyed if len(scores) > 1]
    return DimensionScore(
        score=estimate_mean(means, resamples=resamples) if means else None,
        spread=estimate_mean(spreads, resamples=resamples) if spreads else None,
        answered=sum(map(len, keyed)),
        unscored=unscored,
    )


# ---------------------------------------------------------------------------------------------------------------------
# What a persona costs


class Choice(Record):
    """A question with options, of which the first is right."""

    id: str
    text: str
    options: tuple[str, ...] = Field(min_length=2, max_length=len(LETTERS))


class Asked(NamedTuple):
    """A choice as it is put: options in a random order, and the letter of the right one."""

    choice: Choice
    options: tuple[str, ...]
    right: str


class Tax(NamedTuple):
    """Shares of right answers; what can't be read is wrong, and `unread` says how often that was."""

    without: Rate
    persona: Rate
    difference: ShareDifference
    unread: tuple[int, int]


@cache
def knowledge(language: str = "en") -> tuple[Choice, ...]:
    """The multiple-choice questions. Raises EvaluationError for a language in which nobody has written any."""
    file = KNOWLEDGE / f"{language.split('-')[0]}.yaml"
    if not re.fullmatch(r"[A-Za-z-]+", language) or not file.is_file():
        raise EvaluationError(f"There are no questions of knowledge in {language!r}. English has them; add a file.")
    return tuple(Choice.model_validate(entry) for entry in yaml.safe_load(file.read_text(encoding="utf-8")))


def shuffled(choice: Choice, seed: int = 0) -> Asked:
    """The options in an order that depends on the seed and the question only."""
    options = random.Random(f"{seed}:{choice.id}").sample(choice.options, len(choice.options))
    return Asked(choice, tuple(options), LETTERS[options.index(choice.options[0])])


def read_letter(reply: str, asked: Asked) -> str | None:
    """The letter that the reply names, or that of the one option whose words it says; None for several or none."""
    letters = LETTERS[: len(asked.options)]
    begun = re.match(rf"\W*(?:the )?(?:answer (?:is )?)?\W*([{letters}])(?:\b[).:,]|\W*$)", reply, re.IGNORECASE)
    if begun and (begun[1].isupper() or len(reply.strip()) < 3):
        return begun[1].upper()
    named = set(re.findall(rf"(?<![\w'’])([{letters[1:]}])(?![\w'’])|\bA(?=[).:])", reply)) - {""}
    said = {
        letter
        for letter, option in zip(letters, asked.options, strict=True)
        if re.search(rf"(?<!\w){re.escape(option)}(?!\w)", reply, re.IGNORECASE)
    }
    for found in (said, named):
        if len(found) == 1:
            return found.pop()
    return None


def persona_tax(asked: Sequence[Asked], without: Sequence[str], persona: Sequence[str]) -> Tax:
    """Replies to the same questions without and with the persona. Raises EvaluationError if their numbers differ."""
    if not asked or not len(asked) == len(without) == len(persona):
        raise EvaluationError("Every question needs a reply without and one with the persona. Ask them all again.")
    read = [
        [read_letter(reply, one) for one, reply in zip(asked, replies, strict=True)] for replies in (without, persona)
    ]
    plain, played = [[letter == one.right for one, letter in zip(asked, found, strict=True)] for found in read]
    return Tax(
        wilson(sum(plain), len(plain)),
        wilson(sum(played), len(played)),
        bootstrap_share(list(zip(played, plain, strict=True))),
        (read[0].count(None), read[1].count(None)),
    )


# ---------------------------------------------------------------------------------------------------------------------
# A two-armed bandit

History = Sequence[tuple[int, int]]
"""(arm, reward) of each pull so far."""
Policy = Callable[[History], Awaitable[int | None]]
"""Chooses the next arm, 0 or 1; None where a model's reply names none."""


class Gambling(Record):
    """One game. `regret` is the expected loss against the better arm, over the rounds in which an arm was pulled."""

    regret: float
    share_best: Rate = Field(description="of the pulls that were of the better arm")
    stayed_after_win: Rate | None = Field(description="pulls of the arm that had just paid")
    moved_after_loss: Rate | None = Field(description="pulls of the other arm after one that had not")
    reward: int
    unscored: int


async def gamble(policy: Policy, chances: tuple[float, float], rounds: int, *, seed: int = 0) -> Gambling:
    """Play `rounds` with a policy. Whether an arm pays is drawn beforehand, so every policy meets the same luck.

    Raises EvaluationError for arms that are alike, or if no arm was pulled at all.
    """
    if chances[0] == chances[1] or not all(0 <= chance <= 1 for chance in chances):
        raise EvaluationError(f"The arms pay with {chances}. Give two different chances between 0 and 1.")
    generator = random.Random(seed)
    luck = [[int(generator.random() < chance) for chance in chances] for _ in range(rounds)]
    history: list[tuple[int, int]] = []
    for pays in luck:
        arm = await policy(tuple(history))
        if arm in (0, 1):
            history.append((arm, pays[arm]))
    if not history:
        raise EvaluationError("No arm was ever pulled: no reply named one.")
    best = chances.index(max(chances))
    after = list(pairwise(history))
    won = [following[0] == before[0] for before, following in after if before[1]]
    lost = [following[0] != before[0] for before, following in after if not before[1]]
    return Gambling(
        regret=sum(chances[best] - chances[arm] for arm, _ in history),
        share_best=wilson(sum(arm == best for arm, _ in history), len(history)),
        stayed_after_win=wilson(sum(won), len(won)) if won else None,
        moved_after_loss=wilson(sum(lost), len(lost)) if lost else None,
        reward=sum(reward for _, reward in history),
        unscored=rounds - len(history),
    )
