"""Stage `scenes`: the writer invents scenes from the passages, beside those of the sources."""

from __future__ import annotations

from roletune.engine.store import read_records
from roletune.records import Rejection, Scene
from roletune.synthesis.scenes import SceneCall, drop_repeated, extract_scenes, plan_round, select_scenes
from roletune.verbs.stage import Stage
from roletune.verbs.writing import again, ask_each, examples_for, train_dialogues, writing_settings
from roletune.workbench import Workbench


async def make_scenes(bench: Workbench) -> str:
    """Ask for scenes passage by passage, in rounds; what is not kept is listed, and replaced in the rounds after it."""
    settings, profile = bench.project.character.scenes, bench.profile
    lived = [dialogue.scene for dialogue in train_dialogues(bench)]
    told, repeated = drop_repeated(read_records(bench.project.records("source_scenes"), Scene), lived, settings)
    known = [*lived, *told]
    names = [profile.name, *profile.aliases, *dict.fromkeys(name for scene in known for name in scene.present)]
    examples = [scene for scene in known if scene.background and scene.title]
    writer, prompt = bench.ask("writer", "scenes"), bench.prompt("scenes")

    async def extract(call: SceneCall) -> list[Scene]:
        return await extract_scenes(
            call,
            writer,
            profile=profile,
            prompt=prompt,
            examples=examples_for((call.passage.id, call.sample), examples, settings.examples),
            settings=settings,
            again=again(bench, settings.retries),
        )

    chosen: list[Scene] = []
    rejected: list[Rejection] = []
    number = brought = 0
    while calls := plan_round(profile.passages, settings, number, chosen, brought):
        made, failed = await ask_each(bench, "scenes", calls, extract)
        fresh, unfit = select_scenes([scene for scenes in made for scene in scenes], [*known, *chosen], names, settings)
        chosen, rejected = [*chosen, *fresh], [*rejected, *failed, *unfit]
        number, brought = number + 1, len(fresh)
    kept = bench.keep("scenes", [*told, *chosen], [*repeated, *rejected], Scene)
    if told:
        return f"{len(kept)} scenes kept, {len(told)} of them from the sources; {settings.count} asked for"
    return f"{len(kept)} new scenes kept of {settings.count} asked for, in {number} round{'' if number == 1 else 's'}"


STAGE = Stage(
    "scenes",
    "invent new scenes from the passages with the writer",
    make_scenes,
    reads=("profile.jsonl", "dialogues.jsonl", "source_scenes.jsonl"),
    writes=("scenes.jsonl", "scenes.rejected.jsonl"),
    settings=lambda bench: (bench.project.character.scenes, writing_settings(bench, "scenes")),
)
