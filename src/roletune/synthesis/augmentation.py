"""Method `augmentation`: scenes that people wrote are extended, and none is replaced.

The writer goes on where a scene ends, or writes what comes before it. The scene's own turns stay as they are, word for
word, and what the writer adds is apart from them in the record: one of the two is `turns`, which are learnt, the other
is `shown`, which is context; `origin` and `shown_origin` tell which is which. So no line that a model wrote is ever
taken for an authentic one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from roletune.engine.duplicates import jaccard, words_of
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply
from roletune.prompts import Prompt
from roletune.records import Dialogue, Origin, Profile, Turn, fingerprint
from roletune.rendering.script import render_turn
from roletune.rendering.viewpoint import partners_of, perceived
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.experiences import parse_experience, provenance_of
from roletune.synthesis.quality import QualitySettings
from roletune.synthesis.settings import WritingSettings

_SAME = 0.7  # word overlap from which a turn says what another one says
_TOLD = 4  # words of a turn that may not be said again; "Indeed, sir." may
_METHOD = "augmentation"


class AugmentationSettings(WritingSettings):
    """The `augmentation:` block of character.yaml."""

    count: int = Field(default=40, ge=0, description="dialogues that are extended, drawn from the train split")
    where: Literal["after", "before"] = Field(default="after", description="what the writer adds")
    loss: Literal["both", "authentic"] = Field(
        default="both", description="whether the lines that the writer adds are learnt, too, or context only"
    )
    origins: tuple[Origin, ...] = Field(default=("authentic",), description="which dialogues are extended")
    turns: int = Field(default=12, ge=2, description="turns of a dialogue that the writer is shown")
    quality: QualitySettings = QualitySettings(min_turns=2, min_own_turns=1)

    @model_validator(mode="after")
    def _learns_something(self) -> AugmentationSettings:
        if self.where == "after" and self.loss == "authentic":
            raise ValueError(
                "with `loss: authentic` nothing is learnt from lines that come after the authentic ones; write "
                "`where: before`, or `loss: both`"
            )
        return self


def choose_dialogues(dialogues: Sequence[Dialogue], settings: AugmentationSettings) -> list[Dialogue]:
    """The dialogues to extend: of the train split, drawn over all of it."""
    usable = [one for one in dialogues if one.split == "train" and one.origin in settings.origins and one.turns]
    return sorted(usable, key=lambda one: fingerprint(one.id))[: settings.count]


async def write_extension(
    dialogue: Dialogue,
    writer: ChatModel,
    *,
    profile: Profile,
    prompt: Prompt,
    settings: AugmentationSettings,
    again: Again | None = None,
) -> Dialogue:
    """What the writer adds, alone, as a dialogue of its own. Raises ReplyError if it adds nothing of the character."""
    near = nearest(dialogue, profile, settings)
    partners = partners_of(dialogue.turns, profile)
    asked = prompt.messages(
        profile=profile,
        scene=dialogue.scene,
        partners=partners,
        where=settings.where,
        lines=[render_turn(turn) for turn in near],
    )
    return await ask_until_read(
        writer,
        settings.request(asked, 0),
        lambda reply: parse_extension(reply, dialogue, near, profile, prompt, writer, settings),
        again,
    )


def nearest(dialogue: Dialogue, profile: Profile, settings: AugmentationSettings) -> tuple[Turn, ...]:
    """The turns next to what is added, as far as the character perceives them."""
    heard = perceived(dialogue.turns, profile)
    return heard[-settings.turns :] if settings.where == "after" else heard[: settings.turns]


def parse_extension(
    reply: ChatReply,
    dialogue: Dialogue,
    near: Sequence[Turn],
    profile: Profile,
    prompt: Prompt,
    writer: ChatModel,
    settings: AugmentationSettings,
) -> Dialogue:
    """The added turns: without those of the scene that the writer repeats next to it, and on the other side's turn."""
    provenance = provenance_of(dialogue.provenance, prompt, writer, reply)
    part = parse_experience(reply, dialogue.scene, profile, provenance, dialogue.purpose, dialogue.category)
    after = settings.where == "after"
    turns, seam = (part.turns, near[-1]) if after else (part.turns[::-1], near[0])
    number = next((k for k, turn in enumerate(turns) if not _repeats(turn, near)), len(turns))
    turns = turns[number:]
    while turns and profile.is_me(turns[0].speaker) and profile.is_me(seam.speaker):
        turns = turns[1:]  # one message of the character would be half authentic
    turns = turns if after else turns[::-1]
    if not any(profile.is_me(turn.speaker) and turn.kind == "speech" for turn in turns):
        raise ReplyError("no new line of the character in the reply", reply.text)
    if any(_repeats(turn, dialogue.turns) for turn in turns if len(words_of(turn.text)) >= _TOLD):
        raise ReplyError("the reply repeats the scene", reply.text)
    return part.model_copy(
        update={
            "id": fingerprint(reply.key, dialogue.id),
            "scene": dialogue.scene,
            "turns": turns,
            "extends": dialogue.id,
            "notes": {**part.notes, "method": _METHOD, "where": settings.where},
        }
    )


def _repeats(turn: Turn, others: Sequence[Turn]) -> bool:
    words = words_of(turn.text)
    return any(jaccard(words, words_of(other.text)) >= _SAME for other in others)


def join(part: Dialogue, dialogue: Dialogue, profile: Profile, settings: AugmentationSettings) -> list[Dialogue]:
    """The rows of a dialogue and what was added to it.

    After: the added turns, shown the scene's last ones, whose loss is in the scene's own row. Before: the scene, shown
    the added turns, which stands in for the scene's own row; with loss on both, the added turns are a row, too.
    """
    if settings.where == "after":
        near = nearest(dialogue, profile, settings)
        return [part.model_copy(update={"shown": near, "shown_origin": dialogue.origin})]
    told = dialogue.model_copy(
        update={
            "id": fingerprint(part.id, "told before"),
            "shown": part.turns,
            "shown_origin": part.origin,
            "extends": dialogue.id,
            "notes": part.notes,
            "provenance": part.provenance,
        }
    )
    return [told, part] if settings.loss == "both" else [told]
