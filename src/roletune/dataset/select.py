"""Which dialogues go into the dataset: no near-duplicates, and nothing in train that repeats held-out text.

Held-out dialogues come first, so of two that say the same the one that is measured on stays and the other goes.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from roletune.engine.duplicates import near_duplicates
from roletune.records import Dialogue, Origin, Purpose, Rejection, Split


class DatasetSettings(BaseModel):
    """The `dataset:` block of character.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    duplicate: float = Field(default=0.6, gt=0, le=1, description="word overlap from which two dialogues are the same")
    thoughts: bool = Field(default=False, description="train on the character's thoughts, as <thought>...</thought>")
    origins: tuple[Origin, ...] = Field(default=("authentic", "written", "generated"), description="what is used")
    purposes: tuple[Purpose, ...] = Field(
        default=("lived", "protective", "boundary", "instruction"), description="what is used; for ablations"
    )


_ORDER: dict[Split, int] = {"test": 0, "validation": 1, "train": 2}


def select_dialogues(
    dialogues: Sequence[Dialogue], settings: DatasetSettings
) -> tuple[list[Dialogue], list[Rejection]]:
    """The dialogues to train and measure on; every other one is listed with its reason."""
    wanted, left_out = _by_settings(dialogues, settings)
    ordered = sorted(wanted, key=lambda dialogue: _ORDER[dialogue.split])
    pairs = near_duplicates([" ".join(turn.text for turn in d.turns) for d in ordered], settings.duplicate)
    repeated = {pair.later: pair.earlier for pair in pairs if not _is_twin(ordered[pair.later])}
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
        Rejection(stage="dataset", reason="left out by the settings", record=dialogue.model_dump(mode="json"))
        for dialogue in left_out
    ]
    return kept, rejected


def _is_twin(dialogue: Dialogue) -> bool:
    """Whether it is like another on purpose: the same question without the false fact."""
    return dialogue.purpose == "boundary" and dialogue.twin != ""


def _by_settings(dialogues: Sequence[Dialogue], settings: DatasetSettings) -> tuple[list[Dialogue], list[Dialogue]]:
    """The dialogues that the settings ask for, and the others."""
    wanted: list[Dialogue] = []
    left_out: list[Dialogue] = []
    for dialogue in dialogues:
        used = dialogue.origin in settings.origins and dialogue.purpose in settings.purposes
        (wanted if used else left_out).append(dialogue)
    return wanted, left_out
