"""Everything that was read about a character, source by source, and what becomes of it.

Nothing is lost on the way: a paragraph is a passage, a scene a dialogue; what is neither is a rejection with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from roletune.records import Dialogue, Fact, Lorebook, Passage, PreferencePair, Profile, Rejection, Scene, Speaker
from roletune.rendering.persona import Persona
from roletune.sources.attribution import Use
from roletune.sources.cited import Cited, facts_of, passages_of
from roletune.sources.dialogues import ReadDialogues, dialogues_of, unread_lines, unwanted_scenes
from roletune.sources.lore import joined
from roletune.sources.preferences import preferences_of
from roletune.sources.reading import Reading
from roletune.sources.speakers import count_speakers
from roletune.sources.splits import SplitSettings

Kind = Literal["both", "knowledge", "dialogues"]


@dataclass(frozen=True)
class Material:
    """One file of a source, read; `kind` is what is taken from it, `lines` the offsets of its lines, if any."""

    cited: Cited
    form: str
    reading: Reading
    kind: Kind = "both"
    lines: tuple[int, ...] = ()


def passages(materials: Iterable[Material]) -> tuple[list[Passage], list[Rejection]]:
    """The passages of all sources in order, each once, and what is left out of them."""
    kept: dict[str, Passage] = {}
    left_out = []
    for material in materials:
        for passage in passages_of(material.reading, material.cited):
            if material.kind == "dialogues":
                left_out.append(_rejected(passage, "the source is read for its dialogues only"))
            elif passage.id in kept:
                left_out.append(_rejected(passage, f"the same passage is in {kept[passage.id].source}"))
            else:
                kept[passage.id] = passage
    return list(kept.values()), left_out


def facts(materials: Iterable[Material]) -> list[Fact]:
    """The fields of infoboxes and cards."""
    return [fact for material in materials if material.kind != "dialogues" for fact in _facts(material)]


def lore(materials: Iterable[Material]) -> Lorebook:
    """The lorebook entries of all sources, as one book."""
    return joined((each.cited.name, each.reading.lore) for each in materials if each.kind != "dialogues")


def dialogues(materials: Iterable[Material], profile: Profile, splits: SplitSettings) -> ReadDialogues:
    """The dialogues of all sources in order, the scenes that are to be played, and what in them is neither."""
    found: list[Dialogue] = []
    scenes: list[Scene] = []
    rejections: list[Rejection] = []
    for material in materials:
        if material.kind == "knowledge":
            rejections += unread_lines(material.reading, material.cited)
            rejections += unwanted_scenes(material.reading, material.cited, profile, splits)
        else:
            read = dialogues_of(material.reading, material.cited, profile, splits, material.lines)
            found += read.dialogues
            scenes += read.scenes
            rejections += read.rejections
    return ReadDialogues(tuple(found), tuple(rejections), tuple(scenes))


def preferences(materials: Iterable[Material], persona: Persona, splits: SplitSettings) -> list[PreferencePair]:
    """What was preferred in the chats among them."""
    return [
        pair
        for material in materials
        if material.kind != "knowledge"
        for pair in preferences_of(material.reading, material.cited, persona, splits)
    ]


def speakers(materials: Iterable[Material], profile: Profile) -> tuple[Speaker, ...]:
    """Who speaks in all of them."""
    scenes = [(material.cited.name, scene) for material in materials for scene in material.reading.scenes]
    return count_speakers(scenes, profile)


def uses(
    materials: Sequence[Material], passages: Sequence[Passage], dialogues: Iterable[Dialogue | Scene]
) -> list[Use]:
    """How much of each source is used; scenes that are to be played count among the dialogues."""
    told = [passage.source for passage in passages]
    played = [dialogue.provenance.source for dialogue in dialogues]
    return [_use(material, told, played) for material in materials]


def _use(material: Material, told: Iterable[str], played: Iterable[str]) -> Use:
    name = material.cited.name
    credits = dict.fromkeys(paragraph.cited for paragraph in material.reading.paragraphs if paragraph.cited)
    return Use(
        material.cited,
        passages=sum(source == name or source.startswith(f"{name}#") for source in told),
        dialogues=sum(source.startswith(f"{name}#") for source in played),
        credits=tuple(credits),
    )


def _facts(material: Material) -> list[Fact]:
    return facts_of(material.reading, material.cited)


def _rejected(passage: Passage, reason: str) -> Rejection:
    record = passage.model_dump(mode="json", exclude_defaults=True)
    return Rejection(stage="profile", reason=reason, detail=passage.source, record=record)
