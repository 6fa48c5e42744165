"""A character to take away: what `bundle.json` and `data.json` in a bundle tell."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from roletune.records.base import Record, Subject
from roletune.records.reported import DataStatistics


class BundledFile(Record):
    """One file of a bundle."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class BundledBase(Record):
    """The base model, which is not in the bundle."""

    name: str = Field(description="as settings name it: a packaged model or a hub id, never a path")
    label: str = Field(description="hub id or name of the model")
    identity: str = Field(description="hash of the base weights that the adapter was trained on")


class DataManifest(Record):
    """`data.json`: what the adapter was trained on, without the data."""

    schema_version: Literal[1] = 1
    data: str = Field(description="hash of the training and validation examples")
    files: dict[str, BundledFile] = Field(description="the files of the dataset, by their names")
    statistics: DataStatistics | None = Field(default=None, description="counts and origins")
    sources: tuple[dict[str, str], ...] = Field(
        description="url, licence, revision and date of each source that is named"
    )


class Bundle(Record):
    """`bundle.json`: everything that is needed to take in a bundle, and nothing that could do anything by itself."""

    schema_version: Literal[1] = 1
    kind: Literal["roletune-bundle"] = "roletune-bundle"
    name: str = Field(pattern=r"^[\w-][\w.-]{0,63}$", description="the name it is installed and served under")
    character: str = Field(min_length=1, max_length=200)
    aliases: tuple[str, ...] = ()
    language: str = Field(default="en", pattern=r"^[A-Za-z-]{2,16}$")
    subject: Subject = "fictional"
    consent: str = Field(default="", description="of a living person: who agreed to what, and when")
    notices: tuple[str, ...] = Field(default=(), description="what must be told wherever it is shown")
    licence: str = ""
    commercial_use: bool = False
    base: BundledBase
    run: str = Field(pattern=r"^[0-9A-Za-z_-]{1,64}$", description="the training that made the adapter")
    persona_prompt: str = Field(description="hash of the persona prompt's template")
    chat: dict[str, Any] = Field(default={}, description="the block `chat` of its settings")
    files: dict[str, BundledFile]
    created: str = Field(description="UTC, ISO 8601")
    roletune: str = Field(description="version that wrote it")
