"""Lorebook entries that what is said calls up, after character-card-spec V3 and what SillyTavern's users rely on.

A key is found in the latest `scan_depth` messages that the character perceived; a key in letters is found as whole
words, as front ends do it by default. Secondary keys and excluded keys narrow it. Entries that say so call up others.
They are told in their order and dropped by priority. Patterns of a card are somebody else's: each gets a moment, and
one that takes longer finds nothing. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from roletune.inference.recall.notes import Note, Size, within
from roletune.records import Lorebook, LoreEntry, Message

SCAN_DEPTH = 4  # messages, where the book says nothing
_ROUNDS = 3  # how often entries may call up others
_SCANNED = 20_000  # characters that are searched at most, the latest
_PATTERN_SECONDS = 0.05
_LETTER = r"[^\W_\u2e80-\U0003ffff]"  # of a script with spaces: elsewhere words have no borders
_SLASHED = re.compile(r"/(?P<pattern>.+)/(?P<flags>[a-z]*)", re.S)


@dataclass(frozen=True)
class Lore:
    """A book, ready to be told to one `user`; `tokens` is the room for it where the book has no budget of its own."""

    book: Lorebook
    user: str
    tokens: int

    def notes(self, said: Sequence[Message], size: Size) -> tuple[Note, ...]:
        """The entries that `said` calls up, as notes in their order."""
        called = called_up(self.book, said)
        budget = self.tokens if self.book.token_budget is None else min(self.tokens, self.book.token_budget)
        ranked = sorted(called, key=lambda entry: (not entry.constant, -entry.priority, entry.order))
        told = within([self._note(entry) for entry in ranked], budget, size)
        ordered = [self._note(entry) for entry in sorted(called, key=lambda entry: entry.order)]
        return tuple(note for note in ordered if note in told)

    def _note(self, entry: LoreEntry) -> Note:
        return Note(
            "lore",
            entry.text.replace("{{user}}", self.user),
            entry.title,
            # What is always told is told where an engine has read it before; so is what asks for a place of its own.
            steady=entry.depth is None and (entry.constant or entry.place == "before"),
            before=entry.place == "before",
            depth=entry.depth or 0,
        )


def called_up(book: Lorebook, said: Sequence[Message]) -> list[LoreEntry]:
    """The entries that are told after `said`, in the order of the book."""
    replies = sum(message.role == "assistant" for message in said)
    found: dict[str, LoreEntry] = {}
    more: list[str] = []
    for _ in range(_ROUNDS if book.recursive else 1):
        new = [
            entry
            for entry in book.entries
            if entry.id not in found and _in_time(entry, replies) and _called(entry, book, said, more)
        ]
        if not new:
            break
        found |= {entry.id: entry for entry in new}
        more += [entry.text for entry in new]
    return [entry for entry in book.entries if entry.id in found]


def _in_time(entry: LoreEntry, replies: int) -> bool:
    return replies >= entry.after_replies and replies % entry.every_replies == 0


def _called(entry: LoreEntry, book: Lorebook, said: Sequence[Message], more: Iterable[str]) -> bool:
    if entry.constant:
        return True
    depth = next((each for each in (entry.scan_depth, book.scan_depth) if each is not None), SCAN_DEPTH)
    recent = said[max(0, len(said) - depth) :]
    before = said[: len(said) - len(recent)]
    if entry.once and any(_matches(entry, message.content) for message in before):
        return False
    if _matches(entry, "\n".join([*(message.content for message in recent), *more])):
        return True
    return entry.keep and any(_matches(entry, message.content) for message in before)


def _matches(entry: LoreEntry, text: str) -> bool:
    text = text[-_SCANNED:]
    if not any(_found(key, entry, text) for key in entry.keys):
        return False
    if any(_found(key, entry, text) for key in entry.exclude_keys):
        return False
    if not entry.secondary_keys:
        return True
    beside = [_found(key, entry, text) for key in entry.secondary_keys]
    return {"any": any(beside), "all": all(beside), "none": not any(beside), "not_all": not all(beside)}[entry.logic]


def _found(key: str, entry: LoreEntry, text: str) -> bool:
    slashed = _SLASHED.fullmatch(key)
    if entry.regex and slashed:
        return _searched(slashed["pattern"], slashed["flags"], text)
    if entry.regex:
        return _searched(key, "" if entry.case_sensitive else "i", text)
    flags = 0 if entry.case_sensitive else re.I
    before = rf"(?<!{_LETTER})" if _is_letter(key[0]) else ""
    after = rf"(?!{_LETTER})" if _is_letter(key[-1]) else ""
    return re.search(f"{before}{re.escape(key)}{after}", text, flags) is not None


def _is_letter(sign: str) -> bool:
    return sign.isalnum() and sign < "\u2e80"


def _searched(pattern: str, flags: str, text: str) -> bool:
    """Whether a pattern is found; one that is wrong or takes too long is not."""
    import regex

    given: Any = 0
    for sign, flag in (("i", regex.I), ("m", regex.M), ("s", regex.S)):
        given |= flag if sign in flags else 0
    try:
        return regex.search(pattern, text, given, timeout=_PATTERN_SECONDS) is not None
    except (regex.error, TimeoutError, RecursionError):
        return False
