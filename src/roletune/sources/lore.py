"""Lorebook entries as records: what a front end's own words and the V3 decorators at their top mean for us.

Decorators that say when an entry is told or where are followed; the others (of buttons, portraits and instruct modes)
are ignored with their values, as the specification wants it: a fallback (`@@@name`) counts where the one before it is
not known. SillyTavern's depth and logic of secondary keys are read from `extensions`. Macros are replaced but for
{{user}}, whose name only a chat knows. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from roletune.records import Lorebook as LorebookRecord
from roletune.records import LoreEntry, fingerprint
from roletune.sources.cards.lorebook import Decorator, Entry, Lorebook
from roletune.sources.cards.script import Names, expand

USER = "{{user}}"
MOST = 5000  # entries, and characters of a key
_AT_DEPTH = 4  # SillyTavern's number for "at a depth"
_LOGIC = {0: "any", 1: "not_all", 2: "none", 3: "all"}


def lore_of(book: Lorebook, character: str) -> LorebookRecord:
    """The entries that are in use."""
    names = Names(character, USER)
    entries = [entry_of(entry, names) for entry in book.entries[:MOST] if entry.enabled and entry.text]
    return LorebookRecord(
        entries=tuple(entry for entry in entries if entry is not None),
        scan_depth=_number(book.scan_depth),
        token_budget=_number(book.token_budget),
        recursive=bool(book.recursive_scanning),
    )


def joined(books: Iterable[tuple[str, LorebookRecord]]) -> LorebookRecord:
    """Several books as one, each entry with the name of its file; the widest scan and the largest budget win."""
    told = [(name, book) for name, book in books if book.entries]
    depths = [book.scan_depth for _, book in told if book.scan_depth is not None]
    budgets = [book.token_budget for _, book in told if book.token_budget is not None]
    entries = {entry.id: entry.model_copy(update={"source": name}) for name, book in told for entry in book.entries}
    return LorebookRecord(
        entries=tuple(entries.values()),
        scan_depth=max(depths, default=None),
        token_budget=max(budgets, default=None),
        recursive=any(book.recursive for _, book in told),
    )


def entry_of(entry: Entry, names: Names) -> LoreEntry | None:
    """One entry; None if it can never be told: it is only for greetings, is told not to be activated, or is empty."""
    fields: dict[str, Any] = {
        "title": expand(entry.title, names),
        "text": expand(entry.text, names).strip(),
        "keys": _keys(entry.keys, names),
        "secondary_keys": _keys(entry.secondary_keys, names) if entry.selective or _logic(entry) else (),
        "logic": _LOGIC.get(_logic(entry), "any"),
        "regex": entry.use_regex,
        "case_sensitive": bool(entry.case_sensitive),
        "constant": bool(entry.constant),
        "order": entry.insertion_order if isinstance(entry.insertion_order, int) else 0,
        "priority": _number(entry.priority) or 0,
        "place": "before" if str(entry.position).startswith("before") else "after",
        "depth": _depth(entry),
    }
    for decorator in _understood(entry.decorators):
        change = _DECORATORS[decorator.name](decorator.value)
        if change is None:
            return None
        fields |= {name: (*fields[name], *value) if name == "keys" else value for name, value in change.items()}
    if not fields["text"] or not (fields["keys"] or fields["constant"]):
        return None
    return LoreEntry(id=fingerprint("lore", fields), **fields)


def _understood(decorators: Sequence[Decorator]) -> list[Decorator]:
    """Those that are known: of a decorator and its fallbacks the first."""
    found: list[Decorator] = []
    settled = False
    for decorator in decorators:
        settled = settled and decorator.fallback
        if not settled and decorator.name in _DECORATORS and _sound(decorator):
            found.append(decorator)
            settled = True
    return found


def _sound(decorator: Decorator) -> bool:
    """Whether a decorator that wants a number has one."""
    return decorator.name not in _NUMBERED or _number(decorator.value) is not None


Change = dict[str, Any] | None


def _position(value: str) -> Change:
    return {"place": "before" if value in ("before_desc", "personality") else "after", "depth": None}


def _counted(field: str, least: int = 0) -> Callable[[str], Change]:
    return lambda value: {field: max(least, _number(value) or 0)}


_DECORATORS: dict[str, Callable[[str], Change]] = {
    "activate_only_after": _counted("after_replies"),
    "activate_only_every": _counted("every_replies", 1),
    "depth": _counted("depth"),
    "scan_depth": _counted("scan_depth"),
    "position": _position,
    "keep_activate_after_match": lambda value: {"keep": True},
    "dont_activate_after_match": lambda value: {"once": True},
    "additional_keys": lambda value: {"keys": _listed(value)},
    "exclude_keys": lambda value: {"exclude_keys": _listed(value)},
    "activate": lambda value: {"constant": True},
    "dont_activate": lambda value: None,
    "is_greeting": lambda value: None,
}
_NUMBERED = {"activate_only_after", "activate_only_every", "depth", "scan_depth"}


def _keys(keys: Iterable[str], names: Names) -> tuple[str, ...]:
    return tuple(key for word in keys if (key := expand(word, names).strip()) and len(key) <= MOST)


def _listed(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _logic(entry: Entry) -> int:
    logic = entry.extensions.get("selectiveLogic", entry.extensions.get("selective_logic", 0))
    return logic if isinstance(logic, int) else 0


def _depth(entry: Entry) -> int | None:
    if entry.extensions.get("position", entry.position) != _AT_DEPTH:
        return None
    return _number(entry.extensions.get("depth")) or 0


def _number(value: Any) -> int | None:
    """A number that is not negative, also where a front end writes it as a text."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 10:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None
