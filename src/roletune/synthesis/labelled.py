"""Short records in a reply: blocks of labelled lines ("Question: ..."), or JSON objects with the same names.

Labelled lines are what small writers can keep to; capable ones like to answer in JSON. Both are read, whatever stands
around them, numbered or bold, each label on a line of its own or after the end of a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from roletune.llm.request import ChatReply
from roletune.llm.short_answer import read_objects

Labels = Mapping[str, Sequence[str]]
"""Name of a field -> how it may be spelled, in any language. The first field begins a new block."""

_LONGEST = 100_000  # characters that are read of a reply


def read_blocks(reply: ChatReply, labels: Labels) -> list[dict[str, str]]:
    """Every block as field -> text. Of a reply that was cut off, the last block counts only if a field follows."""
    text = reply.text[:_LONGEST]
    names = {spelling.casefold(): name for name, spellings in labels.items() for spelling in (name, *spellings)}
    rows = [row for one in read_objects(text, "items") if (row := _of_object(one, names))]
    if rows:
        return rows
    blocks = _of_lines(text, names, next(iter(labels)))
    return blocks[:-1] if reply.finish_reason == "length" else blocks


def _of_object(one: Mapping[str, object], names: Mapping[str, str]) -> dict[str, str]:
    """The fields of a JSON object that have a known name and hold text or a number."""
    known = {names.get(key.casefold().strip(), ""): value for key, value in one.items()}
    return {name: _plain(str(value)) for name, value in known.items() if name and isinstance(value, str | int | float)}


def _of_lines(text: str, names: Mapping[str, str], first: str) -> list[dict[str, str]]:
    label = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    pattern = re.compile(
        rf"(?:^[ \t>#*_\-]*(?:\d+[.)、]\s*)?[*_]*|(?<=[.!?。！？\d])\s*[*_]*)"
        rf"(?P<label>{label})\s*\d*[*_]*\s*[:：][*_]*",
        re.I | re.M,
    )
    blocks: list[dict[str, str]] = []
    found = list(pattern.finditer(text))
    for match, following in zip(found, [*found[1:], None], strict=False):
        name = names[match["label"].casefold()]
        value = _plain(text[match.end() : following.start() if following else len(text)])
        if not blocks or name == first or name in blocks[-1]:
            blocks.append({})
        blocks[-1][name] = value
    return blocks


def _plain(text: str) -> str:
    """On one line, without marks of emphasis or a rule around it."""
    return " ".join(text.split()).strip("*_-# ").strip()
