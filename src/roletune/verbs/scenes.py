"""Stage `scenes`: the writer invents scenes from the passages, beside those of the sources."""

from __future__ import annotations

from roletune.engine.store import read_records
from roletune.records import Scene
from roletune.synthesis.scenes import drop_repeated, extract_scenes, plan_calls, select_scenes
from roletune.verbs.stage import Stage
from roletune.verbs.writing import again, ask_each, train_dialogues, turned, writing_settings
from roletune.workbench import Workbench


async def make_scenes(bench: Workbench) -> str:
    """Ask for scenes passage by passage; near-duplicates of known scenes are dropped and listed."""
    settings, profile = bench.project.character.scenes, bench.profile
    lived = [dialogue.scene for dialogue in train_dialogues(bench)]
    told, repeated = drop_repeated(read_records(bench.project.records("source_scenes"), Scene), lived, settings)
    known = [*lived, *told]
    names = [profile.name, *profile.aliases, *dict.fromkeys(name for scene in known for name in scene.present)]
    examples = [scene for scene in known if scene.background and scene.title]
    writer, prompt = bench.ask("writer", "scenes"), bench.prompt("scenes")
    calls = list(enumerate(plan_calls(profile.passages, settings)))
    made, failed = await ask_each(
        bench,
        "scenes",
        calls,
        lambda call: extract_scenes(
            call[1],
            writer,
            profile=profile,
            prompt=prompt,
            examples=turned(examples, call[0] * settings.examples)[: settings.examples],
            settings=settings,
            again=again(bench, settings.retries),
        ),
    )
    chosen, rejected = select_scenes([scene for scenes in made for scene in scenes], known, names, settings)
    kept = bench.keep("scenes", [*told, *chosen], [*failed, *repeated, *rejected], Scene)
    if told:
        return f"{len(kept)} scenes kept, {len(told)} of them from the sources; {settings.count} asked for"
    return f"{len(kept)} new scenes kept, {settings.count} asked for"


STAGE = Stage(
    "scenes",
    "invent new scenes from the passages with the writer",
    make_scenes,
    reads=("profile.jsonl", "dialogues.jsonl", "source_scenes.jsonl"),
    writes=("scenes.jsonl", "scenes.rejected.jsonl"),
    settings=lambda bench: (bench.project.character.scenes, writing_settings(bench, "scenes")),
)
