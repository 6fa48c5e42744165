"""Which dialogues go into the dataset: no near-duplicates, and nothing in train that repeats held-out text.

Held-out dialogues come first, so of two that say the same the one that is measured on stays and the other goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from roletune.dataset.mixture import MixtureSettings
from roletune.engine.duplicates import Duplicate, near_duplicates
from roletune.errors import DatasetError
from roletune.records import Dialogue, Origin, Purpose, Rejection, Split, fingerprint


class DatasetSettings(BaseModel):
    """The `dataset:` block of character.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    duplicate: float = Field(default=0.6, gt=0, le=1, description="word overlap from which two dialogues are the same")
    thoughts: bool = Field(default=False, description="train on the character's thoughts, as <thought>...</thought>")
    origins: tuple[Origin, ...] = Field(default=("authentic", "written", "generated"), description="what is used")
    purposes: tuple[Purpose, ...] = Field(
        default=("lived", "protective", "boundary", "instruction"), description="what is used; for ablations"
    )
    loss: Literal["target", "all"] = Field(
        default="target", description="target: the character's turns are learnt; all: those of everybody; for ablations"
    )
    train_share: float = Field(
        default=1.0, gt=0, le=1, description="share of the training scenes that is used, drawn by a seed; for ablations"
    )
    train_share_seed: int = Field(default=0, ge=0, description="which training scenes; a smaller share is part of it")
    mixture: MixtureSettings | None = Field(
        default=None, description="shares of the train dialogues by origin; as they come if it is left out"
    )


_FEW = 5  # so many protective dialogues that say what lived ones say are no accident
_ORDER: dict[Split, int] = {"test": 0, "validation": 1, "train": 2}


def select_dialogues(
    dialogues: Sequence[Dialogue], settings: DatasetSettings
) -> tuple[list[Dialogue], list[Rejection]]:
    """The dialogues to train and measure on; every other one is listed with its reason.

    Raises DatasetError if half of the protective dialogues, or more, repeat lived ones.
    """
    wanted, left_out = _by_settings(dialogues, settings)
    single, replaced = _told_once(wanted)
    ordered = sorted(single, key=lambda dialogue: _ORDER[dialogue.split])
    pairs = near_duplicates([" ".join(turn.text for turn in d.turns) for d in ordered], settings.duplicate)
    _refuse_copies(ordered, pairs)
    repeated = {pair.later: pair.earlier for pair in pairs if not _meant(ordered[pair.earlier], ordered[pair.later])}
    kept = [dialogue for number, dialogue in enumerate(ordered) if number not in repeated]
    rejected = [
        Rejection(
            stage="dataset",
            reason="near-duplicate",
            detail=ordered[earlier].provenance.source,
            record=ordered[later].model_dump(mode="json"),
        )
        for later, earlier in repeated.items()
    ]
    rejected += [
        Rejection(stage="dataset", reason="told with what comes before it", record=dialogue.model_dump(mode="json"))
        for dialogue in replaced
    ]
    rejected += [
        Rejection(stage="dataset", reason="left out by the settings", record=dialogue.model_dump(mode="json"))
        for dialogue in left_out
    ]
    return kept, rejected


def _refuse_copies(dialogues: Sequence[Dialogue], pairs: Sequence[Duplicate]) -> None:
    """Raise DatasetError if the protective dialogues are the lived ones once more: they would protect nothing."""
    protective = sum(dialogue.purpose == "protective" for dialogue in dialogues)
    copied = set()  # lived ones: one that is copied often is a single mistake
    for pair in pairs:
        both = {one.purpose: one for one in (dialogues[pair.earlier], dialogues[pair.later]) if not one.twin}
        if set(both) == {"lived", "protective"}:
            copied.add(both["lived"].id)
    if len(copied) >= _FEW and 2 * len(copied) >= protective:
        raise DatasetError(
            f"{len(copied)} of {protective} protective dialogues say what lived ones say: the same data under two "
            "names. Write or generate protective dialogues of their own (roletune protective), or leave them out with "
            "dataset.purposes."
        )


def _told_once(dialogues: Sequence[Dialogue]) -> tuple[list[Dialogue], list[Dialogue]]:
    """The dialogues without those whose very turns another one tells with more before them, and these."""
    turns = {dialogue.id: dialogue.turns for dialogue in dialogues}
    again = {one.extends for one in dialogues if one.extends and one.turns == turns.get(one.extends)}
    return [one for one in dialogues if one.id not in again], [one for one in dialogues if one.id in again]


def _meant(earlier: Dialogue, later: Dialogue) -> bool:
    """Whether the two are alike on purpose: one question without its false fact, or to another role."""
    return (later.purpose == "boundary" and later.twin != "") or earlier.me != later.me


def _by_settings(dialogues: Sequence[Dialogue], settings: DatasetSettings) -> tuple[list[Dialogue], list[Dialogue]]:
    """The dialogues that the settings ask for, and the others."""
    wanted: list[Dialogue] = []
    left_out: list[Dialogue] = []
    for dialogue in dialogues:
        used = dialogue.origin in settings.origins and dialogue.purpose in settings.purposes
        (wanted if used else left_out).append(dialogue)
    return wanted, left_out


def draw_share(dialogues: Sequence[Dialogue], settings: DatasetSettings) -> tuple[list[Dialogue], list[Rejection]]:
    """The dialogues with `train_share` of the training scenes (at least one), and those left out.

    Scenes are ordered by a hash of their id and the seed, so that a smaller share is a subset of a larger one.
    """
    if settings.train_share == 1:
        return list(dialogues), []
    scenes = {dialogue.scene.id for dialogue in dialogues if dialogue.split == "train"}
    ordered = sorted(scenes, key=lambda scene: fingerprint(settings.train_share_seed, scene))
    kept = set(ordered[: ceil(settings.train_share * len(ordered) - 1e-9)])
    left_out = [one for one in dialogues if one.split == "train" and one.scene.id not in kept]
    out = {one.id for one in left_out}
    return [one for one in dialogues if one.id not in out], [
        Rejection(stage="dataset", reason="left out by train_share", record=one.model_dump(mode="json"))
        for one in left_out
    ]
