"""What /v1/models tells about the characters, the notice that they are no persons among it. Pure."""

from __future__ import annotations

from typing import Any

from roletune.inference.serve.cast import Cast, Performer
from roletune.inference.serve.names import BASE


def describe(cast: Cast, created: int) -> list[dict[str, Any]]:
    """Every character, once more with its thoughts shown, and the base if there is one; `created`: seconds of Unix."""
    return [
        *(_entry(cast, one.name, created, _told(one)) for one in cast.performers.values()),
        *(_entry(cast, f"{one.name}+thoughts", created, _told(one)) for one in cast.performers.values()),
        *([_entry(cast, BASE, created, {"ai_character": False, "name": cast.base_label})] if cast.base_label else []),
    ]


def _entry(cast: Cast, name: str, created: int, metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "roletune",
        "parent": (cast.base_label or None) if name != BASE else None,
        "metadata": metadata,
    }


def _told(performer: Performer) -> dict[str, Any]:
    profile = performer.persona.profile
    return {
        "ai_character": True,
        "name": profile.name,
        "language": profile.language,
        "subject": profile.subject,
        "licence": profile.licence,
        "notices": list(performer.notices),
    }
