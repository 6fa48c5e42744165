"""WikiRoleEval's items: a role, four candidates for who it is, and questions inside and outside of its world.

Ditto's rows are JSON lines: `prompts`, and under `meta` (or beside it) `label`, `lang`, `summary`,
`role_consist_cands`, `rejection_labels` (1: should be declined) and `evidence`, one of each a question.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roletune.errors import EvaluationError

CANDIDATES = 4


@dataclass(frozen=True)
class WikiTurn:
    """One question; `in_scope` if the role can know the answer, which `evidence` then tells."""

    question: str
    in_scope: bool
    evidence: str = ""


@dataclass(frozen=True)
class WikiRole:
    """One role's conversation; `right` is the index of the right one among the four `candidates` (name and bio)."""

    id: str
    role: str
    language: str
    summary: str
    candidates: tuple[str, ...]
    right: int
    turns: tuple[WikiTurn, ...]


@dataclass(frozen=True)
class WikiRoleFile:
    """The items of a file, and for each line that is none its number and why."""

    items: tuple[WikiRole, ...]
    unread: tuple[tuple[int, str], ...]


def read_wikirole(path: Path) -> WikiRoleFile:
    """Every row of the file, in order. Raises EvaluationError if it can't be read or holds no item."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} can't be read as UTF-8 text. Give WikiRoleEval's JSONL file.") from error
    items, unread = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            items.append(_item(json.loads(line), number))
        except (ValueError, RecursionError) as error:
            unread.append((number, str(error)))
    if not items:
        raise EvaluationError(f"{path} has no item of WikiRoleEval. First problem: {unread[:1]}.")
    return WikiRoleFile(tuple(items), tuple(unread))


def _item(row: Any, number: int) -> WikiRole:
    """Raises ValueError with the reason if the row is no item."""
    if not isinstance(row, dict):
        raise ValueError("no object")
    meta = {**row, **(row["meta"] if isinstance(row.get("meta"), dict) else {})}
    prompts, label = meta.get("prompts"), meta.get("label")
    if not isinstance(label, str) or not label.strip() or not isinstance(prompts, list) or not prompts:
        raise ValueError("no label or no prompts")
    labels = meta.get("rejection_labels", meta.get("rejection labels"))
    if (
        not isinstance(labels, list)
        or len(labels) != len(prompts)
        or not all(each in (0, 1, "0", "1") for each in labels)
    ):
        raise ValueError("rejection_labels are not one 0 or 1 a prompt")
    candidates = _texts(meta.get("role_consist_cands"))
    begins = re.compile(rf"\s*{re.escape(label.strip())}(?!\w)", re.IGNORECASE)
    right = [k for k, text in enumerate(candidates) if begins.match(text)]
    if len(candidates) != CANDIDATES or len(right) != 1:
        raise ValueError(f"role_consist_cands are not four of which one begins with {label!r}")
    evidence = [*_texts(meta.get("evidence")), *[""] * len(prompts)]
    turns = [WikiTurn(str(q), int(out) == 0, proof) for q, out, proof in zip(prompts, labels, evidence, strict=False)]
    summary, language = str(meta.get("summary") or ""), str(meta.get("lang") or "en")
    return WikiRole(f"{number}", label.strip(), language, summary, candidates, right[0], tuple(turns))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()
