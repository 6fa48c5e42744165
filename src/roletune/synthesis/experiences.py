"""Stage `experiences`: scene -> dialogue (Character-LLM's experience completion), whole in one call, as a script.

`synthesis.play` does the same turn by turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply
from roletune.prompts import Prompt, Shot
from roletune.records import (
    THOUGHTS_CUT,
    Dialogue,
    Passage,
    Profile,
    Provenance,
    Purpose,
    Scene,
    Turn,
    fingerprint,
)
from roletune.rendering.script import parse_script, render_turn
from roletune.rendering.viewpoint import partners_of
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.quality import QualitySettings
from roletune.synthesis.settings import WritingSettings


class ExperienceSettings(WritingSettings):
    """The `experiences:` block of character.yaml."""

    how: Literal["script", "play"] = Field(
        default="script",
        description="script: one reply is the whole dialogue; play: one reply a turn, for small writers",
    )
    turns: int = Field(default=10, ge=2, description="of `play`: turns of a dialogue")
    turn_tokens: int = Field(default=80, ge=10, description="of `play`: length of one turn")
    per_scene: int = Field(default=1, ge=0, description="dialogues written for each scene")
    replays: int = Field(default=0, ge=0, description="known scenes of the train split that are played out anew")
    examples: int = Field(default=2, ge=0, description="dialogues of the train split shown as examples")
    example_turns: int = Field(default=6, ge=2, description="turns shown of each example")
    partners: tuple[str, ...] = Field(default=(), description="who may speak with the character; default: who does so")
    max_tokens: int = Field(default=1200, ge=50)
    quality: QualitySettings = QualitySettings()


async def write_experience(
    scene: Scene,
    writer: ChatModel,
    *,
    profile: Profile,
    passage: Passage | None,
    prompt: Prompt,
    examples: Sequence[Dialogue],
    partner: str,
    settings: ExperienceSettings,
    sample: int = 0,
    again: Again | None = None,
) -> Dialogue:
    """Ask the writer to play a scene out. Raises ReplyError if the reply holds no line of the character."""
    request = settings.request(
        prompt.messages(
            as_shots(examples, profile, settings.example_turns),
            profile=profile,
            passage=passage,
            scene=scene,
            partner=partner,
        ),
        sample,
    )
    return await ask_until_read(
        writer,
        request,
        lambda reply: parse_experience(reply, scene, profile, provenance_of(scene.provenance, prompt, writer, reply)),
        again,
    )


def as_shots(dialogues: Sequence[Dialogue], profile: Profile, turns: int) -> list[Shot]:
    """Dialogues as worked examples: their scene is the question, their first `turns` spoken turns are the answer."""
    shots = []
    for dialogue in dialogues:
        spoken = [turn for turn in dialogue.turns if turn.kind == "speech"][:turns]
        values = {
            "scene": dialogue.scene,
            "passage": None,
            "partner": " and ".join(partners_of(spoken, profile)),
            "attempt": dialogue.scene.background,
        }
        shots.append(Shot("\n".join(render_turn(turn) for turn in spoken), values))
    return shots


def provenance_of(scene: Provenance, prompt: Prompt, writer: ChatModel, reply: ChatReply) -> Provenance:
    """The lineage of what `reply` gave: the scene's source and passage, this prompt, this model, this call."""
    return scene.model_copy(update={"prompt": prompt.hash, "model": writer.name, "request": reply.key})


def parse_experience(
    reply: ChatReply,
    scene: Scene,
    profile: Profile,
    provenance: Provenance,
    purpose: Purpose = "lived",
    category: str = "",
) -> Dialogue:
    """The first scene of a reply as a dialogue; a reply cut off at its length loses its unfinished last turn.

    Thoughts of others, which the character can't know, are cut out and counted in `notes`.

    Whatever a writer makes is train: its prompts hold train material only, and held-out data is authentic or written.
    """
    scenes = parse_script(reply.text).scenes
    played = next((scene for scene in scenes if scene.turns), None)
    if played is None:
        raise ReplyError("no turn in the reply", reply.text)
    unfinished = reply.finish_reason == "length" and played is scenes[-1]
    whole = [turn for turn in (played.turns[:-1] if unfinished else played.turns) if turn.text]
    turns = [_own_name(turn, profile) for turn in whole if turn.kind != "thought" or profile.is_me(turn.speaker)]
    cut = len(whole) - len(turns)
    if not any(profile.is_me(turn.speaker) and turn.kind == "speech" for turn in turns):
        raise ReplyError("no line of the character in the reply", reply.text)
    speakers = tuple(dict.fromkeys(turn.speaker for turn in turns if turn.speaker))
    return Dialogue(
        id=fingerprint(provenance.request, [turn.model_dump() for turn in turns]),
        scene=scene.model_copy(update={"present": speakers}),
        turns=tuple(turns),
        origin="generated",
        purpose=purpose,
        category=category,
        notes={THOUGHTS_CUT: str(cut)} if cut else {},
        split="train",
        provenance=provenance,
    )


def _own_name(turn: Turn, profile: Profile) -> Turn:
    return turn.model_copy(update={"speaker": profile.name}) if profile.is_me(turn.speaker) else turn
