"""Stage `experiences` with `how: play`: a scene is played turn by turn, each speaker asked in its own person.

For writers too small to keep a whole script together. Each turn is a call of its own, a function of the turns before
it, so a run that was interrupted goes on where it was. The partner is never shown the passage: it knows the situation
only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply
from roletune.prompts import Prompt
from roletune.records import Dialogue, Passage, Profile, Scene, Turn
from roletune.rendering.script import parse_script, render_turn
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.experiences import ExperienceSettings, parse_experience, provenance_of


async def play_scene(
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
    """The partner begins, and both take turns until there are `settings.turns`.

    The dialogue's provenance is that of the last turn, whose prompt shows all others. Raises ReplyError for a turn in
    which nothing is said.
    """
    lines = [turn.text for one in examples for turn in one.turns if profile.is_me(turn.speaker)]
    said: list[tuple[Turn, ChatReply]] = []
    for number in range(settings.turns):
        speaker = profile.name if number % 2 else partner
        asked = prompt.messages(
            profile=profile,
            passage=passage,
            scene=scene,
            partner=partner,
            speaker=speaker,
            told=_script(said),
            lines=lines[: settings.example_turns],
        )
        request = replace(settings.request(asked, sample), max_tokens=min(settings.max_tokens, settings.turn_tokens))
        said.append(await ask_until_read(writer, request, partial(_read_turn, speaker=speaker, profile=profile), again))
    last = said[-1][1]
    whole = replace(last, text=_script(said), finish_reason="stop")
    return parse_experience(whole, scene, profile, provenance_of(scene.provenance, prompt, writer, last))


def _script(said: Sequence[tuple[Turn, ChatReply]]) -> str:
    return "\n".join(render_turn(turn) for turn, _ in said)


def _read_turn(reply: ChatReply, *, speaker: str, profile: Profile) -> tuple[Turn, ChatReply]:
    return parse_turn(reply, speaker, profile), reply


def parse_turn(reply: ChatReply, speaker: str, profile: Profile) -> Turn:
    """What the speaker says: up to where somebody else would speak. Raises ReplyError if that is nothing."""
    scenes = parse_script(reply.text).scenes
    spoken = next((turn for scene in scenes for turn in scene.turns if turn.kind == "speech"), None)
    if spoken is None:  # the reply names nobody
        said = " ".join(reply.text.split())
    else:
        same = spoken.speaker == speaker or (profile.is_me(spoken.speaker) and profile.is_me(speaker))
        said = spoken.text if same else ""
    said = said.strip('"“”「」 ')
    if not said:
        raise ReplyError("nothing that the speaker says in the reply", reply.text)
    return Turn(speaker=speaker, text=said)
