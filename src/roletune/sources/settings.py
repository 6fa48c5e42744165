"""One entry under `sources:` of character.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from roletune.records import Origin
from roletune.sources.formats import AUTO, READERS, ReadOptions


class Source(BaseModel):
    """What tells about the character: a file or folder of it, or a file inside an installed Python package."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(description="file, or folder of files (README.md apart); inside the package if one is named")
    package: str | None = Field(default=None, description="an installed package that holds the file")
    format: str = Field(default=AUTO, description="one of docs/sources.md; auto: recognised by contents and name")
    kind: Literal["both", "knowledge", "dialogues"] = Field(default="both", description="what is taken from it")
    origin: Origin = Field(default="written", description="authentic: not made for this character's training")
    licence: str = Field(default="", description="of the texts, where they don't tell it themselves")
    url: str = Field(default="", description="where it is on the web, where it doesn't tell that itself")
    sections: tuple[str, ...] = Field(default=(), description="of a wiki page, those to read; default: all")
    skip: tuple[str, ...] = Field(default=(), description="sections of a wiki page to leave out")
    part: str = Field(default="", description="the one film of a corpus, or role of RoleBench, to read")
    speakers: dict[str, str] = Field(default={}, description="name as printed: who it is")
    rttm: str = Field(default="", description="of recognised speech: the file that says who speaks when")
    date: str = Field(default="", description="of the text, where it doesn't tell that itself; ISO 8601")

    @field_validator("format")
    @classmethod
    def _exists(cls, form: str) -> str:
        if form != AUTO and form not in READERS:
            raise ValueError(f"{form!r} is none of {', '.join((AUTO, *READERS))}")
        return form

    @property
    def options(self) -> ReadOptions:
        """What the settings know of the source, but for the text of `rttm`."""
        return ReadOptions(self.sections, self.skip, self.part, self.speakers)

    def __str__(self) -> str:
        return f"{self.package}:{self.path}" if self.package else self.path


DIALOGUES = Source(path="dialogues")  # where scenes are if character.yaml names no source
