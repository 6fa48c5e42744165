"""What was lived: scenes, dialogues, where they come from, and what was not kept."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from roletune.records.base import Origin, Purpose, Record, SceneKind, Split, TurnKind

THOUGHTS_CUT = "thoughts_cut"  # note of a dialogue: how many thoughts of others were cut out of it


class Provenance(Record):
    """Where a record comes from. `source` decides its split: everything with one source is in one split."""

    source: str
    url: str = Field(default="", description="where the source is on the web")
    revision: str = Field(default="", description="the version of the page or file, as the source names it")
    date: str = Field(default="", description="ISO 8601, of the revision")
    licence: str = Field(default="", description="as settings or the source itself state it")
    start: int | None = Field(default=None, description="offset of its first character in the source's text")
    end: int | None = Field(default=None, description="offset after its last character")
    passage: str | None = None
    prompt: str | None = Field(default=None, description="hash of the prompt template")
    model: str | None = None
    request: str | None = Field(default=None, description="key of the call in the ledger")


class Scene(Record):
    """Where and when something happens and who is there; no turns."""

    schema_version: Literal[1] = 1
    id: str
    kind: SceneKind = "chat"
    title: str = ""
    location: str = ""
    time: str = ""
    mood: str = ""
    background: str = ""
    present: tuple[str, ...] = ()
    provenance: Provenance


class Turn(Record):
    """One utterance; `audience` are those who perceive it, None meaning everybody present."""

    speaker: str
    text: str
    kind: TurnKind = "speech"
    audience: tuple[str, ...] | None = None


class Dialogue(Record):
    """A scene played out."""

    schema_version: Literal[1] = 1
    id: str
    scene: Scene
    turns: tuple[Turn, ...]
    origin: Origin
    purpose: Purpose = "lived"
    category: str = Field(default="", description="of a protective dialogue: identity, canon, memory, ...")
    twin: str = Field(default="", description="of a clean twin: title of the protective scene it mirrors")
    system: str = Field(default="", description="what the model is told, where that is not the persona prompt")
    me: str = Field(default="", description="with `system`: whose lines are learnt, where that is not the character")
    shown: tuple[Turn, ...] = Field(default=(), description="told before the turns, without loss; first to go if long")
    shown_origin: Origin | None = Field(
        default=None, description="of `shown`, where that is not the origin of the turns"
    )
    extends: str = Field(default="", description="id of the dialogue that this one was made from by adding to it")
    notes: dict[str, str] = Field(default={}, description="what the method that made it noted, by name")
    split: Split
    provenance: Provenance


class GroupScene(Record):
    """A scene with several characters as it stands, with who perceived what: what a chat with them goes on from."""

    schema_version: Literal[1] = 1
    scene: Scene
    person: str = Field(description="whom the characters talk with")
    characters: tuple[str, ...]
    away: tuple[str, ...] = ()
    narrator: str = Field(default="", description="what whoever tells what happens is called; empty: nobody does")
    turns: tuple[Turn, ...] = ()


class Rejection(Record):
    """A record or reply that was not kept, whole, with the stage and the reason."""

    schema_version: Literal[1] = 1
    stage: str
    reason: str
    detail: str = ""
    record: dict[str, Any]


class Edit(Record):
    """A decision of the user about one record of a stage, kept in `journal/edits.jsonl` and applied after the stage."""

    schema_version: Literal[1] = 1
    stage: str
    id: str
    action: Literal["accept", "reject", "edit"]
    record: dict[str, Any] | None = Field(default=None, description="the record as edited")
