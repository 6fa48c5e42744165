"""Method `instructions`: questions to the character with their answers (Context-Instruct), as RoCIT rows."""

from __future__ import annotations

from roletune.records import Dialogue
from roletune.synthesis.instructions import plan_segments, segments_of, select_instructions, write_instructions
from roletune.synthesis.rocit import Exchanges, rocit_dialogue
from roletune.verbs.stage import Stage
from roletune.verbs.writing import again, ask_each, part_good, train_dialogues, writing_settings
from roletune.workbench import Workbench


async def make_instructions(bench: Workbench) -> str:
    """Ask for questions segment by segment; keep what the writer is sure of, and nothing twice."""
    settings, profile = bench.project.character.instructions, bench.profile
    train = train_dialogues(bench)
    calls = plan_segments(segments_of(profile, train, settings.segment_words), settings)
    writer, prompt = bench.ask("writer", "instructions"), bench.prompt("instructions")
    made, failed = await ask_each(
        bench,
        "instructions",
        calls,
        lambda call: write_instructions(
            call, writer, profile=profile, prompt=prompt, settings=settings, again=again(bench, settings.retries)
        ),
    )
    unfit = [rejection for _, rejections in made for rejection in rejections]
    good, repeated = select_instructions([one for instructions, _ in made for one in instructions], settings)
    rocit, exchanges = bench.prompt("rocit"), Exchanges(train, profile)
    rows = [rocit_dialogue(one, profile, settings, rocit, exchanges) for one in good]
    fit, bad = part_good("instructions", rows, profile, settings.quality)
    kept = bench.keep("instructions", fit, [*failed, *unfit, *repeated, *bad], Dialogue)
    based = sum(row.category == "script_based" for row in kept)
    return f"{len(kept)} questions kept ({based} script-based) of {settings.count} asked for"


STAGE = Stage(
    "instructions",
    "write questions to the character with their answers (RoleLLM's Context-Instruct)",
    make_instructions,
    reads=("profile.jsonl", "dialogues.jsonl"),
    writes=("instructions.jsonl", "instructions.rejected.jsonl"),
    settings=lambda bench: (
        bench.project.character.instructions,
        bench.prompt("rocit").hash,
        writing_settings(bench, "instructions"),
    ),
)
