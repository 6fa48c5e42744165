"""A questionnaire asked again and again: what the character thinks of itself, and whether it thinks so twice.

Scored as scales are (InCharacter, Wang et al. 2024, arXiv 2310.17976): items keyed in reverse are turned round, a
dimension is the mean of its items, an item the mean of its repetitions. How much one item's answers differ between
repetitions says whether the character has an opinion at all: in each the options stand in another order, so that who
always takes the first one contradicts itself.

Scored by likelihood, the letter that is likeliest as the answer is ticked, so that every model has one. Scored by
replies, an answer that is no answer is unscored and counted: small models talk about something else.

The packaged items (`questionnaires/LANGUAGE.yaml`) are written for this project; a character may bring its own.
"""

from __future__ import annotations

import random
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from roletune.errors import EvaluationError, ProjectError
from roletune.evaluation.candidates import continued, scorers
from roletune.evaluation.choices import LETTERS, read_letter
from roletune.evaluation.estimates import estimate_mean
from roletune.evaluation.questions import read_yaml
from roletune.records import (
    Contestant,
    DimensionScore,
    Estimate,
    Message,
    QuestionnaireAnswer,
    QuestionnaireReport,
    Record,
)

if TYPE_CHECKING:
    from roletune.engine.progress import Progress
    from roletune.rendering.template import Renderer

PACKAGED = files("roletune.evaluation") / "questionnaires"
SHAPE = "It needs `scale:`, what to tick from least to most, and `items:`, a list of `{id, text, dimension, reverse?}`."


class Item(Record):
    """A statement to agree with; `reverse`: agreement speaks against the dimension."""

    id: str
    text: str
    dimension: str
    reverse: bool = False


class Questionnaire(Record):
    """Items with one scale for all: its words, from least to most; answers are numbered from 1."""

    scale: tuple[str, ...] = Field(
        default=("strongly disagree", "disagree", "neither agree nor disagree", "agree", "strongly agree"),
        min_length=2,
        max_length=len(LETTERS),
    )
    items: tuple[Item, ...] = Field(min_length=1)

    @property
    def low(self) -> int:
        """The number of the first word."""
        return 1

    @property
    def high(self) -> int:
        """The number of the last word."""
        return len(self.scale)


class Put(NamedTuple):
    """An item as it is put: which repetition, and the numbers of the scale in the order that they stand in."""

    item: Item
    repetition: int
    order: tuple[int, ...]


def read_questionnaire(language: str, own: Path | None = None) -> Questionnaire:
    """The character's own, else the packaged one. Raises ProjectError for mistakes, or for a language without items."""
    path = own or Path(str(PACKAGED / f"{language.split('-')[0]}.yaml"))
    if own is None and (not re.fullmatch(r"[A-Za-z-]+", language) or not path.is_file()):
        raise ProjectError(
            f"There is no questionnaire in {language!r}. Write one and name it in probes.questionnaire. {SHAPE}"
        )
    try:
        read = Questionnaire.model_validate(read_yaml(path, SHAPE))
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ProjectError(f"{path.name} needs correcting. {SHAPE}", mistakes) from error
    if len({item.id for item in read.items}) < len(read.items):
        raise ProjectError(f"{path.name} needs correcting: two items have one id.")
    return read


def arrange(questionnaire: Questionnaire, repetitions: int, seed: int = 0) -> list[Put]:
    """Every item `repetitions` times; the orders depend on the seed, the item and the repetition only."""
    numbers = range(questionnaire.low, questionnaire.high + 1)
    return [
        Put(item, k, tuple(random.Random(f"{seed}:{item.id}:{k}").sample(numbers, len(numbers))))
        for item in questionnaire.items
        for k in range(repetitions)
    ]


def read_answer(reply: str, put: Put, scale: Sequence[str]) -> int | None:
    """The number of the scale that the reply ticks, by letter or in words; None for none or several."""
    letter = read_letter(reply, [scale[number - 1] for number in put.order])
    return put.order[LETTERS.index(letter)] if letter else None


