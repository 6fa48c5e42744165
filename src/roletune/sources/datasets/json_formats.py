"""Which of the JSON formats a file has, by the keys of its first object.

The file may be one value, one value a line, values one after another (as some projects write them), or cut off: only
its beginning is looked at.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

# What is only found in one format comes first: a row with "role" and "question" is also a row with "instruction".
_KEYS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"spec", "data"}), "card"),
    (frozenset({"name", "first_mes"}), "card"),
    (frozenset({"char_name"}), "card"),
    (frozenset({"user_name", "character_name"}), "chat-log"),
    (frozenset({"chat_metadata"}), "chat-log"),
    (frozenset({"mes", "is_user"}), "chat-log"),
    (frozenset({"mes", "name"}), "chat-log"),
    (frozenset({"conversations"}), "sharegpt"),
    (frozenset({"messages"}), "openai-messages"),
    (frozenset({"segments"}), "speech"),
    (frozenset({"word_segments"}), "speech"),
    (frozenset({"role", "question", "generated"}), "rolebench"),
    (frozenset({"role", "question", "answer"}), "rolebench"),
    (frozenset({"prompt", "completions"}), "character-llm"),
    (frozenset({"prompt", "completion"}), "character-llm"),
    (frozenset({"prompt", "output", "source"}), "character-llm"),
    (frozenset({"dialogue", "setting"}), "character-llm"),
    (frozenset({"location", "background"}), "character-llm"),
    (frozenset({"instruction", "output"}), "alpaca"),
    (frozenset({"instruction", "response"}), "alpaca"),
    (frozenset({"page_id", "revision_id"}), "wiki"),
    (frozenset({"transcription"}), "speech"),
    (frozenset({"conversation"}), "sharegpt"),
    (frozenset({"from", "value"}), "openai-messages"),
    (frozenset({"role", "content"}), "openai-messages"),
    (frozenset({"name", "description"}), "card"),
    (frozenset({"entries"}), "card"),  # a lorebook, or World Info
)


def detect_json(text: str) -> str:
    """The format that the first object of `text` belongs to, "" for none that is known."""
    keys = _keys(_first(text))
    return next((form for needed, form in _KEYS if needed <= keys), "")


def _keys(value: Any) -> frozenset[str]:
    while isinstance(value, list) and value:
        value = value[0]
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _first(text: str) -> Any:
    """The first value of a text that may hold more of them, or break off in the middle of the first."""
    start = text.lstrip("\ufeff \t\n")
    try:
        return json.JSONDecoder().raw_decode(start)[0]
    except (ValueError, RecursionError):
        pass
    try:
        return from_json(start, allow_partial=True)
    except ValueError:
        return None
