"""What a character remembers of a person it talks with: `journal/memory.sqlite`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from roletune.records.base import Record


class Memory(Record):
    """One thing that a person told, or that somebody wrote down for the character, in their own words."""

    schema_version: Literal[1] = 1
    id: int
    user: str = Field(description="the person whom it is about")
    text: str
    origin: Literal["told", "noted"] = Field(default="told", description="said in a chat, or written by hand")
    made: str = Field(default="", description="ISO 8601, UTC")
