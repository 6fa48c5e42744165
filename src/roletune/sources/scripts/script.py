"""A script (docs/script-format.md), a play in Markdown, or a transcript in the same manner, as a source."""

from __future__ import annotations

from roletune.rendering.script import parse_script
from roletune.sources.reading import Reading
from roletune.sources.text import decode


def read_script(data: bytes, name: str) -> Reading:
    """The scenes of a script, with their turns; a text without scene headers is one scene."""
    script = parse_script(decode(data, name))
    title = script.headings[0] if script.headings else ""
    return Reading(title=title, scenes=script.scenes, unread=script.unread)
