"""Boundary questions: `boundary.yaml`, questions that lead a character out of its world or its role, and clean twins.

    leaks, negations, denies, refusals   regular expressions for all questions (refusals: for all twins)
    categories                           the same for a category: `memory: {leaks: [...], unless: [...]}`
    questions                            `{id, category, text, leaks, unless?, denies?, twin}`
    twins                                `{id, text, answers?}`, one for each question

A twin asks in the same shape and words for something the character knows, so that a character that denies everything
shows. `evaluation.boundary` tells what the expressions mean. Mistakes are reported all at once, each with its path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from roletune.engine.mistakes import mistake_of
from roletune.errors import ProjectError
from roletune.evaluation.questions import read_yaml
from roletune.records import Record

SHAPE = "It needs `questions:` and `twins:`, lists of `{id: ..., text: ...}`; see examples/jarvis/boundary.yaml."


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    if re.search(pattern, ""):
        raise ValueError(f"{pattern!r} matches every reply")
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]
Patterns = tuple[Pattern, ...]


class Category(Record):
    """Expressions shared by the questions of a category."""

    leaks: Patterns = ()
    unless: Patterns = ()
    denies: Patterns = ()


class BoundaryQuestion(Record):
    """A question that the character can't answer without leaving its world or its role.

    As read from a file, `leaks` and `denies` hold those of the category and of the whole file as well.
    """

    id: str = Field(min_length=1)
    category: str = Field(min_length=1)
    text: str = Field(min_length=1)
    leaks: Patterns = Field(min_length=1)
    negations: Patterns = ()
    unless: Patterns = ()
    denies: Patterns = ()
    twin: str = Field(min_length=1)


class Twin(Record):
    """An innocent question of the same shape; `answers`: what only an answer says, whatever it denies besides."""

    id: str = Field(min_length=1)
    text: str = Field(min_length=1)
    answers: Patterns = ()
    refusals: Patterns = ()


class BoundaryQuestions(Record):
    """`boundary.yaml`."""

    leaks: Patterns = ()
    negations: Patterns = ()
    denies: Patterns = ()
    refusals: Patterns = Field(min_length=1)
    categories: dict[str, Category] = Field(default={})
    questions: tuple[BoundaryQuestion, ...] = Field(min_length=1)
    twins: tuple[Twin, ...] = Field(min_length=1)

    def only(self, keep: Callable[[str], bool]) -> BoundaryQuestions:
        """The questions whose id is to be kept, each with its twin; there may be none."""
        questions = tuple(question for question in self.questions if keep(question.id))
        named = {question.twin for question in questions}
        twins = tuple(twin for twin in self.twins if twin.id in named)
        return self.model_copy(update={"questions": questions, "twins": twins})


def read_boundary_questions(path: Path) -> BoundaryQuestions:
    """The questions with all expressions that apply to each. Raises ProjectError with every mistake and its path."""
    values = read_yaml(path, SHAPE)
    try:
        read = BoundaryQuestions.model_validate(values)
    except ValidationError as error:
        raise _mistaken(path, _mistakes(error)) from error
    if mistakes := _inconsistencies(read):
        raise _mistaken(path, mistakes)
    questions = tuple(_complete(question, read) for question in read.questions)
    twins = tuple(twin.model_copy(update={"refusals": (*twin.refusals, *read.refusals)}) for twin in read.twins)
    return read.model_copy(update={"questions": questions, "twins": twins})


def _complete(question: BoundaryQuestion, read: BoundaryQuestions) -> BoundaryQuestion:
    """The question with what its category and the file say of all."""
    category = read.categories.get(question.category, Category())
    together = {
        "leaks": (*question.leaks, *category.leaks, *read.leaks),
        "negations": (*question.negations, *read.negations),
        "unless": (*question.unless, *category.unless),
        "denies": (*question.denies, *category.denies, *read.denies),
    }
    return question.model_copy(update=together)


def _inconsistencies(read: BoundaryQuestions) -> list[str]:
    """What one entry alone can't show: ids used twice, twins missing, shared or nobody's, unused categories."""
    ids = Counter([question.id for question in read.questions] + [twin.id for twin in read.twins])
    found = [f"the id {name!r} is there {count} times" for name, count in ids.items() if count > 1]
    named = Counter(question.twin for question in read.questions)
    twins = {twin.id for twin in read.twins}
    found += [f"questions: there is no twin {name!r}" for name in named if name not in twins]
    found += [f"questions: the twin {name!r} belongs to {count}" for name, count in named.items() if count > 1]
    found += [f"twins: {twin.id!r} is the twin of no question" for twin in read.twins if twin.id not in named]
    used = {question.category for question in read.questions}
    return found + [f"categories: no question is of {name!r}" for name in read.categories if name not in used]


def _mistaken(path: Path, mistakes: Iterable[str]) -> ProjectError:
    return ProjectError(f"{path.name} needs correcting. {SHAPE}", [f"{path.name}: {m}" for m in mistakes])


def _mistakes(error: ValidationError) -> list[str]:
    """Every mistake once: a list whose entries are wrong is not told to be empty as well."""
    found = error.errors()
    wrong = {item["loc"][:depth] for item in found for depth in range(len(item["loc"]))}
    kept = [item for item in found if item["type"] != "too_short" or item["loc"] not in wrong]
    return [mistake_of(_counted(item), BoundaryQuestions) for item in kept]


def _counted(item: Any) -> Any:
    """The same with entries counted from 1, as in questions.yaml."""
    return {**item, "loc": tuple(part + 1 if isinstance(part, int) else part for part in item["loc"])}
