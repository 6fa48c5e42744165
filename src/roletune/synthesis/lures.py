"""`lures.yaml`: what somebody tries in a protective scene, by category."""

from __future__ import annotations

from pathlib import Path

import yaml

from roletune.errors import ProjectError
from roletune.prompts import BUILT_IN


def read_lures(language: str, folder: Path | None = None) -> dict[str, list[str]]:
    """The character's own lures (`prompts/lures.yaml`), else those of its language, else the English ones.

    Raises ProjectError if the file is not a list of sentences for each category.
    """
    places = [folder / "lures.yaml"] if folder else []
    places += [BUILT_IN / language / "lures.yaml", BUILT_IN / "en" / "lures.yaml"]
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