def measure_questionnaire(
    puts: Sequence[Put],
    ask: Mapping[Contestant, Callable[[Put], Sequence[Message]]],
    renderer: Renderer,
    model: Any,
    *,
    progress: Progress,
    device: str = "cpu",
) -> list[QuestionnaireAnswer]:
    """The letter that each contestant finds likeliest; `ask` makes messages of an item, `model` is a PEFT model."""
    found = []
    with progress.task("questionnaire", len(ask) * len(puts), "statements") as task:
        for name, scorer in scorers(model, {name: name == "adapter" for name in ask}, device):
            for put in puts:
                letters = LETTERS[: len(put.order)]
                scores = scorer.log_likelihoods(continued(ask[name](put), letters, renderer))
                ticked = put.order[scores.index(max(scores))]
                found.append(_answer(put, name, scores=tuple(scores), value=ticked))
                task.advance(1, note=name)
    return found


def read_replies(
    puts: Sequence[Put], replies: Mapping[Contestant, Sequence[str]], scale: Sequence[str]
) -> list[QuestionnaireAnswer]:
    """What each contestant's replies tick; `replies` are in the order of `puts`, an empty one never came."""
    return [
        _answer(put, name, reply=reply, value=read_answer(reply, put, scale))
        for name, given in replies.items()
        for put, reply in zip(puts, given, strict=True)
    ]


def _answer(put: Put, contestant: Contestant, **found: Any) -> QuestionnaireAnswer:
    return QuestionnaireAnswer(
        item=put.item.id, repetition=put.repetition, order=put.order, contestant=contestant, **found
    )


def questionnaire_report(
    questionnaire: Questionnaire,
    answers: Sequence[QuestionnaireAnswer],
    *,
    adapter: str,
    by: Literal["likelihood", "replies"],
    resamples: int = 10_000,
) -> QuestionnaireReport:
    """The scores of every contestant, and what the adapter says differently from the prompted base, item by item."""
    given: dict[Contestant, dict[str, list[int | None]]] = {}
    for answer in answers:
        given.setdefault(answer.contestant, {}).setdefault(answer.item, []).append(answer.value)
    return QuestionnaireReport(
        adapter=adapter,
        by=by,
        scale=questionnaire.scale,
        statements={item.id: item.text for item in questionnaire.items},
        repetitions=1 + max((answer.repetition for answer in answers), default=-1),
        dimensions={
            name: score_questionnaire(questionnaire, found, resamples=resamples) for name, found in given.items()
        },
        differences=_differences(questionnaire, given, resamples),
        answers=tuple(answers),
    )


def _differences(
    questionnaire: Questionnaire, given: Mapping[Contestant, Mapping[str, Sequence[int | None]]], resamples: int
) -> dict[str, Estimate]:
    """By dimension, adapter minus base_prompt over the items that both answered; without any it is left out."""
    own, other = (_items(questionnaire, given.get(name, {})) for name in ("adapter", "base_prompt"))
    pairs = [
        (item.dimension, own[item.id] - other[item.id])
        for item in questionnaire.items
        if {item.id} <= own.keys() & other.keys()
    ]
    grouped = groupby(sorted(pairs, key=lambda pair: pair[0]), key=lambda pair: pair[0])
    return {name: estimate_mean([value for _, value in found], resamples=resamples) for name, found in grouped}


def _items(questionnaire: Questionnaire, given: Mapping[str, Sequence[int | None]]) -> dict[str, float]:
    """The keyed mean of each item that was answered."""
    keyed = {item.id: _keyed(questionnaire, item, given.get(item.id, ())) for item in questionnaire.items}
    return {name: statistics.fmean(scores) for name, scores in keyed.items() if scores}


def _keyed(questionnaire: Questionnaire, item: Item, given: Sequence[int | None]) -> list[int]:
    turned = questionnaire.low + questionnaire.high
    return [turned - answer if item.reverse else answer for answer in given if answer is not None]


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
    items = [item for item in questionnaire.items if item.dimension == dimension]
    keyed = [_keyed(questionnaire, item, answers.get(item.id, ())) for item in items]
    asked = sum(len(answers.get(item.id, ())) for item in items)
    means = [statistics.fmean(scores) for scores in keyed if scores]
    spreads = [statistics.stdev(scores) for scores in keyed if len(scores) > 1]
    return DimensionScore(
        score=estimate_mean(means, resamples=resamples) if means else None,
        spread=estimate_mean(spreads, resamples=resamples) if spreads else None,
        answered=sum(map(len, keyed)),
        unscored=asked - sum(map(len, keyed)),
    )
