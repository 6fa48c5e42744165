"""The character as a card for other front ends: a picture with everything in it, or the JSON alone."""

from __future__ import annotations

from pathlib import Path

from roletune.engine.store import read_records, write_bytes
from roletune.errors import ProjectError
from roletune.records import Dialogue, Lorebook
from roletune.rendering.few_shot import pairs_of
from roletune.sources.card_making import make_card
from roletune.sources.cards.card import write_card, write_card_json
from roletune.sources.cards.model import Card
from roletune.sources.portrait import draw_portrait
from roletune.verbs.load import ai_notice, require_made
from roletune.verbs.notices import notices
from roletune.workbench import Workbench

_WRITERS = {
    ".png": lambda card: write_card(card, draw_portrait(card.called)),
    ".json": write_card_json,
}


def card_of(bench: Workbench) -> Card:
    """The card, from what the stage `profile` made. Raises ProjectError before that."""
    project, chat = bench.project, bench.project.character.chat
    require_made(project, trained=False)
    profile, book, said = bench.profile, project.build / "lorebook.json", project.records("dialogues")
    return make_card(
        profile,
        Lorebook.model_validate_json(book.read_text("utf-8")) if book.is_file() else Lorebook(),
        pairs_of(read_records(said, Dialogue), profile) if said.is_file() else [],
        scenario=" ".join(filter(None, [chat.location, chat.background])),
        notices=(ai_notice(profile.name), *notices(project)),
    )


def card_bytes(card: Card, suffix: str) -> bytes:
    """The card as a `.png` of V3 and V2 with a drawn portrait, or as `.json` of V3. Raises ProjectError for others."""
    if suffix.lower() not in _WRITERS:
        raise ProjectError(f"A card is a .png or a .json file, not {suffix or 'one without an ending'}. Name it so.")
    return _WRITERS[suffix.lower()](card)


def export_card(bench: Workbench, path: Path) -> None:
    """Write the card, in the form that the file's ending names."""
    write_bytes(path, card_bytes(card_of(bench), path.suffix))
