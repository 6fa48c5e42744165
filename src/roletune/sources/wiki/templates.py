"""What wiki templates show: quotes, dialogue, lists, dates and the small ones inside sentences.

A wiki defines its own templates; what each does can't be known. Those here are the ones that carry words of the page
and mean the same on the wikis that have them (`wikitext.yaml`). Any other shows nothing, and its name is reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from roletune.sources.wiki.names import is_one_of, names, signs


@dataclass(frozen=True)
class Arguments:
    """The arguments of one template, already as text: by position, and by lower-case name."""

    positional: tuple[str, ...]
    named: dict[str, str]

    def first(self, *names: str) -> str:
        """The first argument there is among `names`; a number counts positional ones from 1."""
        for name in names:
            index = int(name) - 1 if name.isdigit() else -1
            value = self.positional[index] if 0 <= index < len(self.positional) else self.named.get(name, "")
            if value:
                return value
        return ""


Show = Callable[[Arguments], str]


def shown(name: str, arguments: Arguments) -> str | None:
    """What the template `name` shows, "" if nothing; None if it is not known."""
    key = _key(name)
    show = _shows().get(key)
    if show:
        return show(arguments)
    if key.startswith("lang-"):
        return arguments.first("1")
    return "" if is_one_of(key, "silent") else None


def is_infobox(name: str) -> bool:
    """Whether a template's name says that it is a box of facts."""
    key = _key(name)
    return "infobox" in key or key.startswith(("taxobox", "personendaten")) or key.endswith("_box_character")


def is_disambiguation(name: str) -> bool:
    """Whether a template's name says that the page lists what its title may mean."""
    return is_one_of(_key(name), "disambiguation")


def dialogue_lines(name: str, arguments: Arguments) -> list[tuple[str, str]] | None:
    """(speaker, text) of a template that holds dialogue, a speaker "" for an action; None for any other template."""
    key = _key(name)
    if key not in names("dialogues") and key not in names("lines"):
        return None
    who = arguments.first("speaker", "character", "name", "who")
    said = arguments.first("text", "line", "dialogue", "quote", "content")
    if who and said:
        return [(who, said)]
    if who:
        return [(who, " ".join(filter(None, arguments.positional)))]
    parts = [part.strip() for part in arguments.positional]
    if key in names("lines") and len(parts) > 2:
        return [(" and ".join(filter(None, parts[:-1])), parts[-1])]
    # Pairs of speaker and line; a last one alone names the episode they come from, and nobody says it.
    return [(parts[i], parts[i + 1]) for i in range(0, len(parts) - 1, 2) if parts[i + 1]]


def _key(name: str) -> str:
    return "_".join(
        re.sub(r"^\s*+(?:template|vorlage)\s*+:", "", name, flags=re.I).casefold().replace("_", " ").split()
    )


def _quote(arguments: Arguments) -> str:
    said = arguments.first("text", "quote", "content", "zitat", "texto", "1").strip("\"“”„ \n'")
    author = arguments.first("author", "by", "sign", "speaker", "character", "autor", "2")
    source = arguments.first("source", "title", "quelle", "3")
    told = ", ".join(part for part in (author, source) if part)
    return f"\n\n“{said}”{f' ({told})' if told else ''}\n\n" if said else ""


def _dialogue(arguments: Arguments) -> str:
    lines = dialogue_lines("dialogue", arguments) or []
    return "\n\n" + "\n".join(f"{who}: {said}" if who else said for who, said in lines) + "\n\n"


def _last(arguments: Arguments) -> str:
    return arguments.positional[-1] if arguments.positional else ""


def _listed(arguments: Arguments) -> str:
    items = [line.strip(" -") for value in arguments.positional for line in value.splitlines()]
    return ", ".join(item for item in items if item)


def _date(arguments: Arguments) -> str:
    numbers = [part.strip() for part in arguments.positional if re.fullmatch(r"\s*\d{1,4}\s*", part)][:3]
    return "-".join(number.zfill(2) for number in numbers) or arguments.first("1")


def _sign(text: str) -> Show:
    return lambda _: text


@cache
def _shows() -> dict[str, Show]:
    groups: dict[str, Show] = {
        "quotes": _quote,
        "dialogues": _dialogue,
        "lines": _dialogue,
        "first": lambda arguments: arguments.first("1"),
        "second_or_first": lambda arguments: arguments.first("2", "1"),
        "last": _last,
        "lists": _listed,
        "dates": _date,
    }
    shows = {name: show for group, show in groups.items() for name in names(group)}
    shows |= {name: _sign(text) for name, text in signs().items()}
    shows |= dict.fromkeys(("convert", "cvt"), lambda arguments: " ".join(filter(None, arguments.positional[:2])))
    shows |= dict.fromkeys(("circa", "c."), lambda arguments: f"c. {arguments.first('1')}".strip())
    return shows
