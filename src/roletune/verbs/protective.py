"""Stage `protective`: the writer makes scenes in which somebody tries to lead the character out of its world."""

from __future__ import annotations

from roletune.records import Dialogue
from roletune.synthesis.lures import lures_for, read_lures
from roletune.synthesis.protective import Lure, plan_lures, write_protective
from roletune.verbs.stage import Stage
from roletune.verbs.writing import (
    again,
    ask_each,
    examples_for,
    keep_good,
    read_dialogues_of,
    train_dialogues,
    writing_settings,
)
from roletune.workbench import Workbench


async def make_protective(bench: Workbench) -> str:
    """Ask for one dialogue a lure and its clean twin, after the protective dialogues of the train split as examples."""
    settings, profile = bench.project.character.protective, bench.profile
    train = train_dialogues(bench)
    examples = [d for d in train if d.purpose == "protective"] or train
    writer, prompt = bench.ask("writer", "protective"), bench.prompt("protective")
    twin_prompt, clean = bench.prompt("protective_twin"), [d for d in train if d.purpose == "lived"]
    lures = plan_lures(lures_for(read_lures(profile.language, bench.project.prompts), profile.boundary), settings)
    calls = [(lure, twin) for twin in (False, True)[: 1 + settings.twins] for lure in lures]

    async def write(call: tuple[Lure, bool]) -> Dialogue:
        lure, twin = call
        return await write_protective(
            lure,
            writer,
            profile=profile,
            prompt=twin_prompt if twin else prompt,
            examples=examples_for((lure.title, twin), clean if twin else examples, settings.examples),
            settings=settings,
            again=again(bench, settings.retries),
            twin=twin,
        )

    made, failed = await ask_each(bench, "protective", calls, write)
    written = sum(dialogue.purpose == "protective" for dialogue in read_dialogues_of(bench, "dialogues"))
    return f"{keep_good(bench, 'protective', made, failed, settings.quality)}, beside {written} in the sources"


STAGE = Stage(
    "protective",
    "write scenes that try to lead the character out of its role",
    make_protective,
    reads=("profile.jsonl", "dialogues.jsonl"),
    writes=("protective.jsonl", "protective.rejected.jsonl"),
    settings=lambda bench: (
        bench.project.character.protective,
        read_lures(bench.project.character.language, bench.project.prompts),
        bench.prompt("protective_twin").hash,
        writing_settings(bench, "protective"),
    ),
)
