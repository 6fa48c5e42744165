"""`lures.yaml`: what somebody tries in a protective scene, by category.

`{topic}` in a lure stands for each thing that this character must not know, `{until}` for the end of its knowledge; of
a character that has none of them, such lures are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from roletune.errors import ProjectError
from roletune.prompts import built_in
from roletune.records import KnowledgeBoundary


def lures_for(lures: Mapping[str, Sequence[str]], boundary: KnowledgeBoundary) -> dict[str, list[str]]:
    """The lures of this character: those that ask for what it must not know are filled in, or left out."""
    made = {}
    for category, texts in lures.items():
        own = [filled for text in texts for filled in _filled(text, boundary)]
        if own:
            made[category] = own
    return made


def _filled(text: str, boundary: KnowledgeBoundary) -> list[str]:
    if "{until}" in text:
        text = text.replace("{until}", boundary.until)
        if not boundary.until:
            return []
    if "{topic}" not in text:
        return [text]
    return [text.replace("{topic}", topic) for topic in boundary.must_not_know]


def read_lures(language: str, folder: Path | None = None) -> dict[str, list[str]]:
    """The character's own lures (`prompts/lures.yaml`), else those of its language, else the English ones.

    Raises ProjectError if the file is not a list of sentences for each category.
    """
    places = [folder / "lures.yaml"] if folder else []
    places.append(built_in("lures.yaml", language))
    path = next(place for place in places if place.is_file())
    try:
        lures = yaml.safe_load(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        raise ProjectError(f"{path} is not valid YAML: {error}") from error
    good = (
        isinstance(lures, dict)
        and bool(lures)
        and all(
            isinstance(name, str) and isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts)
            for name, texts in lures.items()
        )
    )
    if not good:
        raise ProjectError(f"{path} must hold categories, each with a list of sentences such as 'asks for ...'.")
    return dict(lures)
