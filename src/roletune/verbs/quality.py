"""Foreign data through the filters of what roletune writes itself: what is wrong with it, counted by reason.

Every scene that was read is counted once: it is still to be played, passes, or fails for the first reason found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roletune.engine.duplicates import Repeats, count_repeats
from roletune.project import Project
from roletune.records import Profile
from roletune.sources import material
from roletune.sources.cited import cite
from roletune.sources.formats import AUTO, read_source
from roletune.sources.material import Material
from roletune.sources.text import read_bytes
from roletune.synthesis.quality import judge
from roletune.synthesis.scenes import OVERLAP
from roletune.verbs.profile import MAX_SOURCE_BYTES


@dataclass(frozen=True)
class Quality:
    """What the filters say of some files: `scenes` were read, `to_be_played` of them have no turn yet, `kept` pass.

    `failed` counts the others by reason. `backgrounds` and `spoken` say how many backgrounds, and dialogues that were
    judged, repeat each other, at a word overlap of `overlap`. `not_read` are lines that belong to nothing.
    """

    scenes: int
    to_be_played: int
    judged: int
    kept: int
    failed: dict[str, int]
    backgrounds: Repeats
    spoken: Repeats
    overlap: float
    not_read: int


def audit(project: Project, files: Sequence[Path], form: str = AUTO) -> Quality:
    """Read the files and judge what is in them as the stage `experiences` judges its own; nothing is written.

    Raises SourceError for a file that can't be read.
    """
    character = project.character
    profile = Profile(name=character.name, aliases=character.aliases)
    materials = [_read(path, form) for path in files]
    scenes = [scene for each in materials for scene in each.reading.scenes]
    found = material.dialogues(materials, profile, character.splits)
    verdicts = [judge(dialogue, profile, character.experiences.quality) for dialogue in found.dialogues]
    failed = Counter(reason for reason in verdicts if reason)
    failed.update(rejection.reason for rejection in found.rejections if "turns" in rejection.record)
    backgrounds = [text for scene in scenes if (text := scene.headers.get("background"))]
    spoken = [" ".join(turn.text for turn in dialogue.turns) for dialogue in found.dialogues]
    duplicates = character.scenes.duplicates
    overlap = (duplicates.by == "words" and duplicates.threshold) or OVERLAP
    return Quality(
        scenes=len(scenes),
        to_be_played=len(found.scenes),
        judged=len(verdicts),
        kept=verdicts.count(""),
        failed=dict(failed.most_common()),
        backgrounds=count_repeats(backgrounds, overlap),
        spoken=count_repeats(spoken, overlap),
        overlap=overlap,
        not_read=sum(len(each.reading.unread) for each in materials),
    )


def _read(path: Path, form: str) -> Material:
    found, reading = read_source(read_bytes(path, MAX_SOURCE_BYTES), path.name, form)
    return Material(cite(reading, path.name), found, reading)
