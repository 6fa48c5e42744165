"""Turns as Character-LLM's parser writes them: `{"role": "JARVIS", "action": "(thinking)", "content": "..."}`.

Its faults are undone where the record still tells them: a sentence that it took for an action is spoken, an action
that is one stays one.
"""

from __future__ import annotations

from typing import Any

from roletune.records import Turn
from roletune.rendering.script_lines import read_manner, read_remark


def read_turns(dialogue: Any) -> tuple[list[Turn], list[tuple[str, str]]]:
    """(turns, what is none with its reason) of the list under `dialogue`."""
    turns: list[Turn] = []
    lost: list[tuple[str, str]] = []
    for said in dialogue if isinstance(dialogue, list) else []:
        role, action, content = (_text(said, key) for key in ("role", "action", "content"))
        reason = _reason(said, role, action, content)
        if reason:
            lost.append((" ".join(filter(None, (role, action, content))) or str(said), reason))
        else:
            turns += _turns(role, action, content)
    return turns, lost


def _reason(said: Any, role: str, action: str, content: str) -> str:
    if not isinstance(said, dict):
        return "no turn of Character-LLM"
    if not role:
        return "a turn that nobody is named for"
    return read_remark(f"{role}:") or ("" if action or content else "a turn without words")


def _turns(role: str, action: str, content: str) -> list[Turn]:
    bracketed = action.startswith("(") and action.rstrip(":").endswith(")")
    if action and not bracketed:  # a block of three lines: its second was speech as well
        return [Turn(speaker=role, text="\n".join(filter(None, (action, content))))]
    kind, audience, done = read_manner(action.strip("(): "))
    turns = [Turn(speaker=role, text=done, kind="action")] if done else []
    if content:
        turns.append(Turn(speaker=role, text=content, kind=kind, audience=audience))
    return turns


def _text(said: Any, key: str) -> str:
    value = said.get(key) if isinstance(said, dict) else None
    return value.strip() if isinstance(value, str) else ""
