"""Leaks of later times: a character that has driven a car, sorts in Python or has a favourite movie.

Character-LLM asks each of its characters a handful of questions that can't be answered within its world. What gives an
answer away is the same for anybody of another time, so it stands in `later_times/LANGUAGE.yaml` by subject, and a
question is recognised by its words. The verdicts are those of `evaluation.boundary`: leaked, held or unclear; a leak
is excused where its own clause denies, supposes or asks.

`agreement` says how far such verdicts can be trusted, against labels by hand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import yaml
from pydantic import Field

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import wilson
from roletune.evaluation.boundary import judge_reply
from roletune.evaluation.boundary_questions import BoundaryQuestion, Pattern, Patterns
from roletune.records import BoundaryVerdict, Rate, Record

LATER_TIMES = files("roletune.evaluation") / "later_times"


class Subject(Record):
    """A thing of our time; the file tells what each group of expressions means."""

    id: str
    asks: Pattern
    uses: Patterns = ()
    later: Patterns = Field(min_length=1)
    unless: Patterns = ()


class LaterTimes(Record):
    """`later_times/LANGUAGE.yaml`: the subjects, and what holds for all of them."""

    negations: Patterns
    denies: Patterns
    leaks: Patterns
    subjects: tuple[Subject, ...]


class Agreement(NamedTuple):
    """Verdicts against labels by hand; None where there was nothing to be precise about, or to recall."""

    precision: Rate | None
    recall: Rate | None
    false_alarms: tuple[str, ...]
    missed: tuple[str, ...]


@cache
def later_times(language: str = "en") -> LaterTimes:
    """The expressions of a language. Raises EvaluationError where nobody has written any."""
    file = LATER_TIMES / f"{language.split('-')[0]}.yaml"
    if not re.fullmatch(r"[A-Za-z-]+", language) or not file.is_file():
        raise EvaluationError(f"There are no expressions for leaks in {language!r}. English has them; add a file.")
    return LaterTimes.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))


def judge_later(
    question: str, reply: str, *, known: Collection[str] = (), language: str = "en"
) -> BoundaryVerdict | None:
    """Whether the reply leaks; None if the question is about no subject of the file.

    `known` are the subjects that the character's own world has: only what came later is a leak then.
    """
    times = later_times(language)
    subject = next((one for one in times.subjects if re.search(one.asks, question, re.IGNORECASE)), None)
    if subject is None:
        return None
    used = () if subject.id in known else subject.uses
    return judge_reply(
        BoundaryQuestion(
            id=subject.id,
            category="later times",
            text=question,
            leaks=(*times.leaks, *subject.later, *used),
            negations=times.negations,
            unless=subject.unless,
            denies=times.denies,
            twin=subject.id,
        ),
        reply,
    )


def agreement(found: Mapping[str, bool], labels: Mapping[str, bool]) -> Agreement:
    """Precision and recall of `found` (line -> leaked), with Wilson intervals.

    Raises EvaluationError unless the same lines were labelled.
    """
    if not labels or found.keys() != labels.keys():
        raise EvaluationError("Verdicts and labels are of different replies. Label every reply that was judged.")
    hits = sum(leaked and labels[line] for line, leaked in found.items())
    claimed, real = sum(found.values()), sum(labels.values())
    return Agreement(
        precision=wilson(hits, claimed) if claimed else None,
        recall=wilson(hits, real) if real else None,
        false_alarms=tuple(line for line, leaked in found.items() if leaked and not labels[line]),
        missed=tuple(line for line, leaked in found.items() if not leaked and labels[line]),
    )
