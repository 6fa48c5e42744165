"""RoleBench: questions to many roles with their answers, one JSON row a line, in English and Chinese.

A row is `{role, question, generated: [answers]}`, in the role-specific files with a `type` that is a word or a list of
one word an answer. Every different answer is a scene in which `user` asks and the role answers; the scenes of one
question carry it as their title, so that they share a split whatever role they are of. Descriptions of roles
(`profiles-*/desc.json`, role -> text) are paragraphs headed by the role. A question without an answer is unread.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from roletune.errors import SourceError
from roletune.records import Turn
from roletune.rendering.script import ParsedScene
from roletune.sources.json_documents import JsonDocument, read_json
from roletune.sources.reading import Paragraph, Reading

ASKS = "user"

_QUESTIONS = ("question", "instruction")
_ANSWERS = ("generated", "answer", "answers", "output")


def read_rolebench(data: bytes, name: str, role: str | None = None) -> Reading:
    """Rows of all roles, or of one: `role` in whatever case and pointing (the files spell their own roles two ways).

    Raises SourceError for a file that holds no JSON, and for a role that is not in it, naming the closest ones.
    """
    found = read_json(data, name)
    roles = Counter(each for document in found.documents for each in _roles(document.value))
    wanted = {each for each in roles if role is None or _key(each) == _key(role)}
    if role is not None and not wanted:
        raise SourceError(f"{name} has no role {role!r}. {_closest(role, roles)}")
    scenes: list[ParsedScene] = []
    paragraphs: list[Paragraph] = []
    unread = list(found.broken)
    for document in found.documents:
        described = _descriptions(document)
        paragraphs += [paragraph for paragraph in described if paragraph.heading in wanted]
        if described or (_role(document.value) and _role(document.value) not in wanted):
            continue
        played = list(_scenes(document))
        scenes += played
        if not played:
            unread.append(found.unread(document, _reason(document.value)))
    return Reading(
        title=next(iter(wanted)) if len(wanted) == 1 else "",
        paragraphs=tuple(paragraphs),
        scenes=tuple(scenes),
        unread=tuple(sorted(unread, key=lambda line: line.number)),
        notices=_notices(roles, wanted),
    )


def _scenes(document: JsonDocument) -> Iterator[ParsedScene]:
    role, question = _role(document.value), _text(document.value, _QUESTIONS)
    answers, types = _answers(document.value), _listed(document.value, ("type",))
    if not role or not question:
        return
    for number, answer in answers.items():
        headers = {"answers": types[min(number, len(types) - 1)]} if types else {}
        turns = [Turn(speaker=ASKS, text=question), Turn(speaker=role, text=answer)]
        yield ParsedScene(title=question, headers=headers, turns=turns, line=document.line)


def _answers(row: Any) -> dict[int, str]:
    """The answers of a row that differ from those before them, by their place in it."""
    different: dict[str, int] = {}
    for number, answer in enumerate(_listed(row, _ANSWERS)):
        if answer:
            different.setdefault(answer, number)
    return {number: answer for answer, number in different.items()}


def _descriptions(document: JsonDocument) -> list[Paragraph]:
    row = document.value
    if not isinstance(row, dict) or not row or set(row) & {"role", *_QUESTIONS, *_ANSWERS}:
        return []
    texts = [(role, text) for role, text in row.items() if isinstance(text, str) and text.strip()]
    if len(texts) < len(row):
        return []
    return [Paragraph(text.strip(), heading=role, start=document.start, end=document.end) for role, text in texts]


def _roles(row: Any) -> list[str]:
    if _role(row):
        return [_role(row)]
    return [paragraph.heading for paragraph in _descriptions(JsonDocument(row, 0, 0, 1))]


def _reason(row: Any) -> str:
    if not isinstance(row, dict):
        return "no row of RoleBench"
    if not _text(row, _QUESTIONS):
        return "there is no question in it"
    return "a question without an answer" if _role(row) else "a question to no role"


def _role(row: Any) -> str:
    return _text(row, ("role",))


def _text(row: Any, keys: Sequence[str]) -> str:
    return next(iter(_listed(row, keys)), "")


def _listed(row: Any, keys: Sequence[str]) -> list[str]:
    """The texts under the first of `keys` that `row` has: one, or a list of them ("" for what is no text)."""
    value: Any = next((row[key] for key in keys if key in row), []) if isinstance(row, dict) else []
    values = value if isinstance(value, list) else [value]
    return [item.strip() if isinstance(item, str) else "" for item in values]


def _notices(roles: Counter[str], wanted: set[str]) -> tuple[str, ...]:
    others = {role: count for role, count in roles.items() if role not in wanted}
    if others:
        return (f"{sum(others.values()):,} rows of {len(others):,} other roles were left out.",)
    if len(wanted) > 1:
        return (f"It holds {len(wanted):,} roles: {', '.join(sorted(wanted))}.",)
    return ()


def _closest(role: str, roles: Counter[str]) -> str:
    keys = {_key(each): each for each in roles}
    near = difflib.get_close_matches(_key(role), keys, n=3, cutoff=0.4) or sorted(keys)[:10]
    return f"Did you mean {', '.join(keys[key] for key in near)}?" if near else "It names no role at all."


def _key(role: str) -> str:
    return re.sub(r"[\W_]+", "", role).casefold()
