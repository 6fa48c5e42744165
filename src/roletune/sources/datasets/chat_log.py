"""Chats of SillyTavern (JSONL): the first line tells the names, each other line is a message.

    {"user_name": "Ann", "character_name": "Ben", "create_date": "...", "chat_metadata": {...}}
    {"name": "Ben", "is_user": false, "mes": "*waves* Hello.", "swipe_id": 1, "swipes": ["Hm.", "*waves* Hello."]}

A chat is one scene. `*waves*` within a message is an action, a narrator's message one of nobody, {{user}} and {{char}}
are replaced. Messages of the system, hidden ones, and a model's reasoning are unread. Swipes, the other replies that
the user saw and passed over, are no part of the scene: they are `pairs` of the reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from roletune.errors import SourceError
from roletune.records import Turn
from roletune.rendering.script import ParsedScene, UnreadLine
from roletune.sources.cards.script import Names, expand, turns_of
from roletune.sources.json_documents import JsonDocument, read_json
from roletune.sources.reading import Pair, Reading

CONTEXT_TURNS = 200  # turns before a reply that a pair keeps
_UNUSED = ("", "unused")  # what newer versions write for a name in the first line
_CURE = 'Export it from SillyTavern as JSONL: each message is one line with "name" and "mes".'


@dataclass(frozen=True)
class _Message:
    speaker: str  # "" for a narrator
    text: str
    swipes: tuple[str, ...]
    is_user: bool
    line: int

    def turns(self) -> list[Turn]:
        """Its actions and speeches; all that a narrator says is an action."""
        if not self.speaker:
            return [Turn(speaker="", text=self.text, kind="action")]
        # "..." alone is a reply too, though it has no word.
        return list(turns_of(self.speaker, self.text)) or [Turn(speaker=self.speaker, text=self.text)]


def read_chat_log(data: bytes, name: str) -> Reading:
    """A chat as one scene. Raises SourceError for a file that holds no message."""
    names, messages, unread = _read(data, name)
    turns = [turn for message in messages for turn in message.turns()]
    scene = ParsedScene(headers={"present": ", ".join(filter(None, [names.user, names.character]))}, turns=turns)
    return Reading(title=names.character, scenes=(scene,), pairs=_preference_pairs(messages), unread=tuple(unread))


def _preference_pairs(messages: list[_Message]) -> tuple[Pair, ...]:
    """Each reply that was kept against each that was passed over, in the order of the chat.

    The swipes of a greeting, to which nobody had said anything, are alternatives and no preferences: they are left out.
    """
    pairs: list[Pair] = []
    before: list[Turn] = []
    answered = False
    for message in messages:
        if answered and not message.is_user and message.speaker:
            pairs += _pairs(message, tuple(before[-CONTEXT_TURNS:]))
        answered = answered or message.is_user
        before += message.turns()
    return tuple(pairs)


def _pairs(message: _Message, context: tuple[Turn, ...]) -> Iterator[Pair]:
    for rejected in dict.fromkeys(message.swipes):
        if rejected.strip() and rejected.split() != message.text.split():
            yield Pair(context, message.speaker, message.text, rejected, message.line)


def _read(data: bytes, name: str) -> tuple[Names, list[_Message], list[UnreadLine]]:
    documents = read_json(data, name)
    names = _names(documents.documents)
    unread = list(documents.broken)
    messages: list[_Message] = []
    for place, document in enumerate(documents.documents):
        if place == 0 and isinstance(document.value, dict) and "mes" not in document.value:
            continue  # the header
        reason = _reason(document.value)
        if reason:
            unread.append(documents.unread(document, reason))
            continue
        messages.append(_message(document, names))
        unread += _reasoning(document)
    if not messages:
        raise SourceError(f"{name} holds no message of a chat. {_CURE}")
    return names, messages, sorted(unread, key=lambda line: line.number)


def _names(documents: tuple[JsonDocument, ...]) -> Names:
    """Who chats: as the header says, else as the messages do."""
    header = documents[0].value if documents and isinstance(documents[0].value, dict) else {}
    said: dict[bool, str] = {}
    for document in documents:
        row = document.value
        if isinstance(row, dict) and not _reason(row) and isinstance(row.get("name"), str):
            said.setdefault(bool(row.get("is_user")), row["name"])
    user, character = (_text(header.get(key)).strip() for key in ("user_name", "character_name"))
    user = said.get(True, "User") if user in _UNUSED else user
    return Names(said.get(False, "") if character in _UNUSED else character, user)


def _reason(row: Any) -> str:
    """Why a line is no message of the chat, "" if it is one."""
    if not isinstance(row, dict) or not isinstance(row.get("mes"), str):
        return "no message"
    if not row["mes"].strip():
        return "a message without words"
    return "a message of the system, or hidden" if row.get("is_system") and not _is_narrator(row) else ""


def _is_narrator(row: dict[str, Any]) -> bool:
    extra = row.get("extra")
    return isinstance(extra, dict) and extra.get("type") == "narrator"


def _message(document: JsonDocument, names: Names) -> _Message:
    row = document.value
    is_user = bool(row.get("is_user"))
    speaker = _text(row.get("name")).strip() or (names.user if is_user else names.character)
    swipes = row.get("swipes")
    return _Message(
        speaker="" if _is_narrator(row) else " ".join(speaker.split()) or "Someone",
        text=expand(row["mes"], names).strip(),
        swipes=tuple(expand(swipe, names).strip() for swipe in swipes if isinstance(swipe, str))
        if isinstance(swipes, list)
        else (),
        is_user=is_user,
        line=document.line,
    )


def _reasoning(document: JsonDocument) -> list[UnreadLine]:
    extra = document.value.get("extra")
    text = _text(extra.get("reasoning")) if isinstance(extra, dict) else ""
    return [UnreadLine(document.line, text, "the model's reasoning")] if text.strip() else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
