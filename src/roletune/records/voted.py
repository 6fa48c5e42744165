"""What people choose: votes in the arena, thumbs in a chat."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from roletune.records.base import Contestant, Record
from roletune.records.lived import Scene, Turn


class Vote(Record):
    """One blind choice of a person between two replies: a line of `journal/votes.jsonl`."""

    schema_version: Literal[1] = 1
    question: str
    text: str
    left: Contestant
    right: Contestant
    replies: tuple[str, str] = Field(description="as shown, left and right")
    choice: Literal["left", "right", "tie"]
    voter: str
    seed: int
    adapter: str = Field(description="SHA-256 of the adapter's weights")
    created: str = Field(description="UTC, ISO 8601")


class Thumb(Record):
    """What somebody thought of one reply in a chat: a line of `journal/thumbs.jsonl`; the last one with an id counts.

    Those with one `moment` are of several replies to the same turns: a good and a bad one are a preference.
    """

    schema_version: Literal[1] = 1
    id: str = Field(description="of the moment and the reply")
    moment: str = Field(description="of the scene and what was said before")
    scene: Scene
    context: tuple[Turn, ...] = Field(description="what was said before, oldest first")
    reply: str
    good: bool | None = Field(description="None: an earlier opinion is taken back")
    strength: float = Field(description="of the adapter, when the reply was written")
    edited: bool = Field(default=False, description="whether a person changed the reply")
    adapter: str = Field(description="SHA-256 of the adapter's weights")
    created: str = Field(description="UTC, ISO 8601")
