"""Human scores in CSV: a file to fill in, and the filled-in file read back.

Columns `item`, `dimension` and `score`; others are ignored, so the sheet may show what is scored and who scored it.
Several scores of one item and dimension (several people) become their mean. A row without a score was not filled in.
All mistakes are reported at once, with their lines. The sheet is in an order that tells nothing of the contestants, and
cells can't be taken for formulas by a spreadsheet.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from roletune.errors import SourceError
from roletune.evaluation.judging.agreement import mean
from roletune.evaluation.judging.fence import bounded
from roletune.evaluation.judging.rubrics import DIMENSIONS, DIMENSIONS_OF, HIGHEST, LOWEST
from roletune.evaluation.spreadsheet import write_table
from roletune.records import InterviewItem

COLUMNS = ("item", "dimension", "score")
MOST = 200_000  # rows
HumanScores = dict[tuple[str, str], float]
"""Item and dimension -> score."""


def read_human(path: Path) -> HumanScores:
    """The scores of a CSV file. Raises SourceError with every mistake and its line."""
    rows, given = _rows(path), dict[tuple[str, str], list[float]]()
    mistakes = []
    for line, row in rows:
        score, mistake = _score(row)
        if mistake:
            mistakes.append(f"{path.name}:{line}: {mistake}")
        elif score is not None:
            given.setdefault((row["item"].strip(), row["dimension"].strip().casefold()), []).append(score)
    if mistakes:
        shown = "\n  ".join(mistakes[:20])
        raise SourceError(f"{path} needs correcting ({len(mistakes)} mistakes):\n  {shown}")
    return {key: mean(scores) for key, scores in given.items()}


def human_sheet(items: Sequence[InterviewItem]) -> str:
    """CSV to fill in: a row for every item and dimension, sorted by id (a hash, so in no order that tells anything)."""
    rows = []
    for item in sorted(items, key=lambda item: item.id):
        if not item.failed:
            text = "\n".join(f"- {bounded(turn.question)}\n> {bounded(turn.reply)}" for turn in item.turns)
            rows += [[item.id, dimension, "", text] for dimension in DIMENSIONS_OF[item.form]]
    return write_table([*COLUMNS, "interview"], rows)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror}. Give a CSV file of human scores.") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 (byte {error.start}). Save it as CSV UTF-8.") from error
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",")
    try:
        names = [name.strip().casefold() for name in reader.fieldnames or ()]
        if missing := [name for name in COLUMNS if name not in names]:
            raise SourceError(
                f"{path} has no column {', '.join(missing)}. Its first line must name {', '.join(COLUMNS)}."
            )
        reader.fieldnames = names
        rows = [(reader.line_num, {name: str(row.get(name) or "") for name in COLUMNS}) for row in reader]
    except csv.Error as error:
        raise SourceError(f"{path}:{reader.line_num} is no CSV: {error}. Save it again from a spreadsheet.") from error
    if len(rows) > MOST:
        raise SourceError(f"{path} has more than {MOST:,} rows. Split it.")
    return rows


def _score(row: dict[str, str]) -> tuple[float | None, str]:
    """The score, and what is wrong with the row."""
    dimension, written = row["dimension"].strip().casefold(), row["score"].strip()
    if not written:
        return None, ""
    if not row["item"].strip():
        return None, "item is empty"
    if dimension not in DIMENSIONS:
        return None, f"dimension {dimension!r} is none of {', '.join(DIMENSIONS)}"
    try:
        score = float(written)
    except ValueError:
        return None, f"score {written!r} is no number"
    if not LOWEST <= score <= HIGHEST:  # also refuses nan
        return None, f"score {written} is not from {LOWEST} to {HIGHEST}"
    return score, ""
