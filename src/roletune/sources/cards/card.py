"""Character cards: read from PNG, JSON, YAML and CHARX, written as PNG (V2 and V3 in one) and JSON.

A card that is read and written again has every key it had, in its order, whether anybody here knows it or not.
Instructions to a model in a card (system prompt, post-history instructions) and its creator's notes are not about the
character: they stay in the card and are no passages. Formats: see `model`, `png`, `charx`, `lorebook`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from roletune.errors import SourceError
from roletune.records import Lorebook as LorebookRecord
from roletune.sources.cards import charx, png
from roletune.sources.cards.document import parse_json, parse_yaml, to_json
from roletune.sources.cards.kept import build
from roletune.sources.cards.lorebook import is_lorebook, paragraphs_of, parse_lorebook
from roletune.sources.cards.model import Card, enveloped, newer
from roletune.sources.cards.script import MAX_NAME, Names, examples, expand, greeting
from roletune.sources.lore import lore_of
from roletune.sources.reading import Paragraph, Reading

MAX_TEXT = 4_000_000
CHAR = "{{char}}"  # a lorebook of its own does not know whose it is
_KEYWORDS = ("ccv3", "chara")
_FIELDS = ("description", "personality", "scenario")


def parse_card(data: bytes, name: str) -> Card:
    """The card in a file of any of the formats, told by its first bytes.

    Raises SourceError for a file without a card, a damaged or hostile one, and a card without a name.
    """
    return _card(_document(data, name), name)


def read_card(data: bytes, name: str) -> Reading:
    """A card, or a lorebook of its own, as paragraphs, scenes and facts. Raises SourceError as `parse_card` does."""
    document = _document(data, name)
    if is_lorebook(document):
        return _read_lorebook(document, name)
    card = _card(document, name)
    names = Names(card.called)
    _bounded(card, name)
    scenes, unread = examples(card.data.mes_example, names)
    scenes += [greeting(text, title, names) for title, text in _greetings(card) if text.strip()]
    return Reading(
        title=card.data.name.strip(),
        paragraphs=tuple(_paragraphs(card, names)),
        scenes=tuple(scene for scene in scenes if scene.turns),
        unread=tuple(unread),
        notices=tuple(_notices(card, name)),
        url=next((source for source in card.data.source if source.startswith(("http://", "https://"))), ""),
        revision=card.data.character_version,
        date=_date(card.data.modification_date) or _date(card.data.creation_date),
        licence=_licence(card),
        facts=dict(_facts(card)),
        lore=lore_of(card.data.character_book, card.called) if card.data.character_book else LorebookRecord(),
    )


def write_card(card: Card, portrait: bytes | None = None) -> bytes:
    """A PNG with the card as V3 (`ccv3`) and V2 (`chara`); without a portrait the picture is plain grey.

    All else in the portrait stays as it is. Raises SourceError if the portrait is no PNG.
    """
    picture = png.plain_picture() if portrait is None else portrait
    texts = {"chara": card.as_v2(), "ccv3": card.as_v3()}
    packed = {keyword: base64.b64encode(to_json(document)) for keyword, document in texts.items()}
    return png.write_texts(picture, packed, "the portrait")


def write_card_json(card: Card, version: int = 3) -> bytes:
    """The card as a JSON file of V3, or of V2."""
    return to_json(card.as_v2() if version == 2 else card.as_v3(), indent=2) + b"\n"


def _document(data: bytes, name: str) -> dict[str, Any]:
    if data.startswith(png.SIGNATURE):
        return _from_png(data, name)
    if data.startswith(charx.SIGNATURE):
        return charx.read_charx(data, name)
    if data[:3] == b"\xff\xd8\xff" or data[:4] == b"RIFF":
        raise SourceError(f"{name} is a JPEG or WebP picture. Export the card as PNG, JSON or CHARX.")
    is_json = data[:100].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").startswith((b"{", b"["))
    if is_json or name.lower().endswith(".json"):
        return parse_json(data, name)
    return parse_yaml(data, name)


def _from_png(data: bytes, name: str) -> dict[str, Any]:
    """V3 where there is both; what only the older document has is added, so that rewriting loses nothing."""
    texts = png.read_texts(data, _KEYWORDS, name)
    if not texts:
        raise SourceError(f"{name} is a picture without a card. Get the original file: many sites strip metadata.")
    documents = [enveloped(parse_json(_unpacked(texts[key], name), name)) for key in _KEYWORDS if key in texts]
    first = documents[0]
    for older in documents[1:]:
        for path in ((), ("data",), ("data", "extensions")):
            _adopt(_at(first, path), _at(older, path))
    return first


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _adopt(document: Any, older: Any) -> None:
    if isinstance(document, dict) and isinstance(older, dict):
        for key, value in older.items():
            document.setdefault(key, value)


def _unpacked(text: bytes, name: str) -> bytes:
    if text.lstrip().startswith(b"{"):
        return text
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        raise SourceError(f"{name} holds a card that is no base64 ({error}). Download or export it again.") from error


def _card(document: dict[str, Any], name: str) -> Card:
    card = build(Card, enveloped(document), name)
    if not card.called:
        raise SourceError(f"{name} names no character. Give its `name`, or the file of a character card.")
    if max(len(card.data.name), len(card.called)) > MAX_NAME:
        raise SourceError(f"{name} gives a name of over {MAX_NAME} characters. Shorten it, or give a nickname too.")
    return card


def _bounded(card: Card, name: str) -> None:
    """Before macros are replaced: a name of 200 letters makes a text of {{char}} 25 times as long."""
    book = card.data.character_book
    texts = [getattr(card.data, field) for field in (*_FIELDS, "first_mes", "mes_example")]
    texts += [*card.data.alternate_greetings, *card.data.group_only_greetings]
    texts += [entry.content for entry in book.entries] if book else []
    if sum(map(len, texts)) > MAX_TEXT:
        raise SourceError(f"{name} tells over {MAX_TEXT // 1_000_000} MB of text. Give the part about the character.")


def _greetings(card: Card) -> Iterator[tuple[str, str]]:
    yield "Greeting", card.data.first_mes
    for number, text in enumerate(card.data.alternate_greetings, 2):
        yield f"Greeting {number}", text
    for number, text in enumerate(card.data.group_only_greetings, 1):
        yield f"Greeting in a group {number}", text


def _paragraphs(card: Card, names: Names) -> Iterator[Paragraph]:
    texts = [Paragraph(getattr(card.data, field), field.capitalize()) for field in _FIELDS]
    texts += paragraphs_of(card.data.character_book)[0] if card.data.character_book else ()
    for whole in texts:
        heading = expand(whole.heading, names)
        for piece in re.split(r"\n[ \t]*\n\s*", expand(whole.text.replace("\r\n", "\n"), names)):
            if re.search(r"\w", piece):
                yield Paragraph(piece.strip(), heading)


def _facts(card: Card) -> Iterator[tuple[str, str]]:
    data = card.data
    told = {
        "nickname": data.nickname.strip(),
        "tags": ", ".join(data.tags),
        "creator": data.creator,
        "version": data.character_version,
    }
    yield from ((field, value) for field, value in told.items() if value)


def _notices(card: Card, name: str) -> Iterator[str]:
    if newer(card):
        yield f"{name} follows {card.spec} {card.spec_version}, which is newer than what is known here (V3)."
    told = [field for field in ("system_prompt", "post_history_instructions") if getattr(card.data, field).strip()]
    if told:
        yield f"{name}: {' and '.join(told)} are instructions to a model, not passages."
    disabled = paragraphs_of(card.data.character_book)[1] if card.data.character_book else 0
    if disabled:
        yield f"{name}: {disabled} lorebook entries are switched off and left out."


def _licence(card: Card) -> str:
    places = [card.data.extensions, card.data.model_extra or {}, card.model_extra or {}]
    stated = (place.get(key) for place in places for key in ("license", "licence"))
    return next((value for value in stated if isinstance(value, str)), "")


def _date(seconds: Any) -> str:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 253_402_300_800:
        return ""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _read_lorebook(document: dict[str, Any], name: str) -> Reading:
    book = parse_lorebook(document, name)
    paragraphs, disabled = paragraphs_of(book)
    notice = f"{name}: {disabled} lorebook entries are switched off and left out."
    told = (notice,) if disabled else ()
    return Reading(title=book.name, paragraphs=paragraphs, notices=told, lore=lore_of(book, CHAR))
