"""CHARX: a V3 character card as a zip, `card.json` at its root and the card's pictures and sounds beside it.

Only the card and its portrait are read; nothing is unpacked to disk. Format: Character Card V3, "CHARX".
"""

from __future__ import annotations

from typing import Any

from roletune.sources.archive import Archive
from roletune.sources.cards.document import MAX_JSON, parse_json

SIGNATURE = b"PK\x03\x04"
MAX_PORTRAIT = 40_000_000
_EMBEDDED = ("embeded://", "embedded://")  # the first is the specification's own spelling


def read_charx(data: bytes, name: str) -> dict[str, Any]:
    """The card's JSON document. Raises SourceError for a damaged or hostile archive and for one without a card."""
    return parse_json(Archive(data, name, "CHARX").read("card.json", MAX_JSON), f"{name}/card.json")


def read_portrait(data: bytes, name: str) -> bytes | None:
    """The main icon among the assets as it is in the archive, in whatever picture format; None if it holds none."""
    archive = Archive(data, name, "CHARX")
    document = parse_json(archive.read("card.json", MAX_JSON), f"{name}/card.json")
    inside = document.get("data")
    assets = inside.get("assets") if isinstance(inside, dict) else None
    icons = [asset for asset in assets or () if isinstance(asset, dict) and asset.get("type") == "icon"]
    icons.sort(key=lambda asset: asset.get("name") != "main")
    for uri in (str(asset.get("uri", "")) for asset in icons):
        prefix = next((prefix for prefix in _EMBEDDED if uri.lower().startswith(prefix)), None)
        if prefix and uri[len(prefix) :] in archive.names:
            return archive.read(uri[len(prefix) :], MAX_PORTRAIT)
    return None
