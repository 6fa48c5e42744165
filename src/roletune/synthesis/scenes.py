"""Stage `scenes`: passage -> scenes (Character-LLM's scene extraction).

For each passage the writer invents scenes in the script format, after a few examples from the train split. Scenes
without a place or a situation, and near-duplicates of earlier ones, are rejected with their reason, and replaced.

It goes in rounds: in one round each passage is asked about once, and the writer is told what the rounds before it made
of the passage. A round depends on finished rounds only, so that a run that goes on asks exactly what it would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from pydantic import BaseModel, ConfigDict, Field

from roletune.engine.duplicates import count_words
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply
from roletune.prompts import Prompt, Shot
from roletune.records import Passage, Profile, Provenance, Rejection, Scene, SceneKind, fingerprint
from roletune.rendering.script import ParsedScene, parse_script, render_script
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.duplicates import DuplicateSettings, find_duplicates
from roletune.synthesis.settings import WritingSettings
from roletune.synthesis.wording import goes_in_circles

OVERLAP = 0.6  # of the words of two backgrounds, from which they are one


class SceneSettings(WritingSettings):
    """The `scenes:` block of character.yaml."""

    count: int = Field(default=100, ge=0, description="scenes to ask for, spread over the passages")
    per_call: int = Field(default=5, ge=1, description="scenes asked for in one call")
    examples: int = Field(default=2, ge=0, description="scenes of the train split shown as examples")
    max_tokens: int = Field(default=700, ge=50)
    told: int = Field(default=10, ge=0, description="scenes of earlier rounds that the writer is told of, a passage")
    replacements: int = Field(default=3, ge=0, description="rounds, at most, for scenes that were not kept")
    max_words: int = Field(default=90, ge=5, description="of a background; a longer one tells a story")
    duplicates: DuplicateSettings = DuplicateSettings()


class SceneCall(BaseModel):
    """One question to the writer: a passage, which repetition for it, and the scenes that there are already."""

    model_config = ConfigDict(frozen=True)

    passage: Passage
    count: int
    sample: int
    earlier: tuple[Scene, ...] = ()


def plan_round(
    passages: Sequence[Passage], settings: SceneSettings, number: int, kept: Sequence[Scene], brought: int
) -> list[SceneCall]:
    """The calls of a round, none when all is done; `brought` is how many scenes the round before it gave.

    First come the rounds of the plan, then those that replace what was not kept, as long as there is something to
    replace and a round brings something.
    """
    plan = plan_calls(passages, settings)
    planned = max((call.sample for call in plan), default=-1) + 1
    calls = [call for call in plan if call.sample == number]
    missing = min(settings.count - len(kept), settings.per_call * len(passages))
    if number >= planned and brought and missing > 0 and number < planned + settings.replacements:
        start = number % len(passages)
        turned = [*passages[start:], *passages[:start]]
        again = plan_calls(turned, settings.model_copy(update={"count": missing}))
        calls = [call.model_copy(update={"sample": number}) for call in again]
    return [call.model_copy(update={"earlier": _made_of(call.passage, kept, settings.told)}) for call in calls]


def _made_of(passage: Passage, kept: Sequence[Scene], told: int) -> tuple[Scene, ...]:
    """The latest scenes that were made of a passage."""
    made = tuple(scene for scene in kept if scene.provenance.passage == passage.id)
    return made[-told:] if told else ()


def plan_calls(passages: Sequence[Passage], settings: SceneSettings) -> list[SceneCall]:
    """As many calls as `count` scenes need, each passage in turn, so that a few scenes come from many passages."""
    calls: list[SceneCall] = []
    left = settings.count
    while left > 0 and passages:
        passage = passages[len(calls) % len(passages)]
        count = min(left, settings.per_call)
        calls.append(SceneCall(passage=passage, count=count, sample=len(calls) // len(passages)))
        left -= count
    return calls


async def extract_scenes(
    call: SceneCall,
    writer: ChatModel,
    *,
    profile: Profile,
    prompt: Prompt,
    examples: Sequence[Scene],
    settings: SceneSettings,
    again: Again | None = None,
) -> list[Scene]:
    """Ask for scenes about one passage. Raises ReplyError if the reply holds none."""
    request = settings.request(
        prompt.messages(
            _shots(examples, call.passage),
            profile=profile,
            passage=call.passage,
            count=call.count,
            earlier=call.earlier,
        ),
        call.sample,
    )
    return await ask_until_read(
        writer,
        request,
        lambda reply: parse_scenes(reply, call.passage, prompt, writer.name, call.count),
        again,
        prompt.example,
    )


def _shots(scenes: Sequence[Scene], passage: Passage) -> list[Shot]:
    """Known scenes as worked examples; what is known is told with the question only."""
    known = passage.model_copy(update={"text": "..."})
    headed = [scene.model_copy(update={"time": "", "mood": "", "present": ()}) for scene in scenes]
    return [Shot(render_script(scene, ()), {"passage": known, "count": 1, "earlier": ()}) for scene in headed]


def parse_scenes(reply: ChatReply, passage: Passage, prompt: Prompt, model: str, count: int) -> list[Scene]:
    """The scenes of a reply, at most `count`. Raises ReplyError if there is none with a place or a situation."""
    provenance = Provenance(
        source=f"passage:{passage.id}", passage=passage.id, prompt=prompt.hash, model=model, request=reply.key
    )
    scenes = parse_script(reply.text).scenes
    if reply.finish_reason == "length" and scenes and not scenes[-1].turns:
        scenes = scenes[:-1]  # its header was not finished
    parsed = [scene for scene in scenes if scene.headers.get("background")]
    if not parsed:
        raise ReplyError("no scene in the reply", reply.text)
    return [_scene(scene, provenance) for scene in parsed[:count]]


def _scene(parsed: ParsedScene, provenance: Provenance) -> Scene:
    headers = parsed.headers
    kind = headers.get("type", "").casefold()
    return Scene(
        id=fingerprint(provenance.request, parsed.title, headers),
        kind=kind if kind in get_args(SceneKind) else "chat",
        title=parsed.title,
        location=headers.get("location", ""),
        background=headers.get("background", ""),
        provenance=provenance,
    )


def select_scenes(
    scenes: Sequence[Scene], known: Sequence[Scene], names: Sequence[str], settings: SceneSettings
) -> tuple[list[Scene], list[Rejection]]:
    """Drop what is no scene of this character or repeats one; every scene is kept or listed.

    `names` are those of the character's world: a scene that has none of them belongs to another story.
    """
    every = [*known, *scenes]
    backgrounds = [scene.background for scene in every]
    repeated = {pair.later: pair for pair in find_duplicates(backgrounds, settings.duplicates, OVERLAP, len(known))}
    kept: list[Scene] = []
    rejected: list[Rejection] = []
    for number, scene in enumerate(scenes, len(known)):
        reason, detail = _fault(scene, names, settings), scene.background
        if not reason and number in repeated:
            reason, detail = "near-duplicate", every[repeated[number].earlier].title
        if reason:
            rejected.append(
                Rejection(stage="scenes", reason=reason, detail=detail, record=scene.model_dump(mode="json"))
            )
        else:
            kept.append(scene)
    return kept, rejected


def drop_repeated(
    scenes: Sequence[Scene], known: Sequence[Scene], settings: SceneSettings
) -> tuple[list[Scene], list[Rejection]]:
    """The scenes that repeat none before them, and the others. Somebody wrote them: nothing else is asked of them."""
    every = [*known, *scenes]
    backgrounds = [scene.background for scene in every]
    repeated = {pair.later: pair for pair in find_duplicates(backgrounds, settings.duplicates, OVERLAP)}
    kept = [scene for number, scene in enumerate(scenes, len(known)) if number not in repeated]
    rejected = [
        Rejection(
            stage="scenes",
            reason="near-duplicate",
            detail=every[repeated[number].earlier].title,
            record=scene.model_dump(mode="json"),
        )
        for number, scene in enumerate(scenes, len(known))
        if number in repeated
    ]
    return kept, rejected


def _fault(scene: Scene, names: Sequence[str], settings: SceneSettings) -> str:
    """Why this is no scene to play out, '' if it is one."""
    words = count_words(scene.background)
    if words < 5:
        return "no situation"
    if words > settings.max_words:
        return "the background runs on"
    if goes_in_circles(scene.background):
        return "goes in circles"
    text = f"{scene.title} {scene.location} {scene.background}".casefold()
    return "" if any(name.casefold() in text for name in names) else "nobody of this world is in it"
