"""Conversations that others trained models on: ShareGPT, OpenAI messages, Alpaca and their relatives.

A conversation is a scene. Speakers keep the name that is printed: that of the message, or its role (`human`, `gpt`,
`user`, `assistant`); the settings of the source say which of them is the character. What a system message says is the
scene's background. Keys that are not known are passed over; what gives no turn is unread, with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roletune.records import Turn
from roletune.rendering.script import ParsedScene, UnreadLine
from roletune.sources.json_documents import JsonDocument, JsonDocuments, read_json
from roletune.sources.reading import Reading

_LISTS = ("conversations", "messages", "conversation", "items")
_ROLES = ("name", "from", "role", "speaker")
_TEXTS = ("value", "content", "text")
_SYSTEM = {"system", "developer"}
_TOOLS = {"tool", "function", "function_call", "observation", "tool_call", "tool_response"}

ASKS, ANSWERS = "user", "assistant"  # who speaks in rows that name nobody

# Of one document: its scene, and what in it gave nothing, with the reason.
_Row = tuple[ParsedScene, list[tuple[Any, str]]]


def read_sharegpt(data: bytes, name: str) -> Reading:
    """Rows of `{"conversations": [{"from": ..., "value": ...}]}`, as ShareGPT and those after it write them.

    Raises SourceError for a file that holds no JSON.
    """
    return _reading(read_json(data, name), _chat)


def read_openai_messages(data: bytes, name: str) -> Reading:
    """Rows of `{"messages": [{"role": ..., "content": ...}]}`, bare lists of messages, or one such list.

    Raises SourceError for a file that holds no JSON.
    """
    found = read_json(data, name)
    if found.documents and all(_is_message(document.value) for document in found.documents):
        first, last = found.documents[0], found.documents[-1]
        whole = JsonDocument([document.value for document in found.documents], first.start, last.end, first.line)
        found = JsonDocuments(found.text, (whole,), found.broken)
    return _reading(found, _chat)


def read_alpaca(data: bytes, name: str) -> Reading:
    """Rows of `{"instruction": ..., "input": ..., "output": ...}`, with `system` and `history` where they have them.

    Dolly's `context` and `response` and the older `prompt` and `completion` are read as well. Raises SourceError for a
    file that holds no JSON.
    """
    return _reading(read_json(data, name), _exchange)


def _reading(found: JsonDocuments, read: Callable[[Any], _Row]) -> Reading:
    scenes: list[ParsedScene] = []
    unread = list(found.broken)
    for document in found.documents:
        scene, lost = read(document.value)
        scene.line = document.line
        if scene.turns:
            scenes.append(scene)
            unread += [UnreadLine(document.line, _printed(part), reason) for part, reason in lost]
        else:
            reasons = dict.fromkeys(reason for _, reason in lost)
            unread.append(found.unread(document, "; ".join(["a conversation without turns", *reasons])))
    return Reading(scenes=tuple(scenes), unread=tuple(sorted(unread, key=lambda line: line.number)))


def _printed(part: Any) -> str:
    return part if isinstance(part, str) else str(part)


def _chat(row: Any) -> _Row:
    scene, lost = ParsedScene(), []
    messages = row if isinstance(row, list) else _first(row, _LISTS, list)
    if messages is None:
        return scene, [(row, f"none of {', '.join(_LISTS)} is a list in it")]
    background = [_first(row, ("system", "system_prompt"), str) or ""]
    for message in messages:
        role = _first(message, ("from", "role"), str) or ""
        speaker = (_first(message, _ROLES, str) or "").strip()
        text, others = _text(message)
        lost += [(part, "a part that is no text") for part in others]
        if role.casefold() in _SYSTEM:
            background.append(text)
        elif role.casefold() in _TOOLS:
            lost.append((message, "what a tool was told or said"))
        elif not text:
            lost.append((message, "a message without text"))
        elif not speaker:
            lost.append((message, "a message that nobody says"))
        else:
            scene.turns.append(Turn(speaker=speaker, text=text))
    _set_background(scene, background)
    return scene, lost


def _exchange(row: Any) -> _Row:
    scene, lost = ParsedScene(), []
    for pair in _first(row, ("history",), list) or []:  # earlier exchanges, as LLaMA-Factory has them
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) and text.strip() for text in pair):
            scene.turns += _asked(*pair)
        else:
            lost.append((pair, "no pair of question and answer"))
    parts = (_first(row, keys, str) for keys in (("instruction", "prompt"), ("input", "context")))
    question = "\n\n".join(part.strip() for part in parts if part and part.strip())
    answer = (_first(row, ("output", "response", "completion"), str) or "").strip()
    if question and answer:
        scene.turns += _asked(question, answer)
    else:
        lost.append((row, "a question without an answer" if question else "there is no question in it"))
    _set_background(scene, [_first(row, ("system",), str) or ""])
    return scene, lost


def _asked(question: str, answer: str) -> list[Turn]:
    return [Turn(speaker=ASKS, text=question.strip()), Turn(speaker=ANSWERS, text=answer.strip())]


def _set_background(scene: ParsedScene, parts: list[str]) -> None:
    background = "\n\n".join(part.strip() for part in parts if part.strip())
    if background:
        scene.headers["background"] = background


def _text(message: Any) -> tuple[str, list[Any]]:
    """(what a message says, its parts that are no text); a message may be a list of parts."""
    content = _first(message, _TEXTS, (str, list))
    if not isinstance(content, list):
        return (content or "").strip(), []
    texts = [part if isinstance(part, str) else _first(part, ("text",), str) for part in content]
    others = [part for part, text in zip(content, texts, strict=True) if text is None]
    return "\n".join(text for text in texts if text is not None).strip(), others


def _is_message(value: Any) -> bool:
    return _first(value, ("role", "from"), str) is not None and _first(value, _LISTS, list) is None


def _first(row: Any, keys: tuple[str, ...], kind: type | tuple[type, ...]) -> Any:
    """The first of `keys` whose value in `row` is of `kind`, None if there is none."""
    if not isinstance(row, dict):
        return None
    return next((row[key] for key in keys if isinstance(row.get(key), kind)), None)
