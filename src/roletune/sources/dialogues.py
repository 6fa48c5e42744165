"""Scenes of any source -> Dialogue records: scenes written for a character, and authentic ones.

Every scene is one source with a split of its own; a scene that only tells a situation is kept for the writer to play
out. Speakers that are the character under any of its names
become its one name, and names in capitals, as plays print them, are written as names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from roletune.records import (
    Dialogue,
    Origin,
    Profile,
    Purpose,
    Rejection,
    Scene,
    SceneKind,
    Split,
    Turn,
    fingerprint,
)
from roletune.rendering.script import ParsedScene
from roletune.sources.cited import Cited
from roletune.sources.presence import perceive
from roletune.sources.reading import Reading
from roletune.sources.scripts.script import read_script
from roletune.sources.splits import SplitSettings, split_of

Place = tuple[int | None, int | None]  # offsets in the source's text

_PARTICLES = {"of", "the", "and", "de", "da", "von", "van"}


@dataclass(frozen=True)
class ReadDialogues:
    """What a script gave: dialogues, scenes that nobody has played yet, and everything in it that became neither."""

    dialogues: tuple[Dialogue, ...]
    rejections: tuple[Rejection, ...]
    scenes: tuple[Scene, ...] = ()


def read_dialogues(text: str, source: str, origin: Origin, profile: Profile, splits: SplitSettings) -> ReadDialogues:
    """Every scene of a script in which the character speaks; the rest is listed with its reason."""
    return dialogues_of(read_script(text.encode(), source), Cited(source, origin), profile, splits)


def dialogues_of(
    reading: Reading, cited: Cited, profile: Profile, splits: SplitSettings, lines: Sequence[int] = ()
) -> ReadDialogues:
    """Every scene of a source in which the character speaks; what else is in it is listed with its reason.

    `lines` are the offsets of the text's lines and of its end, where scenes know the line that they start on.
    """
    dialogues: dict[str, Dialogue] = {}
    scenes: dict[str, Scene] = {}
    rejections = unread_lines(reading, cited)
    for scene, place in zip(reading.scenes, _places(reading.scenes, lines), strict=True):
        dialogue = _with_scene_of_its_own(dialogue_of(scene, cited, profile, splits, place), dialogues.values())
        reason = _unknown_header(scene)
        if not reason and _is_to_be_played(dialogue) and dialogue.scene.id not in scenes:
            scenes[dialogue.scene.id] = dialogue.scene
            continue
        reason = reason or _reason(dialogue, profile)
        if not reason and dialogue.id in dialogues:
            reason = "the same scene comes before"
        if reason:
            rejections.append(_rejection(dialogue, reason, f"{cited.name}:{scene.line} {scene.title}"))
        else:
            dialogues[dialogue.id] = dialogue
    return ReadDialogues(tuple(dialogues.values()), tuple(rejections), tuple(scenes.values()))


def _with_scene_of_its_own(dialogue: Dialogue, earlier: Iterable[Dialogue]) -> Dialogue:
    """Two scenes under one heading are two, told apart by what is said in them."""
    if all(other.scene.id != dialogue.scene.id or other.id == dialogue.id for other in earlier):
        return dialogue
    scene = dialogue.scene.model_copy(update={"id": fingerprint(dialogue.scene.id, dialogue.id)})
    return dialogue.model_copy(update={"scene": scene})


def _is_to_be_played(dialogue: Dialogue) -> bool:
    """Whether it only tells a situation, for the writer to play out."""
    return not dialogue.turns and dialogue.purpose == "lived" and bool(dialogue.scene.background)


def unwanted_scenes(reading: Reading, cited: Cited, profile: Profile, splits: SplitSettings) -> list[Rejection]:
    """The scenes of a source that the settings take for its passages only."""
    return [
        _rejection(
            dialogue_of(scene, cited, profile, splits),
            "the source is read for its passages only",
            f"{cited.name}:{scene.line} {scene.title}",
        )
        for scene in reading.scenes
    ]


def unread_lines(reading: Reading, cited: Cited) -> list[Rejection]:
    """The lines of a source that belong to nothing."""
    return [
        Rejection(
            stage="profile",
            reason=line.reason or "unread line",
            detail=f"{cited.name}:{line.number}",
            record={"text": line.text},
        )
        for line in reading.unread
    ]


def _rejection(dialogue: Dialogue, reason: str, where: str) -> Rejection:
    return Rejection(stage="profile", reason=reason, detail=where, record=dialogue.model_dump(mode="json"))


def _unknown_header(parsed: ParsedScene) -> str:
    """A typing mistake in a header must not be a silent default."""
    for key, known in (("type", get_args(SceneKind)), ("purpose", get_args(Purpose))):
        value = parsed.headers.get(key, "").casefold()
        if value and value not in known:
            return f"{key.capitalize()}: {value!r} is none of {', '.join(known)}"
    return ""


def _reason(dialogue: Dialogue, profile: Profile) -> str:
    if not dialogue.turns:
        return "the same scene comes before" if _is_to_be_played(dialogue) else "a scene that nobody plays"
    if not any(profile.is_me(turn.speaker) and turn.kind == "speech" for turn in dialogue.turns):
        return f"no line of {profile.name}"
    speakers = {turn.speaker for turn in dialogue.turns if turn.kind == "speech"}
    return "" if len(speakers) > 1 else "nobody else speaks"


def _places(scenes: Sequence[ParsedScene], lines: Sequence[int]) -> list[Place]:
    """(start, end) of each scene: from its first line to that of the next one."""
    starts = [lines[scene.line - 1] if 0 < scene.line <= len(lines) else None for scene in scenes]
    ends = [*starts[1:], lines[-1] if lines else None]
    return [
        (start, end) if start is not None and end is not None and end > start else (None, None)
        for start, end in zip(starts, ends, strict=False)
    ]


def dialogue_of(
    parsed: ParsedScene, cited: Cited, profile: Profile, splits: SplitSettings, place: Place = (None, None)
) -> Dialogue:
    """A scene as a dialogue, whoever speaks in it."""
    item = item_of(parsed, cited)
    provenance = cited.provenance(item, *place)
    turns = perceive([named(turn, profile) for turn in parsed.turns])
    headers = parsed.headers
    kind, purpose = headers.get("type", "").casefold(), headers.get("purpose", "").casefold()
    scene = Scene(
        id=fingerprint(item, headers),
        kind=kind if kind in get_args(SceneKind) else "chat",
        title=parsed.title,
        location=headers.get("location") or _place(parsed.title),
        time=headers.get("time", ""),
        mood=headers.get("mood", ""),
        background=headers.get("background", ""),
        present=_present(headers.get("present", ""), turns),
        provenance=provenance,
    )
    return Dialogue(
        id=fingerprint(item, [turn.model_dump() for turn in turns]),
        scene=scene,
        turns=turns,
        origin=cited.origin,
        purpose=purpose if purpose in get_args(Purpose) else "lived",
        category=headers.get("category", ""),
        twin=headers.get("twin", ""),
        split=split_in(cited, item, splits),
        provenance=provenance,
    )


def item_of(parsed: ParsedScene, cited: Cited) -> str:
    """The source of a scene, which decides its split.

    A scene without a title is known by what is said in it, so that it stays what it is when others are added.
    """
    return f"{cited.name}#{_slug(parsed.title) or fingerprint([turn.text for turn in parsed.turns], length=8)}"


def split_in(cited: Cited, item: str, splits: SplitSettings) -> Split:
    """What a model wrote is trained on at most: held-out lines are somebody's own."""
    return "train" if cited.origin == "generated" else split_of(item, splits)


def _present(listed: str, turns: Sequence[Turn]) -> tuple[str, ...]:
    names = [name.strip() for name in listed.split(",") if name.strip()]
    return tuple(dict.fromkeys([*names, *(turn.speaker for turn in turns if turn.speaker)]))


def named(turn: Turn, profile: Profile) -> Turn:
    """The turn with the one name of the character, or with its speaker's name as names are written."""
    if profile.is_me(turn.speaker):
        return turn.model_copy(update={"speaker": profile.name})
    return turn.model_copy(update={"speaker": _as_name(turn.speaker)})


def _as_name(speaker: str) -> str:
    """KING CLAUDIUS -> King Claudius; a name that is not all capitals stays."""
    if not speaker.isupper() or len(speaker) < 3:
        return speaker
    words = speaker.casefold().split()
    return " ".join(word if word in _PARTICLES and i else word.capitalize() for i, word in enumerate(words))


def _place(title: str) -> str:
    """The place that a play's scene title names after its number: 'ACT I, scene V: The platform.' -> 'The platform'."""
    act, _, place = title.partition(": ")
    return place.rstrip(". ") if act.casefold().startswith("act ") else ""


def _slug(title: str) -> str:
    return re.sub(r"[^\w]+", "-", title.casefold()).strip("-")
