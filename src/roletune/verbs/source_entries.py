"""Entries under `sources:` of character.yaml, added in the text itself: not a byte of what the user wrote changes.

Guarantees: the file that comes out says what it said before and the new entries, nothing else; that is checked by
reading it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from roletune.errors import ProjectError

Entry = dict[str, str | list[str] | dict[str, str]]


def add_entries(text: str, entries: Sequence[Entry]) -> str:
    """`text` of a character.yaml with `entries` at the end of its sources.

    Raises ProjectError if it is written in a way that can't be added to, with what to write by hand.
    """
    if not entries:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    node = _sources(text)
    if node is None:
        base = text if text.endswith("\n") or not text else text + newline
        added = base + newline.join(["sources:", *(f"  - {_flow(entry)}" for entry in entries), ""])
    else:
        at, insertion = _insertion(text, node, entries, newline)
        added = text[:at] + insertion + text[at:]
    if _read(added) != _expected(text, entries):
        by_hand = "".join(f"\n  - {_flow(entry)}" for entry in entries)
        raise ProjectError(f"`sources` of character.yaml can't be added to as it is written. Add by hand:{by_hand}")
    return added


def _insertion(text: str, node: yaml.Node, entries: Sequence[Entry], newline: str) -> tuple[int, str]:
    """Where in the text the entries belong, and what to write there."""
    if isinstance(node, yaml.SequenceNode) and node.flow_style:
        listed = ", ".join(_flow(entry) for entry in entries)
        return (_end(node.value[-1]), f", {listed}") if node.value else (node.start_mark.index + 1, listed)
    listing = isinstance(node, yaml.SequenceNode)  # else `sources:` with nothing behind it
    indent = " " * node.start_mark.column if listing else "  "
    last = len(text[: _end(node.value[-1]) if listing else node.start_mark.index].rstrip())
    lines = newline.join(f"{indent}- {_flow(entry)}" for entry in entries) + newline
    at = text.find("\n", last)  # a remark at the end of the line stays with its entry
    return (len(text), newline + lines) if at < 0 else (at + 1, lines)


def _sources(text: str) -> yaml.Node | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == "sources"), None)


def _end(node: yaml.Node) -> int:
    """The offset after a node's last character: that of a block ends where its last part does."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _flow(entry: Entry) -> str:
    written: str = yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, allow_unicode=True, width=100_000)
    return written.strip()


def _expected(text: str, entries: Sequence[Entry]) -> Any:
    values = yaml.safe_load(text) or {}
    return {**values, "sources": [*(values.get("sources") or []), *entries]}


def _read(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
