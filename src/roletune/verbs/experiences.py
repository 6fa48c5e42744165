"""Stage `experiences`: the writer plays the new scenes out as dialogues; the quality filters decide what is kept."""

from __future__ import annotations

from roletune.engine.store import read_records
from roletune.records import Dialogue, Scene, fingerprint
from roletune.synthesis.experiences import write_experience
from roletune.synthesis.play import play_scene
from roletune.verbs.stage import Stage
from roletune.verbs.writing import (
    again,
    ask_each,
    examples_for,
    keep_good,
    partners_of_all,
    train_dialogues,
    writing_settings,
)
from roletune.workbench import Workbench

_PROMPTS = {"script": "experiences", "play": "experiences_turn"}


async def make_experiences(bench: Workbench) -> str:
    """Ask for `per_scene` dialogues of each scene, with a partner and with examples that change from call to call."""
    settings, profile = bench.project.character.experiences, bench.profile
    lived = [dialogue for dialogue in train_dialogues(bench) if dialogue.purpose == "lived"]
    partners = settings.partners or partners_of_all(lived, profile)
    writer, prompt = bench.ask("writer", "experiences"), bench.prompt(_PROMPTS[settings.how])
    complete = play_scene if settings.how == "play" else write_experience
    known = [dialogue.scene for dialogue in lived if dialogue.scene.background]
    known.sort(key=lambda scene: scene.id)  # an order that is no order of the files: a few come from all of them
    scenes = [*read_records(bench.project.records("scenes"), Scene), *known[: settings.replays]]
    calls = [(scene, sample) for scene in scenes for sample in range(settings.per_scene)]

    async def write(call: tuple[Scene, int]) -> Dialogue:
        scene, sample = call
        others = [dialogue for dialogue in lived if dialogue.scene.id != scene.id]  # a replay would be copied from it
        named = next((name for name in scene.present if not profile.is_me(name)), "")
        return await complete(
            scene,
            writer,
            profile=profile,
            passage=bench.passage(scene.provenance.passage),
            prompt=prompt,
            examples=examples_for((scene.id, sample), others, settings.examples),
            partner=named or min(partners, key=lambda name: fingerprint(scene.id, sample, name)),
            settings=settings,
            sample=sample,
            again=again(bench, settings.retries),
        )

    made, failed = await ask_each(bench, "experiences", calls, write)
    return keep_good(bench, "experiences", made, failed, settings.quality)


STAGE = Stage(
    "experiences",
    "play the scenes out as dialogues with the writer",
    make_experiences,
    reads=("profile.jsonl", "dialogues.jsonl", "scenes.jsonl"),
    writes=("experiences.jsonl", "experiences.rejected.jsonl"),
    settings=lambda bench: (
        bench.project.character.experiences,
        writing_settings(bench, _PROMPTS[bench.project.character.experiences.how]),
    ),
)
