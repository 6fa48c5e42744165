"""Adding questions to a file that people edit: what stands in it stays as it is, byte for byte.

Guarantees: new questions only follow what is there, and the file is read again before it is replaced: if it would not
hold the old questions and then the new ones, nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import yaml

from roletune.engine.store import write_text
from roletune.errors import ProjectError
from roletune.evaluation.questions import read_questions
from roletune.records import Question

HEAD = "# Questions of the interview: change, delete and add as you like; `roletune questions` only adds to them.\n"


def add_questions(path: Path, new: Sequence[Question]) -> None:
    """Write `new` after the questions of `path`. Raises ProjectError where nothing can be added to it as it stands."""
    there = read_questions(path) if path.is_file() else []
    if not new:
        return
    before = path.read_text("utf-8-sig") if there else HEAD
    text = f"{before}{'' if before.endswith(chr(10)) else chr(10)}{_entries(new)}"
    if not _reads_as(text, [*(one.text for one in there), *(_plain(one.text) for one in new)]):
        raise ProjectError(
            f"Nothing can be added to {path} as it is written. Make it a list with one entry a line, at the left edge: "
            '`- {topic: relationships, text: "Who are you to him?"}`.'
        )
    write_text(path, text)


def _entries(questions: Sequence[Question]) -> str:
    """JSON strings are YAML strings, whatever is in them."""
    groups = groupby(questions, key=lambda one: one.topic)
    return "".join(
        f"\n# {topic}\n" + "".join(f"- {{topic: {_quoted(topic)}, text: {_quoted(one.text)}}}\n" for one in group)
        for topic, group in groups
    )


def _quoted(text: str) -> str:
    return json.dumps(_plain(text), ensure_ascii=False)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _reads_as(text: str, expected: Sequence[str]) -> bool:
    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return [str(entry.get("text")).strip() for entry in entries if isinstance(entry, dict)] == list(expected)
