"""RoleBench's files as they are: rows of references, of predictions, and of the original answers to instructions.

A row is `{role, question, generated: [answers]}`. What its files really hold is survived and counted: `generated` and
`type` as one value or a list, questions with a space before them, names of roles spelt two ways (`D_Artagnan`), the
same question to the same role more than once, lines that are no row. Rows without a role are original answers (RAW).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from roletune.errors import EvaluationError

Metric = Literal["CUS", "RAW", "SPE"]
Key = tuple[str, str]

_QUESTIONS = ("question", "instruction")
_ANSWERS = ("generated", "answer", "answers", "output", "prediction")


@dataclass(frozen=True)
class Row:
    """One question with its answers; `kind` is script_based, script_agnostic or empty."""

    role: str
    question: str
    answers: tuple[str, ...]
    kind: str = ""

    @property
    def key(self) -> Key:
        """What makes two rows the same: the role in whatever pointing, and the question without its margins."""
        return role_key(self.role), " ".join(self.question.split())


@dataclass(frozen=True)
class RowFile:
    """A file's rows, the lines that are none (numbers, from 1), and how many rows repeat the key of an earlier one."""

    path: Path
    rows: tuple[Row, ...]
    unread: tuple[int, ...]
    repeated: int

    @property
    def metric(self) -> Metric:
        """What its answers are references for: SPE if they have a type, CUS if they have a role, RAW otherwise."""
        if any(row.kind for row in self.rows):
            return "SPE"
        return "CUS" if any(row.role for row in self.rows) else "RAW"


@dataclass(frozen=True)
class Item:
    """One answer to score."""

    role: str
    question: str
    kind: str
    answer: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Joined:
    """Answers with their references; `unscored` references nobody answered, `strange` answers without a reference.

    `several` answers came with others to the same row: the first of them is scored.
    """

    items: tuple[Item, ...]
    unscored: int
    strange: int
    several: int


def read_rows(path: Path) -> RowFile:
    """Every row of a JSONL file. Raises EvaluationError if it can't be read or holds no row at all."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")  # not splitlines: an answer may hold U+2028
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"can't be read: {error.strerror}"
        raise EvaluationError(f"{path} {reason}. Give a JSONL file with role, question and generated.") from error
    numbered = {number: _row(line) for number, line in enumerate(lines, 1) if line.strip()}
    rows = tuple(row for row in numbered.values() if row)
    if not rows:
        raise EvaluationError(f"{path} has no row of RoleBench: JSON lines with role, question and generated.")
    unread = tuple(number for number, row in numbered.items() if row is None)
    return RowFile(path, rows, unread, repeated=len(rows) - len({row.key for row in rows}))


def join(predictions: RowFile, references: RowFile) -> Joined:
    """Each reference with the answer to its question by its role; RAW: each answer with its question's original.

    The k-th row of a key belongs to the k-th answer of it, or to the last one there is. Raises EvaluationError if
    nothing fits together.
    """
    whole = _by_question(predictions, references) if references.metric == "RAW" else _by_role(predictions, references)
    if not whole.items:
        raise EvaluationError(
            f"No answer in {predictions.path.name} belongs to a question in {references.path.name}. Their first "
            f"questions: {_first(predictions)} and {_first(references)}. Role and question must be the same."
        )
    return whole


def role_key(role: str) -> str:
    """A role's name without case and pointing."""
    return re.sub(r"[\W_]+", "", role).casefold()


def _by_role(predictions: RowFile, references: RowFile) -> Joined:
    answers: dict[Key, list[Row]] = defaultdict(list)
    for row in predictions.rows:
        answers[row.key].append(row)
    seen: dict[Key, int] = defaultdict(int)
    items = []
    for row in references.rows:
        given = answers.get(row.key)
        if given:
            answer = given[min(seen[row.key], len(given) - 1)].answers[0]
            items.append(Item(row.role, row.question.strip(), row.kind, answer, row.answers))
        seen[row.key] += 1
    strange = sum(len(rows) for key, rows in answers.items() if key not in seen)
    return Joined(tuple(items), len(references.rows) - len(items), strange, _several(predictions))


def _by_question(predictions: RowFile, references: RowFile) -> Joined:
    originals = {row.key[1]: row for row in reversed(references.rows)}
    items = [
        Item(row.role, row.question.strip(), "", row.answers[0], originals[row.key[1]].answers)
        for row in predictions.rows
        if row.key[1] in originals
    ]
    unscored = originals.keys() - {row.key[1] for row in predictions.rows}
    return Joined(tuple(items), len(unscored), len(predictions.rows) - len(items), _several(predictions))


def _several(predictions: RowFile) -> int:
    return sum(len(row.answers) > 1 for row in predictions.rows)


def _first(file: RowFile) -> str:
    row = file.rows[0]
    return f"{row.role or 'no role'}: {row.question.strip()[:60]!r}"


def _row(line: str) -> Row | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    questions, answers = list(_texts(value, _QUESTIONS)), tuple(_texts(value, _ANSWERS))
    if len(questions) != 1 or not questions[0].strip() or not answers:
        return None
    role, kind = next(_texts(value, ("role",)), ""), next(_texts(value, ("type",)), "")
    return Row(role.strip(), questions[0], answers, kind)


def _texts(row: dict[str, Any], keys: Sequence[str]) -> Iterator[str]:
    """The texts under the first of `keys` that the row has, whether it is one or a list of them."""
    value: Any = next((row[key] for key in keys if key in row), [])
    yield from (text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str))
