"""What must be said wherever a character is shown."""

from __future__ import annotations

from roletune.project import Project
from roletune.sources.profile import parse_profile
from roletune.sources.text import read_text


def notices(project: Project) -> list[str]:
    """That of character.yaml, and those of the profile's head."""
    path, character = project.profile_file, project.character
    told = parse_profile(read_text(path), character.profile).notices if path else ()
    return [notice for notice in dict.fromkeys([character.notice, *told]) if notice]
