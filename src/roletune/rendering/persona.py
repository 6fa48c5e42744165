"""The persona prompt: one system message for training, evaluation, chat and serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roletune.prompts import Prompt
from roletune.records import Message, Profile, Scene
from roletune.rendering.markup import harmless


@dataclass(frozen=True)
class Persona:
    """A profile with the template that presents it; `message` is the one place where a persona prompt is made."""

    profile: Profile
    prompt: Prompt

    def message(self, scene: Scene, partners: Sequence[str]) -> Message:
        """The system message for `scene`; one partner is named and speaks unlabelled, several speak as `Name: text`."""
        text = self.prompt.text(
            profile=self.profile,
            scene=scene,
            partner=partners[0] if len(partners) == 1 else None,
            partners=tuple(partners),
        )
        lines = (line for line in text.splitlines() if line.strip())
        return Message(role="system", content=harmless("\n".join(lines)))
