"""Other roles, from files: Wikidata entities, answers of its query service, extracts of Wikipedia, cards of your own.

A file, or a folder of them, each JSON or one JSON value a line:

    {"entities": {"Q692": {...}}}                 Special:EntityData; a list or dump of entities; {"type": "item", ...}
    {"results": {"bindings": [...]}}              the answer to `wikidata_roles.sparql`, which stands beside this file
    {"query": {"pages": {...}}}                   Wikipedia's API with prop=extracts
    {"name": ..., "description": ..., ...}        a card of your own: the fields of `RoleCard`

An article joins the card whose name, or title on Wikipedia, it has. A claim is put into words if its property and its
value are named in the same files; dates, numbers and texts name themselves. Nothing is fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from roletune.errors import SourceError
from roletune.records import RoleCard
from roletune.sources.text import read_text

QUERY = Path(__file__).with_name("wikidata_roles.sparql")
_DATE = re.compile(r"^([+-])0*(\d+)-(\d\d)-(\d\d)T")


def read_role_cards(path: Path, language: str) -> list[RoleCard]:
    """Every role in a file or folder, by name; one that is told of twice is one card.

    Raises SourceError if there is nothing that can be read, or no role in it.
    """
    files = sorted(file for file in path.rglob("*.json*") if file.is_file()) if path.is_dir() else [path]
    values = [value for file in files for value in _values(file)]
    entities = {one["id"]: one for value in values for one in _entities(value)}
    articles = {title: text for value in values for title, text in _articles(value)}
    cards: dict[str, RoleCard] = {}
    for card in (*_of_entities(entities, language), *_of_bindings(values), *_own(values)):
        article = card.article or articles.get(card.title or card.name, "")
        known = cards.get(card.name)
        cards[card.name] = card.model_copy(update={"article": article}) if known is None else known
    if not cards:
        raise SourceError(
            f"{path} holds no roles. Export entities from Wikidata as JSON, or write cards: see docs/ditto.md."
        )
    return [cards[name] for name in sorted(cards)]


def _values(file: Path) -> Iterator[Any]:
    text = read_text(file)
    try:
        yield json.loads(text)
    except ValueError:
        lines = [line.strip().rstrip(",") for line in text.splitlines()]
        try:
            yield from [json.loads(line) for line in lines if line not in ("", "[", "]")]
        except ValueError as error:
            raise SourceError(f"{file} is not JSON, nor JSON a line: {error}. Export it again as JSON.") from error


def _entities(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from _entities(one)
    elif isinstance(value, dict):
        inner = value.get("entities")
        for one in inner.values() if isinstance(inner, dict) else [value]:
            if isinstance(one, dict) and isinstance(one.get("id"), str) and isinstance(one.get("labels"), dict):
                yield one


def _of_entities(entities: dict[str, dict[str, Any]], language: str) -> Iterator[RoleCard]:
    names = {key: _text(one["labels"], language) for key, one in entities.items()}
    for key, one in entities.items():
        description = _text(one.get("descriptions"), language)
        claims = one.get("claims")
        if not (names[key] and description and isinstance(claims, dict) and claims):
            continue  # a property, or what only names a value
        if not {"Q5", "Q15632617", "Q95074"} & set(_ids(claims.get("P31", []))):
            continue  # neither a human, nor a fictional human or character
        yield RoleCard(
            name=names[key],
            description=description,
            aliases=tuple(_listed(one.get("aliases"), language)),
            facts=tuple(_facts(claims, names)),
            title=str((one.get("sitelinks") or {}).get(f"{language}wiki", {}).get("title", "")),
            source=f"wikidata:{key}",
        )


def _text(labels: Any, language: str) -> str:
    found = (labels.get(language) or labels.get("mul") or {}) if isinstance(labels, dict) else {}
    return str(found.get("value", "")) if isinstance(found, dict) else ""


def _listed(aliases: Any, language: str) -> list[str]:
    found = aliases.get(language, []) if isinstance(aliases, dict) else []
    return [str(one["value"]) for one in found if isinstance(one, dict) and one.get("value")]


def _ids(statements: Iterable[Any]) -> list[str]:
    return [str(value["id"]) for one in statements if isinstance(value := _value(one), dict) and "id" in value]


def _value(statement: Any) -> Any:
    snak = statement.get("mainsnak", {}) if isinstance(statement, dict) else {}
    return snak.get("datavalue", {}).get("value") if isinstance(snak, dict) else None


def _facts(claims: dict[str, Any], names: dict[str, str]) -> Iterator[str]:
    for key, statements in claims.items():
        told = [text for one in statements if (text := _told(_value(one), names))]
        if names.get(key) and told:
            yield f"{names[key]}: {', '.join(told)}"


def _told(value: Any, names: dict[str, str]) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return ""
    if date := _DATE.match(str(value.get("time", ""))):
        sign, year, month, day = date.groups()
        return f"{year}{' BC' if sign == '-' else ''}" + (f"-{month}-{day}" if "00" not in (month, day) else "")
    return names.get(str(value.get("id", "")), "") or str(value.get("text") or value.get("amount", "")).lstrip("+")


def _articles(value: Any) -> Iterator[tuple[str, str]]:
    pages = value.get("query", {}).get("pages", {}) if isinstance(value, dict) else {}
    for page in pages.values() if isinstance(pages, dict) else pages:
        if isinstance(page, dict) and page.get("title") and page.get("extract"):
            yield str(page["title"]), str(page["extract"])


def _of_bindings(values: Iterable[Any]) -> Iterator[RoleCard]:
    for value in values:
        found = value.get("results", {}).get("bindings", []) if isinstance(value, dict) else []
        for row in found:
            told = {name: str(cell.get("value", "")) for name, cell in row.items() if isinstance(cell, dict)}
            if told.get("itemLabel") and told.get("itemDescription"):
                source = f"wikidata:{told.get('item', '').rpartition('/')[2]}"
                yield RoleCard(name=told["itemLabel"], description=told["itemDescription"], source=source)


def _own(values: Iterable[Any]) -> Iterator[RoleCard]:
    for value in values:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and "name" in one and "description" in one:
                try:
                    yield RoleCard.model_validate({"source": "card", **one})
                except ValidationError as error:
                    mistakes = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
                    raise SourceError(f"The card of {str(one['name'])[:60]!r} can't be used: {mistakes}.") from error
