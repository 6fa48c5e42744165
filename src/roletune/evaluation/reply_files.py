"""Replies of other systems, as files: one file a character and model, `CHARACTER.MODEL[.ANYTHING].json` or `.jsonl`.

A file holds a list (JSON) or one object a line (JSONL) with `question` and `reply`; `reply` is text, a turn
`{content: ...}` or a list of turns, as Character-LLM ships them. Talks of several rounds are left out and counted:
after the first question every contestant is asked something else. Hand labels of leaks are a YAML file
`characters: {NAME: {known: [car], MODEL: {LINE: leak}}}`; LINE counts a file's replies from 0, any label that ends in
`leak` is one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roletune.errors import EvaluationError
from roletune.evaluation.questions import read_yaml

SHAPE = "A file CHARACTER.MODEL.json holds a list of {question: ..., reply: ...}; docs/compare.md tells more."
LABELS = "Write characters: {NAME: {known: [], MODEL: {0: leak, 1: held}}}."


@dataclass(frozen=True)
class FileReply:
    """One reply of a file; `line` is its number there, from 0; `reply` is None where none came."""

    question: str
    topic: str
    reply: str | None
    line: int


@dataclass(frozen=True)
class ReplyFile:
    """The replies of one model as one character."""

    character: str
    model: str
    replies: tuple[FileReply, ...]
    talks: int = 0

    def keyed(self, character: str = "") -> dict[str, FileReply]:
        """By character and question, which pairs them with other files; a question asked twice keeps its order."""
        seen: Counter[str] = Counter()
        found = {}
        for reply in self.replies:
            found[item_key(character or self.character, reply.question, seen[reply.question])] = reply
            seen[reply.question] += 1
        return found


@dataclass(frozen=True)
class Labels:
    """Labels by hand: (character, model) to line to leak; and what each character's own world has."""

    leaks: Mapping[tuple[str, str], Mapping[int, bool]]
    known: Mapping[str, tuple[str, ...]]


def item_key(character: str, question: str, time: int = 0) -> str:
    """What makes two replies answers to the same thing."""
    return f"{character.casefold()}\n{' '.join(question.split())}\n{time}"


def read_reply_files(path: Path) -> list[ReplyFile]:
    """A file, or all files of a folder by name. Raises EvaluationError if there is none or one can't be read."""
    files = sorted(p for p in path.iterdir() if p.suffix in (".json", ".jsonl")) if path.is_dir() else [path]
    if not files:
        raise EvaluationError(f"{path} holds no replies. {SHAPE}")
    return [read_reply_file(file) for file in files]


def read_reply_file(path: Path) -> ReplyFile:
    """One file. Raises EvaluationError for a name or a content of another shape, with the entry."""
    character, _, rest = path.name.partition(".")
    model = rest.split(".")[0]
    if not character or not model or model in ("json", "jsonl"):
        raise EvaluationError(f"{path.name} does not tell whose replies it holds. {SHAPE}")
    entries = _entries(path)
    talks = sum(isinstance(entry, dict) and "question" not in entry and "content" in entry for entry in entries)
    replies = tuple(
        _reply(path, line, entry)
        for line, entry in enumerate(entries)
        if not (isinstance(entry, dict) and "question" not in entry and "content" in entry)
    )
    return ReplyFile(character, model, replies, talks)


def read_labels(path: Path) -> Labels:
    """Labels by hand. Raises EvaluationError for another shape."""
    values = read_yaml(path, LABELS)
    characters = values.get("characters") if isinstance(values, dict) else None
    if not isinstance(characters, dict) or not all(isinstance(models, dict) for models in characters.values()):
        raise EvaluationError(f"{path} holds no labels. {LABELS}")
    leaks = {
        (str(character), str(model)): {int(line): str(label).endswith("leak") for line, label in lines.items()}
        for character, models in characters.items()
        for model, lines in models.items()
        if isinstance(lines, dict)
    }
    known = {str(name): tuple(map(str, models.get("known") or ())) for name, models in characters.items()}
    return Labels(leaks, known)


def _entries(path: Path) -> Sequence[Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        values = [json.loads(line) for line in text.splitlines() if line.strip()] if path.suffix == ".jsonl" else None
        values = json.loads(text) if values is None else values
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise EvaluationError(f"{path} can't be read: {error}. {SHAPE}") from error
    if not isinstance(values, list):
        raise EvaluationError(f"{path} holds no list. {SHAPE}")
    return values


def _reply(path: Path, line: int, entry: Any) -> FileReply:
    if not isinstance(entry, dict) or not isinstance(entry.get("question"), str) or "reply" not in entry:
        raise EvaluationError(f"{path}, entry {line}: no question or no reply. {SHAPE}")
    topic = entry.get("topic") or entry.get("topic_id") or ""
    return FileReply(entry["question"], str(topic), _text(entry["reply"]), line)


def _text(reply: Any) -> str | None:
    turns = reply if isinstance(reply, list) else [reply]
    texts = [turn.get("content") if isinstance(turn, dict) else turn for turn in turns]
    said = [text for text in texts if isinstance(text, str)]
    return "\n".join(said).strip() if said else None
