"""The persona prompt: one system message for training, evaluation, chat and serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from roletune.prompts import Prompt
from roletune.records import Message, Profile, Scene
from roletune.rendering.markup import harmless

_KEPT = 64  # messages of one persona that are kept


@dataclass(frozen=True)
class Persona:
    """A profile with the template that presents it; `message` is the one place where a persona prompt is made."""

    profile: Profile
    prompt: Prompt
    # A server is asked for the same message with every request, and a chat several times a turn.
    _made: dict[tuple[Scene, tuple[str, ...]], Message] = field(default_factory=dict, compare=False, repr=False)

    def message(self, scene: Scene, partners: Sequence[str]) -> Message:
        """The system message for `scene`; one partner is named and speaks unlabelled, several speak as `Name: text`."""
        wanted = (scene, tuple(partners))
        if wanted not in self._made:
            if len(self._made) >= _KEPT:
                self._made.clear()
            self._made[wanted] = self._make(*wanted)
        return self._made[wanted]

    def _make(self, scene: Scene, partners: tuple[str, ...]) -> Message:
        text = self.prompt.text(
            profile=self.profile,
            scene=scene,
            partner=partners[0] if len(partners) == 1 else None,
            partners=partners,
        )
        lines = (line for line in text.splitlines() if line.strip())
        return Message(role="system", content=harmless("\n".join(lines)))
