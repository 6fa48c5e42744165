"""The questions every contestant is asked: `questions.yaml`, a list of `{text, topic?, id?}`.

A question without an id gets one from its text, so ids survive reordering. All mistakes are reported at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from roletune.errors import EvaluationError, ProjectError
from roletune.records import Question, fingerprint

FIELDS = ("id", "text", "topic")
SHAPE = "Write a list, one question an entry: `- text: Are you up?`, with `topic:` and `id:` if you like."


def read_questions(path: Path) -> list[Question]:
    """The questions of a YAML file, in its order. Raises ProjectError with every mistake and its entry number."""
    entries = _entries(path)
    mistakes = [mistake for number, entry in enumerate(entries, 1) for mistake in _mistakes(number, entry)]
    questions = [_question(entry) for entry in entries if isinstance(entry, dict)] if not mistakes else []
    mistakes += _twice("id", [question.id for question in questions])
    if mistakes:
        raise ProjectError(f"{path.name} needs correcting. {SHAPE}", [f"{path.name}: {m}" for m in mistakes])
    return questions


def read_yaml(path: Path, shape: str) -> Any:
    """What a YAML file holds. Raises ProjectError with the place of a mistake, and `shape`: what to write instead."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ProjectError(f"{path} can't be read: {error.strerror}. {shape}") from error
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ProjectError(f"{path} is not valid YAML{where}: {problem}. {shape}") from error


def _entries(path: Path) -> list[Any]:
    entries = read_yaml(path, SHAPE)
    if not isinstance(entries, list) or not entries:
        raise ProjectError(f"{path} holds no list of questions. {SHAPE}")
    return entries


def _mistakes(number: int, entry: Any) -> list[str]:
    """What is wrong with one entry, in sentences."""
    if not isinstance(entry, dict):
        return [f"entry {number}: {entry!r} is not a question; did you mean `- text: {entry}`?"]
    found = [
        f"entry {number}: unknown key {key!r}; known are {', '.join(FIELDS)}" for key in entry if key not in FIELDS
    ]
    for field in FIELDS:
        value = entry.get(field)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            found.append(f"entry {number}: {field} must be text, not {value!r}; put it in quotes")
    if entry.get("text") is None:
        found.append(f"entry {number}: text is missing")
    return found


def _question(entry: dict[str, str]) -> Question:
    text = entry["text"].strip()
    topic = (entry.get("topic") or "").strip()
    return Question(id=(entry.get("id") or "").strip() or fingerprint(text, topic, length=8), text=text, topic=topic)


def _twice(what: str, values: list[str]) -> list[str]:
    return [f"the {what} {value!r} is there {n} times" for value, n in Counter(values).items() if n > 1]


def of_topics(questions: Sequence[Question], topics: Sequence[str]) -> list[Question]:
    """The questions of these topics, all if none is named. Raises EvaluationError if there is none."""
    chosen = [question for question in questions if not topics or question.topic in topics]
    if not chosen:
        known = ", ".join(sorted({question.topic for question in questions}))
        raise EvaluationError(f"There is no question of the topics {', '.join(topics)}. The topics are: {known}.")
    return chosen
